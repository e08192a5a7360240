package group

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Request is one Update on its way through the committer. All but its claim belongs to the committer once that has it.
type Request struct {
	Fn     func(store.Writer) error
	Err    error         // what Fn came to
	Events []store.Event // what Fn wrote, where the store keeps that
	again  bool          // the committer has claimed it and runs it once more

	claimed atomic.Bool // by the committer, which then answers; or by the caller, who has gone
	done    chan error  // capacity 1
}

// Claim is the committer's; false = the caller has gone.
func (r *Request) Claim() bool { return r.again || r.claimed.CompareAndSwap(false, true) }

// Again lets a request that was claimed be claimed once more.
func (r *Request) Again() { r.again = true }

// Answer ends a claimed request.
func (r *Request) Answer(err error) { r.done <- err }

// Queue holds the updates that wait for the committer. Each waiting caller has one entry, so its length is bounded by the
// callers.
type Queue struct {
	mu      sync.Mutex // guards waiting and closed
	waiting []*Request
	closed  bool
	wake    chan struct{} // capacity 1
}

// NewQueue makes an empty queue.
func NewQueue() *Queue { return &Queue{wake: make(chan struct{}, 1)} }

// Do queues fn and waits for its answer. When ctx ends before the committer has claimed it, fn is skipped and the answer is
// ctx.Err(); afterwards the committer's answer is waited for. store.ErrClosed when the queue is closed.
func (q *Queue) Do(ctx context.Context, fn func(store.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &Request{Fn: fn, done: make(chan error, 1)}
	if !q.add(r) {
		return store.ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	if r.claimed.CompareAndSwap(false, true) {
		return ctx.Err()
	}
	return <-r.done
}

func (q *Queue) add(r *Request) bool {
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.waiting = append(q.waiting, r)
	}
	q.mu.Unlock()
	q.signal()
	return !closed
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Wake tells the committer that there is something to take, or that the queue was closed.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Close lets the committer end once nobody waits.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// Waiting is how many wait now.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Take gives all that waits, in order, and leaves spare (emptied) for the next ones.
func (q *Queue) Take(spare []*Request) (taken []*Request, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken, q.waiting = q.waiting, spare[:0]
	return taken, q.closed
}
