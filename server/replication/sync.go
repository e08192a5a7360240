package replication

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// SyncWait is how long the answer to a write waits for the clones of agreements with wait_for_sync.
const SyncWait = 5 * time.Second

// Awaited gives the present position when some enabled agreement of this master says wait_for_sync; awaited is false when
// none does, so that a write is not to wait.
func (f *Feed) Awaited(ctx context.Context) (at mdc.Position, awaited bool, err error) {
	a, err := f.awaiting(ctx)
	if err != nil || len(a.agreements) == 0 {
		return at, false, err
	}
	at, err = f.c.Log.Position(ctx)
	return at, true, err
}

// awaited is who waits for clones here, as long as neither an agreement nor the data center has changed since.
type awaited struct {
	changes    uint64
	agreements []mdc.Agreement // that say wait_for_sync
	majority   bool            // write_requires says so
}

// awaiting gives it. It is asked twice for every write.
func (f *Feed) awaiting(ctx context.Context) (*awaited, error) {
	changes := f.changes.Load()
	if known := f.awaited.Load(); known != nil && known.changes == changes {
		return known, nil
	}
	a := &awaited{changes: changes}
	err := f.c.Log.View(ctx, func(s *journal.Snapshot) (err error) {
		if a.agreements, err = syncedAgreements(s); err != nil {
			return err
		}
		d, err := s.DataCenter()
		if err == nil {
			a.majority = d.WriteRequires == mdc.WriteMajority
		}
		return err
	})
	if err == nil {
		f.awaited.Store(a)
	}
	return a, err
}

// Await waits until every clone with wait_for_sync has shown that it has the state at a position, SyncWait at most, and
// gives the cluster ids of those that have not. A clone whose agreement is disabled or deleted meanwhile is waited for no more.
func (f *Feed) Await(ctx context.Context, at mdc.Position) (behind []string, err error) {
	end := time.NewTimer(SyncWait)
	defer end.Stop()
	for {
		moved := f.Moved() // before the reads: what changes in between closes it
		a, err := f.awaiting(ctx)
		if err != nil {
			return behind, err
		}
		if behind = f.lacking(a.agreements, at); len(behind) == 0 {
			return nil, nil
		}
		select {
		case <-moved:
		case <-end.C:
			return behind, nil
		case <-f.closing:
			return behind, nil
		case <-ctx.Done():
			return behind, nil
		}
	}
}

// lacking gives the clones that have not shown a position.
func (f *Feed) lacking(synced []mdc.Agreement, at mdc.Position) (behind []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range synced {
		seen := f.shown[a.Identifier]
		if !seen.Equal || seen.At.Epoch != at.Epoch || seen.At.Sequence < at.Sequence {
			behind = append(behind, a.Target)
		}
	}
	return behind
}

func syncedAgreements(s *journal.Snapshot) (out []mdc.Agreement, err error) {
	err = agreements(s, mdc.SideMaster, func(a *mdc.Agreement) error {
		if a.Enabled && a.WaitForSync {
			out = append(out, *a)
		}
		return nil
	})
	return out, err
}
