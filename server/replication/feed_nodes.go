package replication

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// shareEvery is how long other nodes may have to wait for what a clone showed while no write waits for clones.
const shareEvery = time.Second

// Follow tells the other nodes on the same store what clones show to this one, and takes over what they show to others, until
// ctx ends: a write at any node can then wait for a clone that asks another one. It costs one small transaction for each
// position that clones show, several of them together, and at most one a second while neither wait_for_sync nor write_requires
// waits for any. Without it Run keeps them as seldom as one node needs. It gives nil.
//
// Where a clone changes from one node to another, what the former was told last may for a moment hide what the latter was: a write
// then waits for the clone's next question. No clone is ever said to have what it did not show.
func (f *Feed) Follow(ctx context.Context) error {
	var sharing sync.WaitGroup
	defer sharing.Wait()
	sharing.Go(func() { f.share(ctx) })
	store.Follow(ctx, f.c.Store, []byte(shownPrefix), f.Reread, func(events []store.Event) error { return f.told(ctx, events) }, func(err error) {
		f.c.Logger.Warn("what clones show to other nodes is not followed; trying again", "error", err)
	})
	return nil
}

// share writes what is new.
func (f *Feed) share(ctx context.Context) {
	for {
		select {
		case <-f.fresh:
		case <-ctx.Done():
			return
		}
		a, err := f.awaiting(ctx)
		if err == nil && (a.majority || len(a.agreements) > 0) {
			err = f.keep(ctx)
		} else if rest(ctx, shareEvery) {
			err = f.keep(ctx)
		}
		if err != nil && rest(ctx, shareEvery) {
			f.again()
		}
	}
}

// again makes share write once more.
func (f *Feed) again() {
	select {
	case f.fresh <- struct{}{}:
	default:
	}
}

// rest says whether the whole pause went by before ctx ended.
func rest(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Reread takes over what other nodes were told and this one did not hear of, as Follow does when it begins.
func (f *Feed) Reread(ctx context.Context) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	all, err := f.kept(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, s := range f.shown {
		if _, found := all[id]; !found && s.By != f.self { // ours may be on its way
			delete(f.shown, id)
		}
	}
	for id, s := range all {
		f.takeOverLocked(id, s)
	}
	return nil
}

// told reads what changed in the store instead of taking it from the events, which may be older than what was read anew.
func (f *Feed) told(ctx context.Context, events []store.Event) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	for _, ev := range events {
		var by struct {
			By string `json:"by"`
		}
		if json.Unmarshal(ev.Value, &by) == nil && by.By == f.self { // what this node was told is in its memory
			continue
		}
		id := strings.TrimPrefix(string(ev.Key), shownPrefix)
		s, found, known, err := f.keptOf(ctx, id)
		if err != nil {
			return err
		}
		f.takeOver(id, s, found, known)
	}
	return nil
}

func (f *Feed) takeOver(agreement string, s shown, found, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case found:
		f.takeOverLocked(agreement, s)
	case !known || f.shown[agreement].By != f.self:
		delete(f.shown, agreement)
	}
}

// takeOverLocked enters what another node was told. What this node was told and has not written yet is newer, unless the other
// was told of more of the same history.
func (f *Feed) takeOverLocked(agreement string, s shown) {
	was := f.shown[agreement]
	further := s.Equal && s.At.Epoch == was.At.Epoch && s.At.Sequence >= was.At.Sequence
	if s.By == f.self || was.dirty && !further {
		return
	}
	s.moved = was.moved
	if was.At != s.At || was.Equal != s.Equal {
		s.moved = f.c.Clock.Now()
		f.stirLocked()
	}
	f.shown[agreement] = s
}
