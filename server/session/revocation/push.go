package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// cursor is how far one partner has acknowledged this log.
type cursor struct {
	Position uint64 `json:"position"` // in this log
	Sequence uint64 `json:"sequence"` // of this data center's own entries
}

// link is what this process knows of one partner.
type link struct {
	pushing sync.Mutex // held while a push is under way: at most one

	mu     sync.Mutex // guards the rest
	loaded bool
	at     cursor
	have   map[string]uint64 // what the partner said last
	moved  chan struct{}     // closed and replaced when at moves
	wake   chan struct{}     // holds one token when there may be something to push
}

func (l *Log) link(partner string) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.links[mdc.FoldName(partner)]
	if k == nil {
		k = &link{moved: make(chan struct{}), wake: make(chan struct{}, 1)}
		k.wake <- struct{}{} // look once at start
		l.links[mdc.FoldName(partner)] = k
	}
	return k
}

// Wake gives a channel that has a token when something may wait for partner.
func (l *Log) Wake(partner string) <-chan struct{} { return l.link(partner).wake }

// Nudge puts a token there.
func (l *Log) Nudge(partner string) { l.link(partner).nudge() }

func (k *link) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (l *Log) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.links {
		k.nudge()
	}
}

// Push sends partner all it has not acknowledged, batch by batch. After an error the rest waits for the next call.
func (l *Log) Push(ctx context.Context, partner string) error {
	k := l.link(partner)
	k.pushing.Lock()
	defer k.pushing.Unlock()
	at, err := l.cursorOf(ctx, partner, k)
	if err != nil {
		return err
	}
	for restarted := false; ; {
		b, last, err := l.batch(ctx, partner, k, at)
		if err != nil {
			return fmt.Errorf("push revocations to %s: %w", partner, err)
		}
		if last == at.Position {
			return nil
		}
		if len(b.Entries) > 0 || b.Through > b.After {
			lost, err := l.send(ctx, partner, k, b)
			if err != nil {
				return err
			}
			if lost && restarted {
				return fmt.Errorf("push revocations to %s: it acknowledges less than it was sent", partner)
			}
			if lost {
				at, restarted = cursor{}, true
				continue
			}
		}
		at = cursor{Position: last, Sequence: b.Through}
		if err := l.moveCursor(ctx, partner, k, at); err != nil {
			return err
		}
	}
}

// send gives lost when the partner has less of ours than it acknowledged before: it was restored or made anew.
func (l *Log) send(ctx context.Context, partner string, k *link, b Batch) (lost bool, err error) {
	have, err := l.cfg.Peers.SendRevocations(ctx, partner, b)
	if err != nil {
		return false, fmt.Errorf("push revocations to %s: %w", partner, err)
	}
	folded := make(map[string]uint64, len(have))
	for origin, seq := range have {
		folded[mdc.FoldName(origin)] = seq
	}
	k.mu.Lock()
	k.have = folded
	k.mu.Unlock()
	return folded[mdc.FoldName(l.cfg.ClusterID)] < b.Through, nil
}

// batch collects what lies behind at and the partner does not have. last is the position up to which it looked.
func (l *Log) batch(ctx context.Context, partner string, k *link, at cursor) (b Batch, last uint64, err error) {
	k.mu.Lock()
	have := k.have
	k.mu.Unlock()
	b, last = Batch{After: at.Sequence, Through: at.Sequence}, at.Position
	now := l.cfg.Clock.Now()
	err = l.cfg.State.View(ctx, func(r store.Reader) error {
		newest, err := readNumber(r, []byte(keyOwn))
		if err != nil {
			return err
		}
		return rangeLog(r, at.Position, func(position uint64, e Entry) error {
			if len(b.Entries) == MaxBatch {
				return store.ErrStop
			}
			last = position
			own := l.own(e, newest)
			if own {
				b.Through = max(b.Through, e.Sequence)
			}
			if !expired(e, now) && (own || !mdc.SameName(e.Origin, partner) && e.Sequence > have[mdc.FoldName(e.Origin)]) {
				b.Entries = append(b.Entries, e)
			}
			return nil
		})
	})
	return b, last, err
}

// own says that e is of this data center's present life. What a partner relays back under our name with a sequence that
// we never gave (from before a restore, or invented) denies, but we vouch for no range with it.
func (l *Log) own(e Entry, newest uint64) bool {
	return mdc.SameName(e.Origin, l.cfg.ClusterID) && e.Sequence <= newest
}

func (l *Log) cursorOf(ctx context.Context, partner string, k *link) (cursor, error) {
	k.mu.Lock()
	at, loaded := k.at, k.loaded
	k.mu.Unlock()
	if loaded {
		return at, nil
	}
	err := l.cfg.State.View(ctx, func(r store.Reader) error {
		v, err := r.Get(keyCursor(partner))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(v, &at)
	})
	if err != nil {
		return at, fmt.Errorf("read cursor of %s: %w", partner, err)
	}
	k.move(at)
	return at, nil
}

// moveCursor tells who waits before it writes: the acknowledgement is true already, and a lost cursor only repeats a push.
func (l *Log) moveCursor(ctx context.Context, partner string, k *link, at cursor) error {
	k.move(at)
	v, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("encode cursor: %w", err)
	}
	err = l.cfg.State.Update(ctx, func(w store.Writer) error { return w.Put(keyCursor(partner), v, 0) })
	if err != nil {
		return fmt.Errorf("write cursor of %s: %w", partner, err)
	}
	return nil
}

func (k *link) move(at cursor) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.loaded = at, true
	close(k.moved)
	k.moved = make(chan struct{})
}

// Receipt waits until partners acknowledged everything up to position, at most for wait, and says which have. With
// wait 0 it only looks.
func (l *Log) Receipt(ctx context.Context, position uint64, wait time.Duration) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	acknowledged := make(map[string]bool)
	for _, partner := range l.cfg.Partners.List() {
		if !mdc.SameName(partner, l.cfg.ClusterID) {
			acknowledged[partner] = l.link(partner).reached(ctx, position)
		}
	}
	return acknowledged
}

func (k *link) reached(ctx context.Context, position uint64) bool {
	for {
		k.mu.Lock()
		there, moved := k.loaded && k.at.Position >= position, k.moved
		k.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-moved:
		}
	}
}

// end is the last position that was given.
func (l *Log) end(ctx context.Context) (position uint64, err error) {
	err = l.cfg.State.View(ctx, func(r store.Reader) error {
		position, err = readNumber(r, []byte(keyEnd))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read end of revocation log: %w", err)
	}
	return position, nil
}
