package journal_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// wrapper is a node key.
type wrapper struct{ aead cipher.AEAD }

func newWrapper() wrapper {
	block, _ := aes.NewCipher(make([]byte, 32))
	aead, _ := cipher.NewGCM(block)
	return wrapper{aead}
}

func (w wrapper) Wrap(plain, context []byte) ([]byte, error) {
	nonce := make([]byte, w.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return w.aead.Seal(nonce, nonce, plain, context), nil
}

func (w wrapper) Unwrap(b, context []byte) ([]byte, error) {
	if len(b) < w.aead.NonceSize() {
		return nil, errors.New("too short")
	}
	return w.aead.Open(nil, b[:w.aead.NonceSize()], b[w.aead.NonceSize():], context)
}

func open(t testing.TB, id string) (*journal.Log, *badger.Store) {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), MinFree: -1, MemTableBytes: 8 << 20})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	l, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: id, Clock: clock.System{}})
	must(t, err)
	return l, s
}

func group(name, description string) *mdc.Group {
	return &mdc.Group{Name: name, Description: description}
}

func put(t testing.TB, l *journal.Log, kind mdc.Kind, o mdc.Object) {
	t.Helper()
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error { return tx.Put(kind, o, "test") }))
}

func remove(t testing.TB, l *journal.Log, kind mdc.Kind, name string) {
	t.Helper()
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error { return tx.Delete(kind, name, "test") }))
}

func position(t testing.TB, l *journal.Log) mdc.Position {
	t.Helper()
	pos, err := l.Position(context.Background())
	must(t, err)
	return pos
}

func items(t testing.TB, l *journal.Log) (out []journal.Item) {
	t.Helper()
	must(t, l.View(context.Background(), func(s *journal.Snapshot) error {
		return s.Items(func(i journal.Item) error {
			out = append(out, i)
			return nil
		})
	}))
	return out
}

func records(t testing.TB, l *journal.Log, after uint64, maxBytes int) (out []journal.Record) {
	t.Helper()
	must(t, l.View(context.Background(), func(s *journal.Snapshot) (err error) {
		out, err = s.Records(after, maxBytes)
		return err
	}))
	return out
}

func head(t testing.TB, s store.Store) []byte {
	t.Helper()
	var b []byte
	must(t, s.View(context.Background(), func(r store.Reader) (err error) {
		b, err = r.Get(journal.PositionKey())
		return err
	}))
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The digest is a function of the objects alone: not of the order, nor of what was there in between.
func TestDigestForgetsTheWay(t *testing.T) {
	a, _ := open(t, "NYDC")
	b, _ := open(t, "LDC")
	empty := position(t, a).Digest
	for i := range 10 {
		put(t, a, mdc.GroupKind(), group(fmt.Sprint("g", i), "x"))
	}
	put(t, a, mdc.UserKind(), &mdc.User{Name: "Alice"})
	put(t, b, mdc.UserKind(), &mdc.User{Name: "alice", Email: "a@b"})
	for i := range 12 {
		put(t, b, mdc.GroupKind(), group(fmt.Sprint("g", 11-i), "y"))
	}
	for i := range 10 {
		put(t, b, mdc.GroupKind(), group(fmt.Sprint("g", i), "x"))
	}
	remove(t, b, mdc.GroupKind(), "g10")
	remove(t, b, mdc.GroupKind(), "g11")
	if position(t, a).Digest == position(t, b).Digest {
		t.Error("different objects, one digest")
	}
	put(t, b, mdc.UserKind(), &mdc.User{Name: "Alice"})
	if x, y := position(t, a).Digest, position(t, b).Digest; x != y {
		t.Errorf("the same objects, digests %s and %s", x, y)
	}
	for _, i := range items(t, a) {
		kind, _ := mdc.KindByName(i.Kind)
		remove(t, a, kind, i.Name)
	}
	if got := position(t, a).Digest; got != empty {
		t.Errorf("emptied, the digest is %s, was %s", got, empty)
	}
}

// A name, a kind and a body cannot be shifted into one another.
func TestDigestSeparates(t *testing.T) {
	seen := map[string]string{}
	for _, o := range []*mdc.Group{group("ab", "c"), group("a", "bc"), group("ab", "c "), group("AB", "c")} {
		l, _ := open(t, "NYDC")
		put(t, l, mdc.GroupKind(), o)
		d := position(t, l).Digest
		if seen[d] != "" {
			t.Errorf("%v and %s have one digest", o, seen[d])
		}
		seen[d] = o.Name
	}
}

// Sequences are dense, each record leads to the digest it names, local kinds and no-ops leave none, and a failed
// transaction leaves nothing.
func TestRecords(t *testing.T) {
	l, s := open(t, "NYDC")
	put(t, l, mdc.GroupKind(), group("g0", ""))
	put(t, l, mdc.PartnerKind(), &mdc.Partner{ClusterID: "LDC", AgentID: "a", Primary: []string{"p:1"}})
	remove(t, l, mdc.GroupKind(), "absent")
	boom := errors.New("boom")
	if err := l.Update(t.Context(), func(tx *journal.Tx) error {
		_ = tx.Put(mdc.GroupKind(), group("dropped", ""), "test")
		return boom
	}); err != boom {
		t.Errorf("error %v", err)
	}
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error {
		return errors.Join(tx.Put(mdc.GroupKind(), group("g1", ""), "test"), tx.Delete(mdc.GroupKind(), "g0", "test"), tx.Put(mdc.GroupKind(), group("g0", "again"), "test"))
	}))
	var got []string
	for i, r := range records(t, l, 0, 1<<20) {
		if r.Sequence != uint64(i+1) || r.Epoch != position(t, l).Epoch {
			t.Errorf("record %d has sequence %d of epoch %s", i, r.Sequence, r.Epoch)
		}
		got = append(got, r.Operation+" "+r.Kind+" "+r.Name)
		must(t, l.View(t.Context(), func(s *journal.Snapshot) error {
			d, found, err := s.DigestAt(r.Sequence)
			if d != r.Digest || !found {
				t.Errorf("digest at %d: %s %v", r.Sequence, d, found)
			}
			return err
		}))
	}
	if diff := cmp.Diff([]string{"put group g0", "put group g1", "delete group g0", "put group g0"}, got); diff != "" {
		t.Error(diff)
	}
	if n := len(records(t, l, 2, 1<<20)); n != 2 {
		t.Errorf("%d records after 2", n)
	}
	if n := len(records(t, l, 0, 1)); n != 1 {
		t.Errorf("%d records of at most one byte, want one", n)
	}
	if n := len(records(t, l, 4, 1)); n != 0 {
		t.Errorf("%d records after the last", n)
	}
	again, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "NYDC", Clock: clock.System{}})
	must(t, err)
	if position(t, again) != position(t, l) {
		t.Error("opening again moved the position")
	}
}

// Proves SEC-68 (at rest): a secret object lies nowhere in the store in clear, and is read back whole.
func TestSecretsAreWrapped(t *testing.T) {
	l, s := open(t, "NYDC")
	put(t, l, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("never-in-clear")})
	needle, err := json.Marshal([]byte("never-in-clear"))
	must(t, err)
	must(t, s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{}, func(k, v []byte) error {
			var rec journal.Record
			_ = json.Unmarshal(v, &rec)
			if bytes.Contains(v, needle[1:15]) || bytes.Contains(rec.Body, needle[1:15]) {
				t.Errorf("%q is in clear", k)
			}
			return nil
		})
	}))
	for _, body := range [][]byte{items(t, l)[0].Body, records(t, l, 0, 1)[0].Body} {
		if !bytes.Contains(body, needle) {
			t.Errorf("read back %s", body)
		}
	}
}

// Proves FLT-07 at the journal: a database that lost or changed what was acknowledged is told from a sound one.
func TestVerifyHead(t *testing.T) {
	l, s := open(t, "NYDC")
	fresh := head(t, s)
	put(t, l, mdc.GroupKind(), group("g1", ""))
	one := head(t, s)
	put(t, l, mdc.GroupKind(), group("g2", ""))
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error { return tx.SetEpoch(mdc.Epoch{Number: 2, ClusterID: "NYDC"}) }))
	two := head(t, s)
	alter := func(b []byte, key string, value any) []byte {
		var m map[string]any
		must(t, json.Unmarshal(b, &m))
		m[key] = value
		out, err := json.Marshal(m)
		must(t, err)
		return out
	}
	for name, c := range map[string]struct {
		head []byte
		kind fault.Kind
	}{
		"the same":                         {two, fault.Internal},
		"one behind":                       {one, fault.Internal},
		"from before the first change":     {fresh, fault.Internal},
		"database behind":                  {alter(two, "sequence", 3), fault.Conflict},
		"another digest now":               {alter(two, "digest", "00"), fault.Conflict},
		"another digest then":              {alter(one, "digest", "00"), fault.Conflict},
		"another digest at the beginning":  {alter(fresh, "digest", "00"), fault.Conflict},
		"database in an older generation":  {alter(two, "generation", 2), fault.Conflict},
		"database in an older epoch":       {alter(two, "epoch", mdc.Epoch{Number: 3, ClusterID: "NYDC"}), fault.Conflict},
		"database switched copies already": {alter(two, "generation", 0), fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			err := l.VerifyHead(t.Context(), c.head, false)
			if got := fault.KindOf(err); got != c.kind || (err == nil) != (c.kind == fault.Internal) {
				t.Errorf("error %v of kind %d, want %d", err, got, c.kind)
			}
		})
	}
	if err := l.VerifyHead(t.Context(), []byte("{"), false); err == nil {
		t.Error("an unreadable head was taken")
	}
	must(t, s.Update(t.Context(), func(tx store.Writer) error {
		return tx.Delete([]byte("c/j/\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"))
	}))
	if err := l.VerifyHead(t.Context(), one, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("a lost record was not found: %v", err)
	}
}

// Proves that a killed clone opens again: after a snapshot the head may stand exactly where the snapshot began, for which
// there is no record, and the database one ahead.
func TestVerifyHeadAtASnapshot(t *testing.T) {
	master, _ := open(t, "NYDC")
	put(t, master, mdc.GroupKind(), group("g1", ""))
	clone, s := open(t, "LDC")
	copyTo(t, master, clone)
	base := head(t, s)
	put(t, master, mdc.GroupKind(), group("g2", ""))
	ship(t, master, clone, 1<<20)
	must(t, clone.VerifyHead(t.Context(), base, false))
	must(t, clone.View(t.Context(), func(v *journal.Snapshot) error {
		if _, found, err := v.DigestAt(0); found || err != nil {
			t.Errorf("a digest from before the snapshot: %v, %v", found, err)
		}
		if d, found, err := v.DigestAt(1); !found || d != records(t, master, 0, 1)[0].Digest {
			t.Errorf("digest at the snapshot %s, %v, %v", d, found, err)
		}
		return nil
	}))
	if got := records(t, clone, 0, 1<<20); len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("the clone has the records %+v", got)
	}
}

// A record that does not continue the state is refused and changes nothing.
func TestApplyRefuses(t *testing.T) {
	master, _ := open(t, "NYDC")
	clone, _ := open(t, "LDC")
	copyTo(t, master, clone)
	put(t, master, mdc.GroupKind(), group("g1", ""))
	put(t, master, mdc.GroupKind(), group("g2", ""))
	good := records(t, master, 0, 1<<20)
	at := position(t, clone)
	for name, c := range map[string]struct {
		change   func(*journal.Record)
		diverged bool
	}{
		"gap":               {func(r *journal.Record) { *r = good[1] }, true},
		"repeated":          {func(r *journal.Record) { r.Sequence = 0 }, true},
		"another epoch":     {func(r *journal.Record) { r.Epoch.Number = 9 }, true},
		"another body":      {func(r *journal.Record) { r.Body = []byte(`{"name":"g1","description":"x"}`) }, true},
		"another name":      {func(r *journal.Record) { r.Name = "g9" }, true},
		"another digest":    {func(r *journal.Record) { r.Digest = "" }, true},
		"unknown kind":      {func(r *journal.Record) { r.Kind = "hologram" }, false},
		"local kind":        {func(r *journal.Record) { r.Kind = "partner" }, false},
		"unknown operation": {func(r *journal.Record) { r.Operation = "patch" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := good[0]
			c.change(&r)
			err := clone.Update(t.Context(), func(tx *journal.Tx) error { return tx.Apply(r) })
			if err == nil || errors.Is(err, journal.ErrDiverged) != c.diverged {
				t.Errorf("error %v", err)
			}
			if position(t, clone) != at || len(items(t, clone)) != 0 {
				t.Error("something was written")
			}
		})
	}
}

// Whoever takes the channel before reading misses no change; listeners are told before the writer is.
func TestChanges(t *testing.T) {
	l, _ := open(t, "NYDC")
	var told []journal.Change
	l.OnChange(func(c []journal.Change) { told = append(told, c...) })
	changed := l.Changed()
	put(t, l, mdc.UserKind(), &mdc.User{Name: "Alice"})
	select {
	case <-changed:
	default:
		t.Error("the channel is open after a change")
	}
	if !slices.Contains(told, journal.Change{Kind: "user", Name: "alice"}) {
		t.Errorf("told %v", told)
	}
	told, changed = nil, l.Changed()
	must(t, l.Update(t.Context(), func(*journal.Tx) error { return nil }))
	select {
	case <-changed:
		t.Error("a change without a change")
	default:
	}
}

// TAM-01, CAMS-04: a change that another node commits to the same store is told to the listeners of this one; what is staged and not in
// force yet is not.
func TestFollow(t *testing.T) {
	l, s := open(t, "NYDC")
	other, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "NYDC", Clock: clock.System{}})
	must(t, err)
	told := make(chan journal.Change, 100)
	l.OnChange(func(all []journal.Change) {
		for _, c := range all {
			told <- c
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Follow(ctx, slog.New(slog.DiscardHandler)) }()
	if c := <-told; c != (journal.Change{}) {
		t.Fatalf("at first %v: everything may have changed before", c)
	}
	put(t, other, mdc.UserKind(), &mdc.User{Name: "Alice"})
	if c := <-told; c != (journal.Change{Kind: "user", Name: "alice"}) {
		t.Errorf("told %v", c)
	}
	put(t, other, mdc.PartnerProfileKind(), &mdc.PartnerProfile{AgentID: "x"})
	if c := <-told; c.Kind != "partner_profile" {
		t.Errorf("told %v of a local object", c)
	}
	must(t, s.Update(t.Context(), func(w store.Writer) error { // the key of a user in a generation that is being staged
		return w.Put(append([]byte("c/g/\x00\x00\x00\x00\x00\x00\x00\x09user\x00"), "bob"...), []byte("x"), 0)
	}))
	must(t, other.Update(t.Context(), func(tx *journal.Tx) error { return tx.SetEpoch(mdc.Epoch{Number: 2, ClusterID: "NYDC"}) }))
	if c := <-told; c != (journal.Change{}) {
		t.Errorf("told %v of another epoch", c)
	}
	stop()
	must(t, <-done)
}
