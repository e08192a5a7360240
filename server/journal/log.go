package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Config wires a Log.
type Config struct {
	Store     store.Store
	Wrapper   Wrapper
	ClusterID string
	Clock     clock.Clock
}

// Log is the journal of one data center. Safe for concurrent use.
type Log struct {
	c     Config
	kinds map[string]mdc.Kind

	positions   memo[position]
	dataCenters memo[mdc.DataCenter]
	shifters    sync.Pool // of *shifter

	mu        sync.Mutex    // guards changed, listeners and gate
	changed   chan struct{} // closed and replaced at each change of the position
	listeners []func([]Change)
	gate      Gate
}

// Change tells a listener what a committed transaction changed. Kind "" says: everything may have changed (a snapshot).
type Change struct {
	Kind string
	Name string // the key spelling
}

// New opens the journal; an empty store gets the first position, epoch 1 of this data center.
func New(ctx context.Context, c Config) (*Log, error) {
	if c.Store == nil || c.Wrapper == nil || c.Clock == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("open journal: store, wrapper, clock and cluster id are needed")
	}
	l := &Log{c: c, kinds: map[string]mdc.Kind{}, changed: make(chan struct{})}
	for _, k := range mdc.Kinds() {
		l.kinds[k.Name] = k
	}
	err := c.Store.Update(ctx, func(tx store.Writer) error {
		_, err := tx.Get(PositionKey())
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		var d setDigest
		first := position{Position: mdc.Position{Epoch: mdc.Epoch{Number: 1, ClusterID: c.ClusterID}, Digest: d.String()}, Generation: 1, BaseDigest: d.String()}
		_, err = writePosition(tx, first, &d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return l, nil
}

// VerifyHead compares the database with the head record that lies beside it. The database may be ahead of it, never
// behind, and must have the same digest where the head stands. shared says that other nodes write to the same store: this one's head stands
// at its own last change, and the journal may have been pruned past it since, which leaves the sequences to compare. The error is a
// fault that says what an operator can do (FLT-07).
func (l *Log) VerifyHead(ctx context.Context, head []byte, shared bool) error {
	h, err := readPosition(head)
	if err != nil {
		return fmt.Errorf("read head record: %w", err)
	}
	return l.c.Store.View(ctx, func(r store.Reader) error {
		p, err := positionOf(r)
		if err != nil {
			return err
		}
		if p.Generation != h.Generation {
			if p.Generation > h.Generation {
				return nil // the copy was switched after the head was written
			}
			return headFault("the database holds an older copy than the head record")
		}
		if p.Sequence < h.Sequence {
			return headFault(fmt.Sprintf("the database ends at sequence %d, %d was acknowledged", p.Sequence, h.Sequence))
		}
		if p.Epoch.Less(h.Epoch) {
			return headFault(fmt.Sprintf("the database stands in epoch %s, %s was acknowledged", p.Epoch, h.Epoch))
		}
		if shared && h.Sequence < p.Base {
			return nil
		}
		digest, found, err := (&Snapshot{r: r, l: l, pos: &p}).DigestAt(h.Sequence)
		if err != nil || !found {
			return headFault(fmt.Sprintf("the journal has no sound record %d", h.Sequence))
		}
		if digest != h.Digest {
			return headFault(fmt.Sprintf("the digest at sequence %d is not the acknowledged one", h.Sequence))
		}
		return nil
	})
}

func headFault(what string) error {
	return fault.New(fault.Conflict, "state_damaged",
		"The state store lost acknowledged changes: %s. Restore a backup, or empty data_dir and copy from another data center.", what)
}

// OnChange registers a listener, before the server starts. It is called after a commit and before the writer is
// answered, on the writer's goroutine, and must not block or write. Because commits overlap, calls may come out of
// order: a listener invalidates, it does not apply.
func (l *Log) OnChange(fn func([]Change)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listeners = append(l.listeners, fn)
}

// Update runs fn in one transaction and tells the listeners. fn may run more than once. While the gate holds changes of
// replicated objects, one that makes such a change waits and runs again; what the gate refuses is the gate's error.
func (l *Log) Update(ctx context.Context, fn func(*Tx) error) error {
	for {
		err := l.update(ctx, fn)
		held, ok := errors.AsType[*heldError](err)
		if !ok {
			return err
		}
		if err := held.wait(ctx); err != nil {
			return err
		}
	}
}

// codeStorageFailed is the code of a store's fault after which it takes no more updates.
const codeStorageFailed = "storage_failed"

func (l *Log) update(ctx context.Context, fn func(*Tx) error) error {
	var changes []Change
	var quorum Quorum
	var at mdc.Position
	gate, gated := l.gateNow(), false
	err := l.c.Store.Update(ctx, func(w store.Writer) error {
		tx := &Tx{Snapshot: Snapshot{r: w, l: l}, w: w, gate: gate}
		err := fn(tx)
		if err == nil {
			quorum, err = tx.quorum()
		}
		if err != nil {
			return err
		}
		changes, gated = tx.changes, tx.gated
		if quorum != nil {
			if at, err = tx.Position(); err != nil {
				return err
			}
		}
		return tx.flush()
	})
	if fault.CodeOf(err) == codeStorageFailed {
		// What the database had synced before can be seen and is on its way to the clones, although nobody was answered.
		l.publish([]Change{{}})
	}
	if err != nil {
		return err
	}
	l.publish(changes)
	if gated {
		err = gate.Confirm(ctx)
	}
	if err == nil && quorum != nil {
		err = quorum.Secure(ctx, at)
	}
	return err
}

// View runs fn on one consistent snapshot.
func (l *Log) View(ctx context.Context, fn func(*Snapshot) error) error {
	return l.c.Store.View(ctx, func(r store.Reader) error { return fn(&Snapshot{r: r, l: l}) })
}

// Position gives the present position.
func (l *Log) Position(ctx context.Context) (pos mdc.Position, err error) {
	err = l.View(ctx, func(s *Snapshot) error { pos, err = s.Position(); return err })
	return pos, err
}

// Touch writes the position once more as it is, so that who keeps a copy of it beside the store gets one.
func (l *Log) Touch(ctx context.Context) error {
	return l.c.Store.Update(ctx, func(w store.Writer) error {
		position, err := w.Get(PositionKey())
		if err != nil {
			return err
		}
		return w.Put(PositionKey(), position, 0)
	})
}

// Changed gives a channel that is closed at the next change of the position; take it before reading the position.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *Log) publish(changes []Change) {
	if len(changes) == 0 {
		return
	}
	l.mu.Lock()
	listeners := l.listeners
	l.mu.Unlock()
	for _, fn := range listeners {
		fn(changes)
	}
	l.mu.Lock()
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
}

func positionOf(r store.Reader) (position, error) {
	b, err := r.Get(PositionKey())
	if err != nil {
		return position{}, fmt.Errorf("read position: %w", err)
	}
	return readPosition(b)
}

func writePosition(tx store.Writer, p position, d *setDigest) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode position: %w", err)
	}
	if err := tx.Put(PositionKey(), b, 0); err != nil {
		return nil, err
	}
	return b, tx.Put(lanesKey, d[:], 0)
}
