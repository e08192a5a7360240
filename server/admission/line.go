package admission

import (
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// line is where requests wait for their turns. The callers in it are served one after the other, whatever each of them asks for: who sends
// a thousand requests delays its own.
type line struct {
	gap func() time.Duration // between two turns now; 0 = nobody waits

	mu      sync.Mutex // guards all below
	next    time.Time  // when the next turn is
	callers []*queue   // that have requests here, whose turn is first in front
	armed   bool       // a timer is set for next
}

// queue is the requests of one caller, the oldest in front. One without requests is not in the line.
type queue struct {
	caller  string
	waiting []*waiter
}

// waiter is one request. turn is closed when it may begin.
type waiter struct {
	caller string
	turn   chan struct{}
}

// join gives nil when the caller's turn is now, and false when it would not come before MaxWait.
func (l *line) join(caller string, now time.Time) (w *waiter, ok bool) {
	gap := l.gap()
	if gap == 0 {
		return nil, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.callers) == 0 && !l.next.After(now) {
		l.next = now.Add(gap)
		return nil, true
	}
	if l.next.Sub(now)+time.Duration(l.ahead(caller))*gap >= MaxWait {
		return nil, false
	}
	w = &waiter{caller: caller, turn: make(chan struct{})}
	q := l.of(caller)
	if q == nil {
		q = &queue{caller: caller}
		l.callers = append(l.callers, q)
	}
	q.waiting = append(q.waiting, w)
	l.arm(now)
	return w, true
}

// ahead counts the turns before the next request of a caller: its own, and as many of each other's.
func (l *line) ahead(caller string) (turns int) {
	own := 0
	if q := l.of(caller); q != nil {
		own = len(q.waiting)
	}
	for _, q := range l.callers {
		if q.caller == caller {
			turns += own
		} else {
			turns += min(len(q.waiting), own+1)
		}
	}
	return turns
}

// of gives the queue of a caller, nil when it has none. Places bound how many there are.
func (l *line) of(caller string) *queue {
	if i := slices.IndexFunc(l.callers, func(q *queue) bool { return q.caller == caller }); i >= 0 {
		return l.callers[i]
	}
	return nil
}

// leave takes a request out; one whose turn has come is not here any more.
func (l *line) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.of(w.caller)
	if q == nil {
		return
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(o *waiter) bool { return o == w })
	l.callers = slices.DeleteFunc(l.callers, func(q *queue) bool { return len(q.waiting) == 0 })
}

func (l *line) arm(now time.Time) {
	if !l.armed && len(l.callers) > 0 {
		l.armed = true
		time.AfterFunc(l.next.Sub(now), l.serve)
	}
}

// serve gives the next turn away, or all when nobody has to wait any more.
func (l *line) serve() {
	gap, now := l.gap(), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	if gap > 0 && now.Before(l.next) { // it was set for a turn that somebody took who did not wait
		l.arm(now)
		return
	}
	for len(l.callers) > 0 {
		l.serveFirst()
		if gap > 0 {
			l.next = now.Add(gap)
			break
		}
	}
	l.arm(now)
}

func (l *line) serveFirst() {
	q := l.callers[0]
	l.callers = l.callers[1:]
	close(q.waiting[0].turn)
	if q.waiting = q.waiting[1:]; len(q.waiting) > 0 {
		l.callers = append(l.callers, q)
	}
}

func errNoTurn() error {
	e := fault.New(fault.Unavailable, CodeOverloaded, "This node has more decisions to make for applications than it can, and those go first. Try again in a few seconds.")
	e.RetryAfter = MaxWait
	return e
}
