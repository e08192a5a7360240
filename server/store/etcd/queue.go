package etcd

import (
	"sync"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// request is one Update on its way through the committer.
type request struct {
	fn      func(store.Writer) error
	claimed atomic.Bool // by the committer, which then answers; or by the caller, who has gone
	again   bool        // the committer has claimed it and runs it once more
	done    chan error  // capacity 1: the committer never waits for a caller
	err     error       // what fn came to
}

// claim is the committer's; false = the caller has gone.
func (r *request) claim() bool { return r.again || r.claimed.CompareAndSwap(false, true) }

// queue holds the updates that wait for the committer; each waiting caller has one entry.
type queue struct {
	mu      sync.Mutex // guards waiting and closed
	waiting []*request
	closed  bool
	wake    chan struct{} // capacity 1: there is something to take, or the queue was closed
}

func (q *queue) add(r *request) bool {
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.waiting = append(q.waiting, r)
	}
	q.mu.Unlock()
	q.signal()
	return !closed
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close lets the committer end once nobody waits.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// take gives all that waits, in order.
func (q *queue) take() (taken []*request, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken, q.waiting = q.waiting, nil
	return taken, q.closed
}
