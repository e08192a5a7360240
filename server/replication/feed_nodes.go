package replication

import (
	"context"
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
	store.Follow(ctx, f.c.Store, []byte(shownPrefix), f.lookAgain, f.told, func(err error) {
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

func (f *Feed) lookAgain(ctx context.Context) error {
	all, err := f.kept(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, s := range all {
		f.takeOverLocked(id, s)
	}
	return nil
}

func (f *Feed) told(events []store.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range events {
		id := strings.TrimPrefix(string(ev.Key), shownPrefix)
		if ev.Value == nil {
			delete(f.shown, id)
			continue
		}
		s, err := decodeShown(ev.Key, ev.Value)
		if err != nil {
			return err
		}
		f.takeOverLocked(id, s)
	}
	return nil
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
