package configuration_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

var bob = configuration.Actor{Name: "token:bob", Rights: mdc.EveryRight()}

func (w *world) lock(actor configuration.Actor, name, owner string, timeout time.Duration) configuration.Lock {
	w.Helper()
	l, err := w.Lock(w.ctx(), actor, mdc.GroupKind(), name, configuration.Request{Owner: owner, Timeout: timeout})
	w.must(err)
	return l
}

// write changes the group, with a fencing number.
func (w *world) write(actor configuration.Actor, number uint64, description string) error {
	w.Helper()
	_, err := w.Put(w.ctx(), actor, mdc.GroupKind(), &mdc.Group{Name: "g", Description: description}, configuration.Precondition{Lock: number})
	return err
}

// TestLockKeepsOthersOut: only the holder's number lets a write through, of every form (MSS-05).
func TestLockKeepsOthersOut(t *testing.T) {
	w := start(t, options{})
	w.put(mdc.GroupKind(), group("g"))
	l := w.lock(ann, "g", "pipeline 7", 0)
	if l.Number != 1 || l.ExpiresAt.Sub(l.TakenAt) != mdc.DefaultLockTimeout {
		t.Errorf("lock: %+v", l)
	}
	w.clock.Advance(80 * time.Second)
	err := w.write(bob, 0, "b")
	refused(t, err, fault.Conflict, "locked")
	f, _ := errors.AsType[*fault.Error](err)
	if want := `The group "g" is locked by pipeline 7 (token:ann) for another 1m40s. Wait, or ask for its release.`; f.RetryAfter != 100*time.Second || f.Message != want {
		t.Errorf("retry after %s: %s", f.RetryAfter, f.Message)
	}
	refused(t, w.write(ann, 0, "a"), fault.Conflict, "locked")
	refused(t, w.write(bob, l.Number, "b"), fault.Conflict, "locked")
	refused(t, w.write(ann, l.Number+1, "b"), fault.Conflict, "stale_lock")
	refused(t, w.Delete(t.Context(), bob, mdc.GroupKind(), "g", configuration.Precondition{}), fault.Conflict, "locked")
	_, err = w.Batch(t.Context(), bob, []configuration.Operation{give(mdc.GroupKind(), group("other")), give(mdc.GroupKind(), group("g"))}, false)
	refused(t, err, fault.Conflict, "locked", "/operations/1")
	w.must(w.write(ann, l.Number, "a"))
	_, err = w.Lock(t.Context(), bob, mdc.GroupKind(), "g", configuration.Request{Owner: "pipeline 7"})
	refused(t, err, fault.Conflict, "locked")
	_, err = w.Lock(t.Context(), ann, mdc.GroupKind(), "g", configuration.Request{Owner: "pipeline 8"})
	refused(t, err, fault.Conflict, "locked")
	again := w.lock(ann, "g", "pipeline 7", time.Hour)
	if again.Number != l.Number || again.ExpiresAt != w.clock.Now().Add(time.Hour) || again.TakenAt != l.TakenAt {
		t.Errorf("more time: %+v", again)
	}
	refused(t, w.Unlock(t.Context(), bob, mdc.GroupKind(), "g", 0, false), fault.Conflict, "locked")
	refused(t, w.Unlock(t.Context(), ann, mdc.GroupKind(), "g", 7, false), fault.Conflict, "stale_lock")
	w.must(w.Unlock(t.Context(), ann, mdc.GroupKind(), "g", l.Number, false))
	w.must(w.write(bob, 0, "free"))
	refused(t, w.Unlock(t.Context(), ann, mdc.GroupKind(), "g", l.Number, true), fault.NotFound, "not_found")
}

// TestLockLeftBehind: a lock ends by itself, and its holder's late write is refused, whether somebody came after it or not
// (FLT-20).
func TestLockLeftBehind(t *testing.T) {
	w := start(t, options{})
	w.put(mdc.GroupKind(), group("g"))
	first := w.lock(ann, "g", "p", time.Minute)
	w.clock.Advance(time.Minute)
	if _, err := w.Locked(t.Context(), ann, mdc.GroupKind(), "g"); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is still held: %v", err)
	}
	refused(t, w.write(ann, first.Number, "late"), fault.Conflict, "stale_lock")
	w.must(w.write(bob, 0, "between"))
	second := w.lock(bob, "g", "q", time.Minute)
	refused(t, w.write(ann, first.Number, "later"), fault.Conflict, "stale_lock")
	w.must(w.write(bob, second.Number, "holder"))
	w.clock.Advance(time.Hour)
	third := w.lock(ann, "g", "p", time.Minute)
	if first.Number >= second.Number || second.Number >= third.Number {
		t.Errorf("numbers %d, %d, %d do not grow", first.Number, second.Number, third.Number)
	}
	w.must(w.Unlock(t.Context(), bob, mdc.GroupKind(), "g", 0, true))
}

// TestLockNumbersSurviveARestart: a number is never given twice, and a lock outlives the process that gave it.
func TestLockNumbersSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir, options{})
	w.put(mdc.GroupKind(), group("g"))
	w.put(mdc.GroupKind(), group("h"))
	held, gone := w.lock(ann, "g", "p", time.Hour), w.lock(ann, "h", "p", time.Second)
	w.must(w.Unlock(t.Context(), ann, mdc.GroupKind(), "h", gone.Number, false))
	w.close()
	w = newWorld(t, dir, options{})
	defer w.close()
	refused(t, w.write(bob, 0, "x"), fault.Conflict, "locked")
	w.must(w.write(ann, held.Number, "x"))
	if l := w.lock(bob, "h", "q", time.Minute); l.Number <= gone.Number {
		t.Errorf("number %d after %d", l.Number, gone.Number)
	}
}

// TestLocksAreListed, those that have ended left out, page by page.
func TestLocksAreListed(t *testing.T) {
	w := start(t, options{})
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		w.put(mdc.GroupKind(), group(name))
		w.lock(ann, name, "p", time.Duration(i%2+1)*time.Minute)
	}
	w.clock.Advance(time.Minute)
	w.put(mdc.GroupKind(), group("f"))
	w.lock(bob, "f", "q", time.Minute)
	var got []string
	for after, pages := "", 0; ; pages++ {
		page, next, err := w.Locks(t.Context(), ann, after, 2)
		w.must(err)
		for _, l := range page {
			got = append(got, l.Name)
		}
		if after = next; next == "" || pages > 5 {
			break
		}
	}
	if diff := cmp.Diff([]string{"b", "d", "f"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestLockTimeout: what the data center says counts where a holder says nothing (MSS-05), and what cannot be is refused.
func TestLockTimeout(t *testing.T) {
	w := start(t, options{})
	d := mdc.DataCenterKind().New().(*mdc.DataCenter)
	d.ClusterID, d.LockTimeout = "NYDC", mdc.Duration(10*time.Second)
	w.put(mdc.DataCenterKind(), d)
	w.put(mdc.GroupKind(), group("g"))
	if l := w.lock(ann, "g", "p", 0); l.ExpiresAt.Sub(l.TakenAt) != 10*time.Second {
		t.Errorf("lock: %+v", l)
	}
	for name, tc := range map[string]struct {
		kind    mdc.Kind
		name    string
		ask     configuration.Request
		pointer string
	}{
		"no owner":         {mdc.GroupKind(), "g", configuration.Request{}, "/owner"},
		"line in owner":    {mdc.GroupKind(), "g", configuration.Request{Owner: "a\nb"}, "/owner"},
		"long owner":       {mdc.GroupKind(), "g", configuration.Request{Owner: string(make([]byte, 129))}, "/owner"},
		"short":            {mdc.GroupKind(), "g", configuration.Request{Owner: "p", Timeout: time.Millisecond}, "/timeout"},
		"long":             {mdc.GroupKind(), "g", configuration.Request{Owner: "p", Timeout: 25 * time.Hour}, "/timeout"},
		"no name":          {mdc.GroupKind(), "a b", configuration.Request{Owner: "p"}, "/name"},
		"singleton's name": {mdc.SessionPolicyKind(), "x", configuration.Request{Owner: "p"}, "/name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Lock(t.Context(), ann, tc.kind, tc.name, tc.ask)
			refused(t, err, fault.Invalid, "invalid_input", tc.pointer)
		})
	}
}

// TestLockCoversOverrides: who locks an object also keeps others from laying something over it.
func TestLockCoversOverrides(t *testing.T) {
	w := start(t, options{})
	w.put(mdc.SettingKind(), &mdc.Setting{Name: "banner", Value: "a"})
	l, err := w.Lock(t.Context(), ann, mdc.SettingKind(), "banner", configuration.Request{Owner: "p"})
	w.must(err)
	o := &mdc.Override{Kind: "setting", Name: "banner", Values: []byte(`{"value":"b"}`)}
	_, err = w.Put(t.Context(), bob, mdc.OverrideKind(), o, configuration.Precondition{})
	refused(t, err, fault.Conflict, "locked")
	_, err = w.Put(t.Context(), ann, mdc.OverrideKind(), o, configuration.Precondition{Lock: l.Number})
	w.must(err)
}

// TestLockIsAudited: who took and who broke it.
func TestLockIsAudited(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "w"), options{})
	defer w.close()
	w.put(mdc.GroupKind(), group("g"))
	w.lock(ann, "g", "p", 0)
	w.must(w.Unlock(t.Context(), bob, mdc.GroupKind(), "g", 0, true))
	if w.events() != 3 {
		t.Errorf("audit: %s", w.auditText())
	}
}

// TestLockNeedsAnObject: what is not there cannot be locked, whatever comes of the name later; what always is there can, and the lock
// of what was deleted can be released (MSS-05).
func TestLockNeedsAnObject(t *testing.T) {
	w := start(t, options{})
	ask := configuration.Request{Owner: "p"}
	_, err := w.Lock(t.Context(), ann, mdc.GroupKind(), "g", ask)
	refused(t, err, fault.NotFound, "not_found")
	if all, _, err := w.Locks(t.Context(), ann, "", 10); err != nil || len(all) != 0 {
		t.Errorf("locks: %+v, %v", all, err)
	}
	_, err = w.Lock(t.Context(), ann, mdc.SessionPolicyKind(), mdc.SingletonName, ask)
	w.must(err)
	w.put(mdc.GroupKind(), group("g"))
	l := w.lock(ann, "g", "p", 0)
	w.must(w.Delete(t.Context(), ann, mdc.GroupKind(), "g", configuration.Precondition{Lock: l.Number}))
	w.must(w.Unlock(t.Context(), ann, mdc.GroupKind(), "g", l.Number, false))
}
