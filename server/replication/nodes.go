package replication

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// pokePrefix begins the keys by which a node asks the one that follows to ask its master now: by agreement. That one removes
// the key when a round has ended.
const pokePrefix = "h/w/"

const pokeLife = time.Minute

// Follow keeps this node's picture of the agreements in step with what the node writes that runs the follower, until ctx ends:
// for readiness, status and whoever waits for a copy, at any node. It gives nil.
func (f *Follower) Follow(ctx context.Context) error {
	defer f.unpoking.Wait() // they end with ctx
	store.Follow(ctx, f.c.Store, []byte("h/"), f.Reread, func(events []store.Event) error {
		for _, ev := range events {
			if err := f.told(ctx, ev); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		f.c.Logger.Warn("the state of replication on other nodes is not followed; trying again", "error", err)
	})
	return nil
}

// Reread reads every mark anew, unless this node writes them, as Follow does when it begins.
func (f *Follower) Reread(ctx context.Context) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	if _, err := f.load(ctx); err != nil {
		return err
	}
	marks := map[string]mark{}
	err := f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		clear(marks)
		return agreements(s, mdc.SideClone, func(a *mdc.Agreement) (err error) {
			marks[a.Identifier], err = readMark(s.Reader(), a.Identifier)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("read the state of replication: %w", err)
	}
	if f.working.Load() {
		return nil
	}
	for id, m := range marks {
		f.show(id, m)
	}
	return nil
}

func (f *Follower) told(ctx context.Context, ev store.Event) error {
	key := string(ev.Key)
	if id, ok := strings.CutPrefix(key, pokePrefix); ok {
		return f.poked(ctx, id, ev.Value != nil)
	}
	id, ok := strings.CutPrefix(key, markPrefix)
	if !ok || f.working.Load() {
		return nil
	}
	if ev.Value == nil {
		f.drop(id)
		return nil
	}
	return f.reread(ctx, id)
}

// reread shows the mark that is in the store now: the event may be older than what was read anew.
func (f *Follower) reread(ctx context.Context, agreement string) (err error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.side(agreement) == nil { // a new agreement
		if _, err := f.load(ctx); err != nil {
			return err
		}
	}
	var m mark
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		m, err = readMark(s.Reader(), agreement)
		return err
	})
	if err == nil {
		f.show(agreement, m)
	}
	return err
}

// show takes a mark over that another node wrote, unless this node writes them by now.
func (f *Follower) show(agreement string, m mark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sides[agreement]
	if s == nil || f.working.Load() {
		return
	}
	s.mark, s.caughtUp, s.dirty = m, s.caughtUp || m.Copy, false // it is in the store
	close(f.news)
	f.news = make(chan struct{})
}

// drop forgets the side of an agreement that is gone, unless this node does that itself by now.
func (f *Follower) drop(agreement string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sides[agreement] != nil && !f.working.Load() {
		f.dropLocked(agreement)
	}
}

// poked is for the node that follows when the key is there, and for those that wait when it is gone.
func (f *Follower) poked(ctx context.Context, agreement string, there bool) error {
	s := f.side(agreement)
	if s == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch working := f.working.Load(); {
	case there && working:
		turn := s.turn
		s.wakeLocked()
		f.unpoking.Go(func() { f.unpoke(ctx, agreement, turn) })
	case !there && !working:
		s.turned()
	}
	return nil
}

// unpoke says that the round has ended.
func (f *Follower) unpoke(ctx context.Context, agreement string, turn <-chan struct{}) {
	select {
	case <-turn:
	case <-ctx.Done():
		return
	}
	err := f.c.Store.Update(ctx, func(w store.Writer) error { return w.Delete([]byte(pokePrefix + agreement)) })
	if err != nil && ctx.Err() == nil {
		f.c.Logger.Warn("a node that waits for a pull cannot be told of its end", "agreement", agreement, "error", err)
	}
}

// poke asks the node that follows to ask now. The key goes by itself when there is none.
func (f *Follower) poke(ctx context.Context, agreement string) error {
	err := f.c.Store.Update(ctx, func(w store.Writer) error { return w.Put([]byte(pokePrefix+agreement), []byte{1}, pokeLife) })
	if err != nil {
		return fmt.Errorf("ask for a pull of %s: %w", agreement, err)
	}
	return nil
}
