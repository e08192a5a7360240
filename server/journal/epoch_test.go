package journal_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// raise begins an epoch at l's position.
func raise(t testing.TB, l *journal.Log, number uint64, holder string) mdc.Promotion {
	t.Helper()
	p := mdc.Promotion{Epoch: mdc.Epoch{Number: number, ClusterID: holder}, Base: position(t, l), Time: time.Now(), Signature: make([]byte, 64)}
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error { return tx.Raise(&p, "test") }))
	return p
}

func misfit(t testing.TB, l *journal.Log, at mdc.Position) (why string) {
	t.Helper()
	must(t, l.View(t.Context(), func(s *journal.Snapshot) (err error) {
		why, err = s.Misfit(at)
		return err
	}))
	return why
}

// TestRaise: a promotion is the first record of its epoch. A clone that stands exactly at its base goes on over it; one that
// stands elsewhere does not (SEC-50).
func TestRaise(t *testing.T) {
	t.Parallel()
	master, _ := open(t, "NYDC")
	clone, _ := open(t, "NYDC") // the same first epoch
	other, _ := open(t, "NYDC")
	put(t, master, mdc.GroupKind(), group("a", "1"))
	for _, rec := range records(t, master, 0, 1<<20) {
		must(t, clone.Update(t.Context(), func(tx *journal.Tx) error { return tx.Apply(rec) }))
	}
	put(t, other, mdc.GroupKind(), group("a", "another"))
	base := position(t, master)
	raise(t, master, 2, "LDC")
	put(t, master, mdc.GroupKind(), group("b", "2"))
	beyond := base
	beyond.Sequence++
	elsewhere := base
	elsewhere.Epoch = mdc.Epoch{Number: 1, ClusterID: "XDC"}
	for name, c := range map[string]struct {
		at   mdc.Position
		fits bool
	}{
		"the base":                  {base, true},
		"now":                       {position(t, master), true},
		"beyond the base":           {beyond, false},
		"another digest there":      {position(t, other), false},
		"an epoch it never came by": {elsewhere, false},
	} {
		if why := misfit(t, master, c.at); (why == "") != c.fits {
			t.Errorf("%s: misfit %q", name, why)
		}
	}
	for _, rec := range records(t, master, base.Sequence, 1<<20) {
		must(t, clone.Update(t.Context(), func(tx *journal.Tx) error { return tx.Apply(rec) }))
		err := other.Update(t.Context(), func(tx *journal.Tx) error { return tx.Apply(rec) })
		if !errors.Is(err, journal.ErrDiverged) {
			t.Errorf("record %d elsewhere: %v", rec.Sequence, err)
		}
	}
	if position(t, clone) != position(t, master) {
		t.Errorf("the clone stands at %+v, the master at %+v", position(t, clone), position(t, master))
	}
	raise(t, master, 3, "NYDC")
	var chain []mdc.Promotion
	must(t, master.View(t.Context(), func(s *journal.Snapshot) (err error) {
		chain, err = s.Promotions()
		return err
	}))
	if len(chain) != 2 || chain[0].Epoch.Number != 2 || chain[1].Epoch.Number != 3 || chain[1].Base.Epoch != chain[0].Epoch {
		t.Errorf("chain %+v", chain)
	}
	if why := misfit(t, master, base); why != "" {
		t.Errorf("the first epoch's end is not found over two promotions: %s", why)
	}
	past := chain[0]
	if err := master.Update(t.Context(), func(tx *journal.Tx) error { return tx.Raise(&past, "test") }); err == nil {
		t.Error("an earlier epoch was raised")
	}
}

// gate is a gate whose answers the test sets.
type gate struct {
	held    chan struct{}
	refusal error
	confirm error
	few     error          // of Enough
	quorum  journal.Quorum // of Enough
	asked   atomic.Int64
}

func (g *gate) Admit() (<-chan struct{}, error) {
	g.asked.Add(1)
	if g.held != nil && g.asked.Load() == 1 {
		return g.held, nil
	}
	return nil, g.refusal
}

func (g *gate) Confirm(context.Context) error { return g.confirm }

func (g *gate) Enough(*journal.Snapshot) (journal.Quorum, error) { return g.quorum, g.few }

// others is a quorum that notes where it was asked.
type others struct {
	at  mdc.Position
	err error
}

func (o *others) Secure(_ context.Context, at mdc.Position) error {
	o.at = at
	return o.err
}

// TestQuorum: what too few can have is not written; what too few have yet is written and not acknowledged, also when it is
// written again; what brings a member in does not wait (FLT-17).
func TestQuorum(t *testing.T) {
	t.Parallel()
	l, _ := open(t, "NYDC")
	few, late := errors.New("too few"), errors.New("not there yet")
	write := func(also func(*journal.Tx)) error {
		return l.Update(t.Context(), func(tx *journal.Tx) error {
			if also != nil {
				also(tx)
			}
			return tx.Put(mdc.GroupKind(), group("a", "1"), "test")
		})
	}
	l.SetGate(&gate{few: few})
	before := position(t, l)
	if err := write(nil); !errors.Is(err, few) || position(t, l) != before {
		t.Errorf("with too few: %v, at %+v", err, position(t, l))
	}
	o := &others{err: late}
	l.SetGate(&gate{quorum: o})
	if err := write(nil); !errors.Is(err, late) || position(t, l) == before || o.at != position(t, l) {
		t.Errorf("too late: %v, asked for %+v", err, o.at)
	}
	if err := l.Update(t.Context(), func(tx *journal.Tx) error { tx.Vouch(); return nil }); !errors.Is(err, late) || o.at != position(t, l) {
		t.Errorf("vouching for what is there: %v", err)
	}
	must(t, l.Update(t.Context(), func(*journal.Tx) error { return nil }))
	must(t, write((*journal.Tx).Alone))
	must(t, write((*journal.Tx).Ungated))
	o.err = nil
	must(t, write(nil))
}

// TestGate: changes of replicated objects are held, refused or not acknowledged; local ones and a master's records pass.
func TestGate(t *testing.T) {
	t.Parallel()
	l, _ := open(t, "NYDC")
	write := func(ctx context.Context) error {
		return l.Update(ctx, func(tx *journal.Tx) error { return tx.Put(mdc.GroupKind(), group("a", "1"), "test") })
	}
	refused := errors.New("refused")
	l.SetGate(&gate{refusal: refused})
	if err := write(t.Context()); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	put(t, l, mdc.PartnerKind(), &mdc.Partner{ClusterID: "LDC"})
	must(t, l.Update(t.Context(), func(tx *journal.Tx) error {
		tx.Ungated()
		return tx.Put(mdc.GroupKind(), group("past", ""), "test")
	}))
	held := &gate{held: make(chan struct{})}
	l.SetGate(held)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := write(ended); fault.CodeOf(err) != "writes_held" && !errors.Is(err, context.Canceled) {
		t.Errorf("held: %v", err)
	}
	held.asked.Store(0)
	done := make(chan error, 1)
	go func() { done <- write(context.WithoutCancel(t.Context())) }()
	close(held.held)
	must(t, <-done)
	l.SetGate(&gate{confirm: refused})
	if err := l.Update(t.Context(), func(tx *journal.Tx) error { return tx.Put(mdc.GroupKind(), group("b", ""), "test") }); !errors.Is(err, refused) {
		t.Errorf("not confirmed: %v", err)
	}
}

// TestKeepTail: what lies behind the base is in a file for the owner only, secret bodies wrapped; the same tail is kept once,
// and nothing is no file (SEC-50, SEC-71).
func TestKeepTail(t *testing.T) {
	t.Parallel()
	l, _ := open(t, "NYDC")
	dir := filepath.Join(t.TempDir(), "conflicts")
	put(t, l, mdc.GroupKind(), group("a", "1"))
	base, winner := position(t, l), mdc.Epoch{Number: 2, ClusterID: "LDC"}
	if _, found, err := l.KeepTail(t.Context(), dir, base, winner); err != nil || found {
		t.Errorf("nothing to keep: %v, %v", found, err)
	}
	put(t, l, mdc.GroupKind(), group("b", "2"))
	put(t, l, mdc.KeysetKind(), &mdc.Keyset{Purpose: mdc.PurposeAgent, Keyset: []byte("very secret")})
	remove(t, l, mdc.GroupKind(), "a")
	raise(t, l, 2, "XDC") // not a change of an administrator's
	kept, found, err := l.KeepTail(t.Context(), dir, base, winner)
	must(t, err)
	if !found || kept.Records != 3 || !kept.Complete || kept.Base != base {
		t.Errorf("kept %+v", kept)
	}
	again, _, err := l.KeepTail(t.Context(), dir, base, winner)
	must(t, err)
	if again.ID != kept.ID {
		t.Errorf("kept twice: %s and %s", kept.ID, again.ID)
	}
	b, err := os.ReadFile(filepath.Join(dir, kept.ID+".jsonl"))
	must(t, err)
	if bytes.Contains(b, []byte("very secret")) || bytes.Contains(b, []byte("dmVyeSBzZWNyZXQ")) {
		t.Error("a keyset lies there in clear")
	}
	_, first, more, err := journal.ReadConflict(dir, kept.ID, 0, 2)
	must(t, err)
	if len(first) != 2 || !more || first[0].Name != "b" || first[1].Body != nil {
		t.Errorf("first page %+v, more %v", first, more)
	}
	_, rest, more, err := journal.ReadConflict(dir, kept.ID, first[1].Sequence, 2)
	must(t, err)
	if len(rest) != 1 || more || rest[0].Operation != journal.Delete {
		t.Errorf("rest %+v, more %v", rest, more)
	}
	for _, id := range []string{"", "none", "../head", "a/b", ".", "..", kept.ID + "\x00"} {
		if _, _, _, err := journal.ReadConflict(dir, id, 0, 1); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, kept.ID+".jsonl"), append(b[:len(b)/2], '\n'), 0o600))
	if _, _, _, err := journal.ReadConflict(dir, kept.ID, 0, 10); err == nil {
		t.Error("a damaged file was read")
	}
}
