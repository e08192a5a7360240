package journal_test

import (
	"fmt"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestPreparedRecords: what is prepared while the records before are still on their way leads to the master's digest, also
// where both change the same objects; what was prepared for another state does no harm (OAM-46).
func TestPreparedRecords(t *testing.T) {
	t.Parallel()
	master, _ := open(t, "NYDC")
	for i := range 150 {
		put(t, master, mdc.GroupKind(), group(fmt.Sprintf("g%d", i%120), fmt.Sprint(i)))
		if i%7 == 0 {
			remove(t, master, mdc.GroupKind(), fmt.Sprintf("g%d", i%120))
		}
	}
	all := records(t, master, 0, 1<<20)
	first, second := all[:100], all[100:]
	reached := func(recs []journal.Record) mdc.Position {
		last := recs[len(recs)-1]
		return mdc.Position{Epoch: last.Epoch, Sequence: last.Sequence, Digest: last.Digest}
	}
	for name, prepare := range map[string]func(clone *journal.Log) (one, two *journal.Prepared){
		"not at all": func(*journal.Log) (one, two *journal.Prepared) { return nil, nil },
		"both before either is written": func(clone *journal.Log) (one, two *journal.Prepared) {
			one, err := clone.Prepare(t.Context(), position(t, clone), nil, nil, first)
			must(t, err)
			two, err = clone.Prepare(t.Context(), reached(first), first, one, second)
			must(t, err)
			if one.Told() == 0 || two.Told() == 0 || two.Told() == len(second) {
				t.Errorf("told ahead: %d of %d and %d of %d", one.Told(), len(first), two.Told(), len(second))
			}
			return one, two
		},
		"for another state": func(clone *journal.Log) (one, two *journal.Prepared) {
			at := position(t, clone)
			at.Digest = "other"
			one, err := clone.Prepare(t.Context(), at, nil, nil, first)
			must(t, err)
			two, err = clone.Prepare(t.Context(), at, nil, nil, second) // as if nothing was on its way
			must(t, err)
			return one, two
		},
	} {
		t.Run(name, func(t *testing.T) {
			clone, _ := open(t, "NYDC")
			one, two := prepare(clone)
			for _, part := range []struct {
				ready *journal.Prepared
				recs  []journal.Record
			}{{one, first[:60]}, {one, first[60:]}, {two, second}} {
				must(t, clone.Update(t.Context(), func(tx *journal.Tx) error { return tx.ApplyPrepared(part.ready, part.recs...) }))
			}
			if position(t, clone) != position(t, master) {
				t.Error("the clone stands elsewhere")
			}
		})
	}
}
