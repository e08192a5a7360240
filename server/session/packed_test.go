package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// everything fills every field that there is, so that one which is added later is not forgotten here.
func everything(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.UnixMilli(1_700_000_000_000 + int64(*n)*1001).UTC()
		return
	case *mdc.SessionID, *mdc.SSOID:
		v.SetString(fmt.Sprintf("%021dA", *n))
		return
	case *[]byte:
		*x = []byte(fmt.Sprintf("%032d", *n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		everything(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		everything(t, v.Index(0), n)
		everything(t, v.Index(1), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		everything(t, key, n)
		everything(t, value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			everything(t, v.Field(i), n)
		}
	default:
		t.Fatalf("a field of type %s has no place in a packed session", v.Type())
	}
}

// TestPackedSessionIsTheSame, with every field that a session has and with none but the least; what would not come back the same is not packed.
func TestPackedSessionIsTheSame(t *testing.T) {
	t.Parallel()
	full := new(mdc.Session)
	everything(t, reflect.ValueOf(full).Elem(), new(int))
	bare := &mdc.Session{ID: full.ID, SSOID: full.SSOID, ProofHash: full.ProofHash}
	for name, s := range map[string]*mdc.Session{"full": full, "bare": bare} {
		again, length, ok := session.Repacked(s)
		if d := cmp.Diff(s, again); d != "" || !ok {
			t.Errorf("%s: %v %s", name, ok, d)
		}
		t.Logf("%s: %d bytes", name, length)
	}
	for name, edit := range map[string]func(*mdc.Session){
		"a proof of another length": func(s *mdc.Session) { s.ProofHash = []byte("short") },
		"parts of a millisecond":    func(s *mdc.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Nanosecond) },
		"an index of other ids":     func(s *mdc.Session) { s.Index = []mdc.SessionID{"?"} },
		"an origin of another id":   func(s *mdc.Session) { s.Origin = &mdc.Origin{SessionID: "?"} },
		"a sign-on of another id":   func(s *mdc.Session) { s.SSOID = "?" },
	} {
		s := *full
		edit(&s)
		if _, _, ok := session.Repacked(&s); ok {
			t.Errorf("%s: packed", name)
		}
	}
}

// TestPackedSessionNeedsNoStore: who comes back after others have taken the room is let in from memory, and what changed meanwhile is in it.
func TestPackedSessionNeedsNoStore(t *testing.T) {
	w := newWorld(t, "NYDC")
	nydc, b := w.centers["NYDC"], w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	before := b.authorize("shop", "NYDC").Session
	w.setPerson("NYDC", session.Person{Name: "ann", Groups: []string{"others"}, Enabled: true, Prevails: true})
	nydc.UsersChanged()
	nydc.StoresChanged()
	b.authorize("shop", "NYDC")
	nydc.ForgetDecoded()
	must(t, nydc.sessions.Close())
	d := b.authorize("shop", "NYDC")
	if d.Session == nil || d.Session == before {
		t.Fatalf("from memory alone: %s", d.Rule)
	}
	want(t, "its groups", fmt.Sprint(d.Session.Groups), "[others]")
	want(t, "its id", d.Session.ID, before.ID)
}

// SEC-01, OAM-34: what ends is not found packed either, whoever ends it and whether it is in use at that moment or not.
func TestPackedSessionEnds(t *testing.T) {
	ctx := context.Background()
	ways := map[string]func(w *world, b *browser, s *mdc.Session) error{
		"the sign-on": func(w *world, b *browser, _ *mdc.Session) error {
			_, err := w.centers["NYDC"].SignOut(ctx, b.sso())
			return err
		},
		"the session": func(w *world, _ *browser, s *mdc.Session) error {
			_, err := w.centers["NYDC"].SignOutSession(ctx, s.ID)
			return err
		},
		"the user": func(w *world, _ *browser, _ *mdc.Session) error {
			w.clock.Advance(time.Second)
			return w.centers["NYDC"].EndUser(ctx, people, "ann")
		},
		"taken over": func(w *world, b *browser, _ *mdc.Session) error {
			w.set(func(p *mdc.SessionPolicy) { p.Anchored = true })
			want(w.t, "at LDC", b.visit("LDC").Session != nil, true)
			w.sync()
			return nil
		},
		"its time": func(w *world, _ *browser, s *mdc.Session) error {
			w.clock.Advance(s.ExpiresAt.Sub(w.clock.Now()) + time.Minute)
			w.centers["NYDC"].SweepMemory()
			return nil
		},
	}
	for name, end := range ways {
		for _, inUse := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in use %v", name, inUse), func(t *testing.T) {
				w := newWorld(t, "NYDC", "LDC")
				nydc, b := w.centers["NYDC"], w.browser()
				s := b.signIn("NYDC", "ann").Session
				want(t, "packed", nydc.Packed(), 1)
				if !inUse {
					nydc.ForgetDecoded()
				}
				must(t, end(w, b, s))
				want(t, "packed after the end", nydc.Packed(), 0)
			})
		}
	}
}

// TestUseOutlivesTheDecodedForm: the last access that is not written yet counts after others have taken the room, is written, and
// reaches the members.
func TestUseOutlivesTheDecodedForm(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	nydc, b := w.centers["NYDC"], w.browser()
	b.signIn("NYDC", "ann")
	b.enter("long", "NYDC", "NYDC")
	b.visit("LDC")
	w.sync()
	idle := w.SessionPolicy().IdleTimeout.D()
	for range 3 {
		w.clock.Advance(idle - time.Minute)
		if d := b.authorize("long", "NYDC"); d.Session == nil {
			t.Fatal(d.Rule)
		}
		nydc.ForgetDecoded()
		want(t, "last access", nydc.list()[0].LastAccess, w.clock.Now())
	}
	used := w.clock.Now()
	w.spread("NYDC")
	w.part("NYDC", "LDC", true)
	want(t, "last access at the member", w.centers["LDC"].list()[0].LastAccess, used)
	want(t, "last access in the store", nydc.list()[0].LastAccess, used)
	w.clock.Advance(idle - time.Millisecond)
	want(t, "found", b.authorize("long", "NYDC").Rule, session.FoundLocal)
	nydc.ForgetDecoded()
	w.clock.Advance(idle)
	want(t, "idle", b.authorize("long", "NYDC").Rule, session.ChallengeIdle)
}

// TestRecordForms: a session is packed in the store too; one that was written as JSON is read as before, and a damaged one is an error and no
// session.
func TestRecordForms(t *testing.T) {
	w := newWorld(t, "NYDC")
	nydc, b := w.centers["NYDC"], w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	s := b.authorize("shop", "NYDC").Session
	key := []byte("s/" + s.ID)
	rewrite := func(change func(v []byte) []byte) {
		t.Helper()
		must(t, nydc.sessions.Update(t.Context(), func(sw store.Writer) error {
			v, err := sw.Get(key)
			if err != nil {
				return err
			}
			return sw.Put(key, change(v), time.Hour)
		}))
		nydc.DropHeld(s.ID)
	}
	rewrite(func(v []byte) []byte {
		want(t, "the form of the record", v[0], 1)
		former, err := json.Marshal(s)
		must(t, err)
		return former
	})
	d := b.authorize("shop", "NYDC")
	if d.Session == nil || cmp.Diff(s, d.Session) != "" {
		t.Fatalf("as JSON: %s %s", d.Rule, cmp.Diff(s, d.Session))
	}
	must(t, nydc.AnswerFor(t.Context(), s.ID, "AAAAAAAAAAAAAAAAAAAAAA"))
	rewrite(func(v []byte) []byte {
		want(t, "the form after a change", v[0], 1)
		return v[:len(v)-1]
	})
	if d, err := nydc.Authorize(t.Context(), agents["shop"], session.AuthorizeInput{Scheme: "https", Host: "shop.example.com", Cookie: b.agentCookie("shop")}); err == nil {
		t.Errorf("a damaged record: %v, rule %q; want an error", d.Session, d.Rule)
	}
}
