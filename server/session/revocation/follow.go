package revocation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow takes over what other nodes on the same store keep, until ctx ends: entries count here, and end here what was made
// meanwhile; how far partners are is known here too, so that who waits for a receipt hears of it whichever node pushes. What
// this node wrote itself comes again and changes nothing.
func (l *Log) Follow(ctx context.Context) {
	store.Follow(ctx, l.cfg.State, []byte("r/"), l.Reread, func(events []store.Event) error { return l.told(ctx, events) },
		func(err error) {
			l.followed.Failed(err)
			l.cfg.Logger.Warn("ended sign-ons of other nodes are not followed; trying again", "error", err)
		})
}

// Reread takes over all that is in force in the store, as Follow does when it begins.
func (l *Log) Reread(ctx context.Context) error {
	var live []Entry
	err := l.cfg.State.View(ctx, func(r store.Reader) error {
		live = nil
		return rangeLog(r, 0, func(_ uint64, e Entry) error {
			if !l.table.known(e) {
				live = append(live, e)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read revocations: %w", err)
	}
	if err := l.inForce(ctx, live); err != nil {
		return err
	}
	l.followed.Well()
	return nil
}

// Following is why ended sign-ons of other nodes do not count here at once; nil = they do.
func (l *Log) Following() error { return l.followed.Health() }

func (l *Log) told(ctx context.Context, events []store.Event) error {
	var fresh []Entry
	for _, ev := range events {
		key := string(ev.Key)
		switch {
		case ev.Value == nil: // expired, or forgotten for a copy that is made anew
		case strings.HasPrefix(key, prefixLog):
			e, err := decodeEntry(ev.Value)
			if err != nil {
				return err
			}
			if !l.table.known(e) {
				fresh = append(fresh, e)
			}
		case strings.HasPrefix(key, prefixHave):
			if err := l.toldHave(key[len(prefixHave):], ev.Value); err != nil {
				return err
			}
		case strings.HasPrefix(key, prefixCursor):
			if err := l.toldCursor(key[len(prefixCursor):], ev.Value); err != nil {
				return err
			}
		}
	}
	return l.inForce(ctx, fresh)
}

func (l *Log) toldHave(origin string, v []byte) error {
	seq, err := number(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.have[origin] = max(l.have[origin], seq)
	return nil
}

// toldCursor is for who waits; the node that pushes knows better.
func (l *Log) toldCursor(partner string, v []byte) error {
	var at cursor
	if err := json.Unmarshal(v, &at); err != nil {
		return fmt.Errorf("decode cursor of %s: %w", partner, err)
	}
	k := l.link(partner)
	if k.pushing.TryLock() {
		k.move(at)
		k.pushing.Unlock()
	}
	return nil
}
