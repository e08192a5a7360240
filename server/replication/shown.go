package replication

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	shownPrefix = "h/f/"
	shownEvery  = 30 * time.Second // how old the kept form of shown may get where one node is all there is; a clone tells it anew at its next poll
)

// shown is where a clone said it stands.
type shown struct {
	At    mdc.Position `json:"at"`
	Equal bool         `json:"equal"` // that position lies on our journal
	Time  time.Time    `json:"time"`
	By    string       `json:"by,omitempty"` // the run of the node that was told
	moved time.Time    // when it showed another position than before; zero = not since the start
	dirty bool         // not kept yet
}

func (f *Feed) remember(agreement string, at mdc.Position, equal bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, now := f.shown[agreement], f.c.Clock.Now()
	if was.At != at || was.Equal != equal {
		was.moved = now
		f.stirLocked()
		f.again()
	}
	f.shown[agreement] = shown{At: at, Equal: equal, Time: now, By: f.self, moved: was.moved, dirty: true}
}

// stir wakes who waits for a clone.
func (f *Feed) stir() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stirLocked()
}

// stirLocked is stir for who holds the lock.
func (f *Feed) stirLocked() {
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *Feed) recall(agreement string) (shown, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.shown[agreement]
	return s, ok
}

// Shown gives the position on this journal that the clone of an agreement said it stands at, durably; found is false when it
// has said none, or one that does not lie on it. moved is when it last said another one than before, a sign of life that a
// question which hangs on a dead connection does not give; zero = not since the start.
func (f *Feed) Shown(agreement string) (at mdc.Position, moved time.Time, found bool) {
	s, ok := f.recall(agreement)
	return s.At, s.moved, ok && s.Equal
}

// Heard is when the clone of an agreement said last where it stands; zero = never.
func (f *Feed) Heard(agreement string) time.Time {
	s, _ := f.recall(agreement)
	return s.Time
}

// Moved gives a channel that is closed when a clone shows another position, or an agreement or the data center changes.
func (f *Feed) Moved() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

// Closing gives a channel that is closed when Run ends.
func (f *Feed) Closing() <-chan struct{} { return f.closing }

// Run keeps what clones showed, now and then and at the end, until ctx ends; then long polls under way are answered, so
// that a server that stops does not wait for them. It gives nil.
func (f *Feed) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	defer watch.Wait()
	watch.Go(func() { f.watch(ctx) })
	defer close(f.closing)
	tick := time.NewTicker(shownEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = f.keep(ctx) // it logs
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = f.keep(last)
			return nil
		}
	}
}

// keep writes what is new and forgets agreements that are gone. After a failure, which it logs, all of it is still new.
func (f *Feed) keep(ctx context.Context) error {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	news := f.take()
	if len(news) == 0 {
		return nil
	}
	var gone []string
	err := f.c.Log.Update(ctx, func(tx *journal.Tx) error {
		gone = nil
		for id, s := range news {
			_, found, err := tx.Body(mdc.AgreementKind(), id)
			if err == nil && found {
				err = writeShown(tx.Writer(), id, s)
			} else if err == nil {
				gone = append(gone, id)
				err = tx.Writer().Delete([]byte(shownPrefix + id))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.c.Logger.Warn("cannot keep the positions of clones", "error", err)
		for id := range news {
			if s, there := f.shown[id]; there && s.By == f.self {
				s.dirty = true
				f.shown[id] = s
			}
		}
		return err
	}
	for _, id := range gone {
		delete(f.shown, id)
	}
	return nil
}

// take gives what is not kept yet, and calls it kept.
func (f *Feed) take() map[string]shown {
	f.mu.Lock()
	defer f.mu.Unlock()
	news := map[string]shown{}
	for id, s := range f.shown {
		if s.dirty {
			news[id] = s
			s.dirty = false
			f.shown[id] = s
		}
	}
	return news
}

func writeShown(w store.Writer, agreement string, s shown) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode position of clone: %w", err)
	}
	return w.Put([]byte(shownPrefix+agreement), b, 0)
}
