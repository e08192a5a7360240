package badger

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
)

const (
	keptTransactions = 4096
	keptBytes        = 32 << 20 // of keys and values; the newest transaction is kept whatever its size
	watchBatch       = 256      // transactions a watch takes at a time
)

// changes is the memory of recent transactions that watches read. A watch has no buffer of its own: one that falls behind
// by more than is kept gets ErrCompacted, and no slow reader costs the committer anything.
type changes struct {
	mu     sync.Mutex // guards the rest
	ring   [keptTransactions][]store.Event
	first  store.Revision // of the oldest kept; last+1 when none is
	last   store.Revision // its place is ring[last % keptTransactions]
	bytes  int
	closed bool
	news   chan struct{} // closed at the next change; nil when nobody waits
}

// newChanges starts after the revision base. It is above what an earlier process gave out, so that a revision from before
// a restart is compacted rather than mistaken.
func newChanges(base store.Revision) *changes {
	return &changes{first: base + 1, last: base}
}

func (c *changes) revision() store.Revision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// add appends the group's transactions that wrote something and wakes the watches.
func (c *changes) add(all []*group.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range all {
		if len(r.Events) > 0 {
			c.append(r.Events)
		}
	}
	c.announce()
}

func (c *changes) append(events []store.Event) {
	c.last++
	for i := range events {
		events[i].Revision = c.last
	}
	if c.last-c.first >= keptTransactions {
		c.dropFirst()
	}
	c.ring[c.last%keptTransactions] = events
	c.bytes += size(events)
	for c.bytes > keptBytes && c.first < c.last {
		c.dropFirst()
	}
}

func (c *changes) dropFirst() {
	place := &c.ring[c.first%keptTransactions]
	c.bytes -= size(*place)
	*place = nil
	c.first++
}

func size(events []store.Event) (n int) {
	for _, e := range events {
		n += len(e.Key) + len(e.Value)
	}
	return n
}

func (c *changes) announce() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// close ends all watches.
func (c *changes) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.announce()
}

// after gives transactions that follow revision from, or, when there are none yet, a channel that is closed at the next.
func (c *changes) after(from store.Revision) (kept [][]store.Event, news <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, nil, store.ErrClosed
	case from+1 < c.first || from > c.last:
		return nil, nil, store.ErrCompacted
	case from == c.last:
		if c.news == nil {
			c.news = make(chan struct{})
		}
		return nil, c.news, nil
	}
	for rev := from + 1; rev <= c.last && len(kept) < watchBatch; rev++ {
		kept = append(kept, c.ring[rev%keptTransactions])
	}
	return kept, nil, nil
}

// Revision is that of the last committed transaction that wrote; never 0. A later process starts above it.
func (s *Store) Revision(ctx context.Context) (store.Revision, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.closing.Load() {
		return 0, store.ErrClosed
	}
	return s.changes.revision(), nil
}

// Watch gives fn the events of transactions after from; see store.Store. It keeps the last 4,096 transactions, up to
// 32 MiB of them. A revision that this process did not give out is ErrCompacted. ErrClosed ends it when the store closes.
func (s *Store) Watch(ctx context.Context, prefix []byte, from store.Revision, fn func([]store.Event) error) error {
	if from == 0 {
		from = s.changes.revision()
	}
	for ctx.Err() == nil {
		kept, news, err := s.changes.after(from)
		if err != nil {
			return err
		}
		if news != nil {
			select {
			case <-news:
			case <-ctx.Done():
			}
			continue
		}
		if err := deliver(ctx, kept, prefix, fn); err != nil {
			return err
		}
		from += store.Revision(len(kept))
	}
	return nil
}

// deliver calls fn once for each transaction that touched the prefix.
func deliver(ctx context.Context, kept [][]store.Event, prefix []byte, fn func([]store.Event) error) error {
	for _, events := range kept {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the watcher ended it
		}
		if seen := under(prefix, events); len(seen) > 0 {
			if err := fn(seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// under gives fn a slice of its own: the ring's is shared by all watches.
func under(prefix []byte, events []store.Event) []store.Event {
	outside := func(e store.Event) bool { return !bytes.HasPrefix(e.Key, prefix) }
	if !slices.ContainsFunc(events, func(e store.Event) bool { return !outside(e) }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(events), outside)
}
