package journal_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

func at(t testing.TB, l *journal.Log, sequence uint64) (digest string, found bool) {
	t.Helper()
	must(t, l.View(t.Context(), func(s *journal.Snapshot) (err error) {
		digest, found, err = s.DigestAt(sequence)
		return err
	}))
	return digest, found
}

func kept(t testing.TB, l *journal.Log) (base uint64, records []journal.Record) {
	t.Helper()
	must(t, l.View(t.Context(), func(s *journal.Snapshot) (err error) {
		if base, err = s.Base(); err != nil {
			return err
		}
		records, err = s.Records(0, 1<<30)
		return err
	}))
	return base, records
}

// Proves OAM-47: earlier records are not available; what stays can still be verified, from the base on and over a restart
// (FLT-07). A record goes only when it is beyond both the count and the age.
func TestPrune(t *testing.T) {
	const all = 2500 // more than one transaction removes
	for name, c := range map[string]struct {
		keep    journal.Retention
		later   time.Duration
		removed int
	}{
		"old and many":   {journal.Retention{KeepRecords: 10, KeepFor: time.Hour}, 2 * time.Hour, all - 10},
		"many but young": {journal.Retention{KeepRecords: 10, KeepFor: 3 * time.Hour}, 2 * time.Hour, 0},
		"old but few":    {journal.Retention{KeepRecords: all, KeepFor: time.Hour}, 2 * time.Hour, 0},
		"everything":     {journal.Retention{KeepFor: time.Hour}, 2 * time.Hour, all},
	} {
		t.Run(name, func(t *testing.T) {
			now := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
			dir := t.TempDir()
			s, err := badger.Open(badger.Config{Dir: dir, MinFree: -1})
			must(t, err)
			l, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "NYDC", Clock: now})
			must(t, err)
			for i := 0; i < all; i += 100 {
				must(t, l.Update(t.Context(), func(tx *journal.Tx) error {
					for j := i; j < i+100; j++ {
						if err := tx.Put(mdc.GroupKind(), group(fmt.Sprintf("g%d", j%50), fmt.Sprint(j)), "test"); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			edge := uint64(c.removed)
			want, _ := at(t, l, edge)
			before := position(t, l)
			now.Advance(c.later)
			n, err := l.Prune(t.Context(), c.keep)
			must(t, err)
			if n != c.removed {
				t.Fatalf("removed %d records, want %d", n, c.removed)
			}
			base, records := kept(t, l)
			if base != edge || len(records) != all-c.removed {
				t.Errorf("base %d with %d records, want %d with %d", base, len(records), edge, all-c.removed)
			}
			if got, found := at(t, l, edge); !found || got != want {
				t.Errorf("digest at the base %q, %v, want %q", got, found, want)
			}
			if _, found := at(t, l, edge-1); found && edge > 0 {
				t.Error("a digest before the base is still told")
			}
			if got := position(t, l); got != before {
				t.Errorf("pruning moved the position from %+v to %+v", before, got)
			}
			must(t, s.Close())
			s, err = badger.Open(badger.Config{Dir: dir, MinFree: -1})
			must(t, err)
			defer s.Close() //nolint:errcheck // the test is over
			l, err = journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "NYDC", Clock: now})
			must(t, err)
			put(t, l, mdc.GroupKind(), group("after", "restart"))
			if _, found := at(t, l, edge); !found {
				t.Error("the base was forgotten")
			}
		})
	}
}

// Proves that pruning never passes the head record (FLT-07): the state as the head saw it can be verified afterwards.
func TestPruneKeepsHead(t *testing.T) {
	cfg := badger.Config{Dir: t.TempDir(), MinFree: -1, Mirror: &badger.MirrorConfig{Path: t.TempDir() + "/head", Key: journal.PositionKey()}}
	now := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	start := func() (*badger.Store, *journal.Log) {
		s, err := badger.Open(cfg)
		must(t, err)
		l, err := journal.New(t.Context(), journal.Config{Store: s, Wrapper: newWrapper(), ClusterID: "NYDC", Clock: now})
		must(t, err)
		return s, l
	}
	s, l := start()
	for i := range 20 {
		put(t, l, mdc.GroupKind(), group(fmt.Sprintf("g%d", i), ""))
	}
	must(t, s.Close())
	s, l = start()
	defer s.Close() //nolint:errcheck // the test is over
	head, found := s.Mirrored()
	if !found {
		t.Fatal("no head record")
	}
	now.Advance(time.Hour)
	n, err := l.Prune(t.Context(), journal.Retention{})
	must(t, err)
	if n != 20 {
		t.Errorf("removed %d records", n)
	}
	must(t, l.VerifyHead(t.Context(), head, false))
}

// FLT-07, TAM-01: the head record of a node stands at its own last change. When others have made more than the journal keeps since, the node
// starts again all the same; one that is ahead of the store does not.
func TestHeadOfANodeThatWasAway(t *testing.T) {
	l, s := open(t, "NYDC")
	put(t, l, mdc.GroupKind(), group("g1", ""))
	mine := head(t, s)
	for i := range 5 {
		put(t, l, mdc.GroupKind(), group(fmt.Sprint("others", i), ""))
	}
	ahead := head(t, s)
	if _, err := l.Prune(t.Context(), journal.Retention{KeepRecords: 2}); err != nil {
		t.Fatal(err)
	}
	must(t, l.VerifyHead(t.Context(), mine, true))
	if err := l.VerifyHead(t.Context(), mine, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a store that nobody else writes to: %v", err)
	}
	ahead = bytes.Replace(ahead, []byte(`"sequence":6`), []byte(`"sequence":7`), 1)
	if err := l.VerifyHead(t.Context(), ahead, true); !fault.Is(err, fault.Conflict) {
		t.Errorf("a store that lost the last change: %v", err)
	}
}
