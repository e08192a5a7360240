package replication

import (
	"context"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// committed gives a channel that is closed at the next commit of the journal. The journal itself tells of a change only when
// its writer is answered; the store tells as soon as the change is on the disk. What lies between, the master's sync of its
// head record, the change spends on its way to the clones.
func (f *Feed) committed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.grown
}

// watch closes those channels until ctx ends. While it cannot, the journal's own word counts: later, but no less sure.
func (f *Feed) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.c.Store.Watch(ctx, journal.PositionKey(), 0, func([]store.Event) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			close(f.grown)
			f.grown = make(chan struct{})
			return nil
		})
		if errors.Is(err, store.ErrClosed) {
			return
		}
		if err != nil && ctx.Err() == nil {
			f.c.Logger.Warn("the store cannot be watched for changes; trying again", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}
