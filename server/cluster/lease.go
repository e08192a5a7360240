package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Work is the one job that there is: what one node at a time does for the data center.
const Work = "work"

const defaultLease = 3 * time.Second

// LeaseConfig wires a Lease.
type LeaseConfig struct {
	Store  store.Store
	Clock  clock.Clock // with monotonic readings: only differences count
	Job    string
	Holder string        // what tells this run of this node from every other one
	TTL    time.Duration // after so long without a renewal another node takes over; 0 = 3 s, so that one that was killed is replaced within 5 s
}

// term is what lies in the store.
type term struct {
	Holder  string `json:"holder"` // "" = given back
	Fence   uint64 `json:"fence"`  // grows with each change of the holder
	Renewal uint64 `json:"renewal"`
}

// Lease lets one node at a time do a job. No clock is compared with another one's: who wants it has to see the same
// renewal for a whole TTL, and the holder counts from before it wrote that renewal.
type Lease struct {
	c LeaseConfig

	mu     sync.Mutex // guards the rest
	held   term       // ours; no holder when it is not
	until  time.Time  // that we may rely on it
	seen   term       // of another node
	seenAt time.Time
}

// NewLease checks the wiring.
func NewLease(c LeaseConfig) (*Lease, error) {
	if c.Store == nil || c.Clock == nil || c.Job == "" || c.Holder == "" || c.TTL < 0 {
		return nil, errors.New("make lease: incomplete configuration")
	}
	if c.TTL == 0 {
		c.TTL = defaultLease
	}
	return &Lease{c: c}, nil
}

// Try renews the lease, or takes it when nobody holds it or its holder was silent for a TTL. held says whether it is ours,
// until when.
func (l *Lease) Try(ctx context.Context) (held bool, until time.Time, err error) {
	begin := l.c.Clock.Now()
	var now term
	err = l.c.Store.View(ctx, func(r store.Reader) error { now, err = readTerm(r, l.c.Job); return err })
	if err == nil && l.mayWrite(now, begin) {
		now, err = l.write(ctx, now)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		return l.holdsAt(l.c.Clock.Now()), l.until, fmt.Errorf("renew lease of %s: %w", l.c.Job, err)
	case now.Holder == l.c.Holder:
		l.held, l.until = now, begin.Add(l.c.TTL*3/4)
	default:
		l.held, l.until = term{}, time.Time{}
		if now != l.seen {
			l.seen, l.seenAt = now, l.c.Clock.Now() // after the read: the holder may have counted from no later than this
		}
	}
	return l.held.Holder != "", l.until, nil
}

// mayWrite says whether the lease is ours to renew or free to take.
func (l *Lease) mayWrite(now term, at time.Time) bool {
	if now.Holder == "" || now.Holder == l.c.Holder {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return now == l.seen && at.Sub(l.seenAt) >= l.c.TTL
}

// write makes it ours unless it changed since it was looked at. It gives what lies in the store afterwards.
func (l *Lease) write(ctx context.Context, looked term) (after term, err error) {
	err = l.c.Store.Update(ctx, func(w store.Writer) error {
		if after, err = readTerm(w, l.c.Job); err != nil || after != looked {
			return err
		}
		if after.Holder != l.c.Holder {
			after.Holder, after.Fence = l.c.Holder, after.Fence+1
		}
		after.Renewal++
		return writeTerm(w, l.c.Job, after)
	})
	return after, err
}

// rest is how long to wait before the next Try when the lease is another node's: a part of the TTL, so that a new renewal is seen soon after
// it was made, and no longer than until that holder was silent for a whole one. So another node works after a kill within 7/6 of a
// TTL and the time of two readings and a write.
func (l *Lease) rest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	step := l.c.TTL / 6
	if left := l.seenAt.Add(l.c.TTL).Sub(l.c.Clock.Now()); l.seen.Holder != "" && left > 0 {
		return min(step, left)
	}
	return step
}

func (l *Lease) holdsAt(t time.Time) bool { return l.held.Holder != "" && t.Before(l.until) }

// Release gives the lease back, if it is ours, so that another node need not wait.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	l.held, l.until = term{}, time.Time{}
	l.mu.Unlock()
	return l.c.Store.Update(ctx, func(w store.Writer) error {
		now, err := readTerm(w, l.c.Job)
		if err != nil || now.Holder != l.c.Holder {
			return err
		}
		now.Holder = ""
		return writeTerm(w, l.c.Job, now)
	})
}

func readTerm(r store.Reader, job string) (t term, err error) {
	b, err := r.Get(leaseKey(job))
	if errors.Is(err, store.ErrNotFound) {
		return term{}, nil
	}
	if err != nil {
		return term{}, err
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return term{}, fmt.Errorf("decode lease: %w", err)
	}
	return t, nil
}

func writeTerm(w store.Writer, job string, t term) error {
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode lease: %w", err)
	}
	return w.Put(leaseKey(job), b, 0)
}
