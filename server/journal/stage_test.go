package journal_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func check(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// copyTo takes a snapshot of master into clone.
func copyTo(t fataler, master, clone *journal.Log) {
	t.Helper()
	ctx := context.Background()
	staging, err := clone.Stage(ctx)
	check(t, err)
	var pos mdc.Position
	var n uint64
	check(t, master.View(ctx, func(s *journal.Snapshot) error {
		if pos, err = s.Position(); err != nil {
			return err
		}
		return s.Items(func(i journal.Item) error {
			n++
			return staging.Put(ctx, i)
		})
	}))
	check(t, staging.Switch(ctx, pos, n, nil))
}

// ship applies what clone lacks of master's journal, one page of maxBytes a transaction.
func ship(t fataler, master, clone *journal.Log, maxBytes int) {
	t.Helper()
	ctx := context.Background()
	for {
		at, err := clone.Position(ctx)
		check(t, err)
		var page []journal.Record
		check(t, master.View(ctx, func(s *journal.Snapshot) (err error) {
			page, err = s.Records(at.Sequence, maxBytes)
			return err
		}))
		if len(page) == 0 {
			return
		}
		check(t, clone.Update(ctx, func(tx *journal.Tx) error {
			for _, r := range page {
				if err := tx.Apply(r); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func keys(t testing.TB, s store.Store, prefix string) (n int) {
	t.Helper()
	must(t, s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error { n++; return nil })
	}))
	return n
}

// Proves FLT-16 at the journal: a staged copy is not seen before the switch, is seen whole after it, and a switch that does
// not prove itself leaves the old copy; what is left behind is swept.
func TestStaging(t *testing.T) {
	master, _ := open(t, "NYDC")
	for i := range 2500 { // more than one sweep and one batch
		if i%100 == 0 {
			put(t, master, mdc.UserKind(), &mdc.User{Name: fmt.Sprint("u", i)})
		}
	}
	put(t, master, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: []byte("k")})
	clone, s := open(t, "LDC")
	put(t, clone, mdc.GroupKind(), group("own", ""))
	put(t, clone, mdc.PartnerKind(), &mdc.Partner{ClusterID: "NYDC", AgentID: "a", Primary: []string{"p:1"}})
	before, at := items(t, clone), position(t, clone)
	all, to := items(t, master), position(t, master)
	stage := func(from []journal.Item) *journal.Staging {
		staging, err := clone.Stage(t.Context())
		must(t, err)
		for _, i := range from {
			must(t, staging.Put(t.Context(), i))
		}
		return staging
	}
	n := uint64(len(all))
	refusal := errors.New("not now")
	for name, c := range map[string]struct {
		items []journal.Item
		pos   mdc.Position
		n     uint64
		also  func(*journal.Tx) error
	}{
		"too few":        {all[1:], to, n, nil},
		"wrong digest":   {all, mdc.Position{Epoch: to.Epoch, Sequence: to.Sequence, Digest: at.Digest}, n, nil},
		"one is missing": {all[1:], to, n - 1, nil},
		"refused":        {all, to, n, func(*journal.Tx) error { return refusal }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := stage(c.items).Switch(t.Context(), c.pos, c.n, c.also); err == nil {
				t.Error("switched")
			}
			if diff := cmp.Diff(before, items(t, clone)); diff != "" || position(t, clone) != at {
				t.Errorf("the old copy was touched: %s", diff)
			}
		})
	}
	late := stage(all)
	must(t, stage(all).Switch(t.Context(), to, n, func(tx *journal.Tx) error {
		_, err := tx.Get(mdc.UserKind(), "u100") // sees the new copy
		return err
	}))
	if diff := cmp.Diff(all, items(t, clone)); diff != "" || position(t, clone) != to {
		t.Errorf("the new copy: %s", diff)
	}
	if err := late.Switch(t.Context(), to, n, nil); err == nil {
		t.Error("an overtaken staging switched")
	}
	must(t, clone.Sweep(t.Context()))
	if objects, recs := keys(t, s, "c/g/"), keys(t, s, "c/j/"); objects != len(all) || recs != 0 {
		t.Errorf("%d objects and %d records are kept, want %d and none", objects, recs, len(all))
	}
	must(t, clone.View(t.Context(), func(v *journal.Snapshot) error {
		_, err := v.Get(mdc.PartnerKind(), "NYDC") // a snapshot leaves local objects alone
		return err
	}))
	staging, err := clone.Stage(t.Context())
	must(t, err)
	if err := staging.Put(t.Context(), journal.Item{Kind: "hologram", Name: "x"}); err == nil {
		t.Error("an unknown kind was staged")
	}
}

// Proves that sweeping is done in bounded transactions, however much is left behind.
func TestSweepIsBounded(t *testing.T) {
	l, s := open(t, "LDC")
	put(t, l, mdc.GroupKind(), group("own", ""))
	staging, err := l.Stage(t.Context())
	must(t, err)
	for i := range 5000 { // more than one transaction may write
		must(t, staging.Put(t.Context(), journal.Item{Kind: "group", Name: fmt.Sprint("g", i), Body: []byte(`{}`)}))
	}
	staging.Close() // a chunk that is still under way would land behind the sweep
	if n := keys(t, s, "c/g/"); n < 1000 {
		t.Fatalf("only %d keys were staged", n)
	}
	must(t, l.Sweep(t.Context()))
	if n := keys(t, s, "c/g/"); n != 1 {
		t.Errorf("%d keys are left, want 1", n)
	}
}

// FLT-19: a node that slept while another one took its work over writes no more into the copy that the other one stages.
func TestOvertakenStagingWritesNothing(t *testing.T) {
	one, s := open(t, "LDC")
	two, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "LDC", Clock: clock.System{}})
	must(t, err)
	late, err := one.Stage(t.Context())
	must(t, err)
	_, err = two.Stage(t.Context())
	must(t, err)
	for i := range 5000 { // more than a chunk
		if err = late.Put(t.Context(), journal.Item{Kind: "group", Name: fmt.Sprint("g", i), Body: []byte(`{}`)}); err != nil {
			break
		}
	}
	late.Close()
	if n := keys(t, s, "c/g/"); n != 0 {
		t.Errorf("%d keys of an overtaken staging were written", n)
	}
}

// Proves FLT-34 for the journal: whatever a master does, a clone that is shipped records in any portions, takes snapshots
// at any time and reopens at any time, has the master's objects and the master's digest.
func TestCloneEqualsMaster(t *testing.T) {
	fewerChecks(t)
	rapid.Check(t, func(rt *rapid.T) {
		master, closeMaster := rapidLog(t, rt, t.TempDir(), "NYDC")
		defer closeMaster()
		dir := t.TempDir()
		clone, closeClone := rapidLog(t, rt, dir, "LDC")
		defer func() { closeClone() }()
		copyTo(rt, master, clone)
		name := rapid.SampledFrom([]string{"a", "b", "c", "D"})
		rt.Repeat(map[string]func(*rapid.T){
			"group": func(rt *rapid.T) {
				rapidPut(rt, master, mdc.GroupKind(), group(name.Draw(rt, "name"), rapid.String().Draw(rt, "text")))
			},
			"user": func(rt *rapid.T) {
				rapidPut(rt, master, mdc.UserKind(), &mdc.User{Name: name.Draw(rt, "name"), Email: rapid.String().Draw(rt, "text")})
			},
			"keyset": func(rt *rapid.T) {
				rapidPut(rt, master, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeCode, Keyset: rapid.SliceOf(rapid.Byte()).Draw(rt, "keys")})
			},
			"delete": func(rt *rapid.T) {
				kind := rapid.SampledFrom([]mdc.Kind{mdc.GroupKind(), mdc.UserKind()}).Draw(rt, "kind")
				check(rt, master.Update(context.Background(), func(tx *journal.Tx) error { return tx.Delete(kind, name.Draw(rt, "name"), "test") }))
			},
			"ship": func(rt *rapid.T) { ship(rt, master, clone, rapid.IntRange(1, 2000).Draw(rt, "bytes")) },
			"copy": func(rt *rapid.T) { copyTo(rt, master, clone) },
			"stray": func(rt *rapid.T) { // the clone forgets itself; only a snapshot helps
				rapidPut(rt, clone, mdc.GroupKind(), group("stray", ""))
				copyTo(rt, master, clone)
			},
			"reopen": func(rt *rapid.T) {
				closeClone()
				clone, closeClone = rapidLog(t, rt, dir, "LDC")
			},
			"": func(rt *rapid.T) {
				at, err := clone.Position(context.Background())
				check(rt, err)
				check(rt, master.View(context.Background(), func(s *journal.Snapshot) error {
					digest, found, err := s.DigestAt(at.Sequence)
					if err == nil && (!found || digest != at.Digest) {
						err = fmt.Errorf("the clone stands at %+v, the master had %s there", at, digest)
					}
					return err
				}))
			},
		})
		ship(rt, master, clone, 1<<20)
		if diff := cmp.Diff(items(t, master), items(t, clone)); diff != "" || position(t, master) != position(t, clone) {
			rt.Fatalf("at the end they differ: %s", diff)
		}
	})
}

// fewerChecks asks rapid for 20 sequences where the command line does not say: each opens real stores.
func fewerChecks(t *testing.T) {
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "rapid.checks" })
	if !said {
		must(t, flag.Set("rapid.checks", "20"))
	}
}

func rapidLog(t *testing.T, rt *rapid.T, dir, id string) (*journal.Log, func()) {
	s, err := badger.Open(badger.Config{Dir: dir, MinFree: -1, MemTableBytes: 8 << 20})
	check(rt, err)
	l, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: id, Clock: clock.System{}})
	check(rt, err)
	return l, func() { check(rt, s.Close()) }
}

func rapidPut(rt *rapid.T, l *journal.Log, kind mdc.Kind, o mdc.Object) {
	check(rt, l.Update(context.Background(), func(tx *journal.Tx) error { return tx.Put(kind, o, "test") }))
}
