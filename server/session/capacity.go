package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// errFull says that this data center holds as many sessions as it may.
var errFull = errors.New("session: at capacity")

// places counts the sessions in use of a data center that is this one node, while there is a limit (CAMS-10): all of them when the
// first one is made and every minute from then on, and one by one in between. A session that is over frees its place when it
// is deleted or, where it only ran out, with the next count.
type places struct {
	counting sync.Mutex   // held over a count of all
	changing sync.RWMutex // held for reading while sessions are made and deleted: a count begins between two changes

	mu      sync.Mutex // guards the rest
	counted bool
	n       int
	changed int // since the count that is under way began
}

func (p *places) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n, p.changed = p.n-1, p.changed-1
}

// take is atomic: however many sign in at once, there are never more than limit.
func (p *places) take(limit int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= limit {
		return false
	}
	p.n, p.changed = p.n+1, p.changed+1
	return true
}

func (e *Engine) capacity() int {
	if e.cfg.Capacity == nil {
		return 0
	}
	return e.cfg.Capacity()
}

// place is one that a session is about to take.
type place struct {
	e      *Engine
	free   bool
	taken  bool   // in memory
	shared int    // the limit that the transaction compares; 0 = none, or it was compared in memory
	done   func() // when the session is made, or is not
}

// takePlace gives one that is not free when this data center is full.
func (e *Engine) takePlace(ctx context.Context) (place, error) {
	limit, err := e.limit(ctx)
	if err != nil {
		return place{}, err
	}
	if e.cfg.Shared {
		return place{e: e, free: true, shared: limit, done: func() {}}, nil
	}
	e.places.changing.RLock()
	taken := limit > 0 && e.places.take(limit)
	return place{e: e, free: limit == 0 || taken, taken: taken, done: e.places.changing.RUnlock}, nil
}

// giveBack is for a session that was not made.
func (p place) giveBack() {
	if p.taken {
		p.e.places.free()
	}
}

// freed is for a session that is deleted.
func (e *Engine) freed() {
	if !e.cfg.Shared {
		e.places.free()
	}
}

// limit gives the capacity, 0 for none, and sees to it that sessions are counted.
func (e *Engine) limit(ctx context.Context) (int, error) {
	limit := e.capacity()
	if e.cfg.Shared { // see occupying
		return limit, nil
	}
	e.places.mu.Lock()
	e.places.counted = e.places.counted && limit > 0 // what is made without a limit is not counted
	counted := e.places.counted
	e.places.mu.Unlock()
	if limit == 0 || counted {
		return limit, nil
	}
	return limit, e.recount(ctx)
}

// Occupancy gives how many sessions this data center may hold and how many are in use; 0, 0 where there is no limit, since none
// are counted then.
func (e *Engine) Occupancy(ctx context.Context) (used, capacity int, err error) {
	if capacity, err = e.limit(ctx); err != nil || capacity == 0 {
		return 0, 0, err
	}
	if e.cfg.Shared {
		used, err = e.taken(ctx)
		return used, capacity, err
	}
	e.places.mu.Lock()
	defer e.places.mu.Unlock()
	return e.places.n, capacity, nil
}

// inUse says whether a session counts: it is neither expired nor idle.
func (e *Engine) inUse(s *mdc.Session, last time.Time) bool {
	now := e.now()
	return s.ExpiresAt.After(now) && now.Sub(e.latestAccess(s.ID, last)) < e.cfg.Policies.SessionPolicy().IdleTimeout.D()
}

// recount counts all sessions in use. What changes meanwhile counts on top.
func (e *Engine) recount(ctx context.Context) error {
	e.places.counting.Lock()
	defer e.places.counting.Unlock()
	if e.cfg.Shared {
		return e.recountShared(ctx)
	}
	if e.capacity() == 0 {
		e.places.mu.Lock()
		e.places.counted = false
		e.places.mu.Unlock()
		return nil
	}
	n := 0
	begin := sync.OnceFunc(e.places.changing.Unlock)
	e.places.changing.Lock()
	defer begin()
	e.places.changed = 0
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		begin() // what r shows is fixed now
		n, err = e.countInUse(ctx, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	e.places.mu.Lock()
	defer e.places.mu.Unlock()
	e.places.counted, e.places.n = true, n+e.places.changed
	return nil
}

func (e *Engine) countInUse(ctx context.Context, r store.Reader) (n int, err error) {
	err = r.Range(store.Span{Prefix: []byte("s/")}, func(k, v []byte) error {
		s, err := decodeSession(mdc.SessionID(k[len("s/"):]), v)
		if err != nil {
			return err
		}
		last, err := readAccess(r, s)
		if err == nil && e.inUse(s, last) {
			n++
		}
		return errors.Join(err, ctx.Err())
	})
	return n, err
}
