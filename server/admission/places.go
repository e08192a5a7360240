package admission

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Codes of the faults; both are Unavailable with RetryAfter.
const (
	CodeOverloaded = "overloaded"        // too much is asked of the node
	CodeTooMany    = "too_many_requests" // by this one caller
)

// one request under way is counted in the lower bits of Places.count, all that ever began in the upper.
const (
	begunBit  = 24
	underWay  = 1<<begunBit - 1
	oneMore   = 1<<begunBit + 1
	fullAgain = time.Second
)

// Places bounds how many requests are worked on at once. Safe for concurrent use.
type Places struct {
	most, each uint64
	count      atomic.Uint64

	mu sync.Mutex        // guards by
	by map[string]uint64 // requests under way of a caller
}

// NewPlaces makes places for most requests at once, of which one caller may take each; 0 = callers are not told apart.
func NewPlaces(most, each int) *Places {
	return &Places{most: uint64(max(1, min(most, underWay/2))), each: uint64(max(0, each)), by: map[string]uint64{}}
}

// Enter takes a place for a caller. Faults: Unavailable CodeTooMany when the caller has its part already, CodeOverloaded when all are
// taken. Who got a place gives it back with Leave and the same caller.
func (p *Places) Enter(caller string) error {
	if p.each > 0 && !p.one(caller) {
		e := fault.New(fault.Unavailable, CodeTooMany, "Too many requests of this one caller are under way, so that others would not get their turn. Send fewer at once, and try again in a second.")
		e.RetryAfter = fullAgain
		return e
	}
	if p.count.Add(oneMore)&underWay > p.most {
		p.Leave(caller)
		e := fault.New(fault.Unavailable, CodeOverloaded, "More is asked of this node than it can do at once. Try again in a second, here or at another node.")
		e.RetryAfter = fullAgain
		return e
	}
	return nil
}

// Leave gives a place back.
func (p *Places) Leave(caller string) {
	p.count.Add(^uint64(0))
	if p.each == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by[caller]--; p.by[caller] == 0 {
		delete(p.by, caller)
	}
}

func (p *Places) one(caller string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by[caller] >= p.each {
		return false
	}
	p.by[caller]++
	return true
}

// UnderWay is how many requests have a place now.
func (p *Places) UnderWay() int { return int(p.count.Load() & underWay) } //nolint:gosec // 24 bits

// Begun counts the requests that ever came; it wraps around.
func (p *Places) Begun() uint64 { return p.count.Load() >> begunBit }
