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

// Share counts what one caller has of places, for who is asked for so often that a name is too slow. The zero value is ready.
type Share struct{ under atomic.Uint64 }

// EnterBy is Enter for the caller whose share it is; the place is given back with LeaveBy.
func (p *Places) EnterBy(s *Share) error {
	if p.each > 0 && s.under.Add(1) > p.each {
		s.under.Add(^uint64(0))
		return errTooMany()
	}
	if err := p.take(); err != nil {
		p.forget(s)
		return err
	}
	return nil
}

// LeaveBy gives a place back.
func (p *Places) LeaveBy(s *Share) {
	p.count.Add(^uint64(0))
	p.forget(s)
}

func (p *Places) forget(s *Share) {
	if p.each > 0 {
		s.under.Add(^uint64(0))
	}
}

// Enter takes a place for a caller. Faults: Unavailable CodeTooMany when the caller has its part already, CodeOverloaded when all are
// taken. Who got a place gives it back with Leave and the same caller.
func (p *Places) Enter(caller string) error {
	if p.each > 0 && !p.one(caller) {
		return errTooMany()
	}
	if err := p.take(); err != nil {
		p.without(caller)
		return err
	}
	return nil
}

func errTooMany() error {
	e := fault.New(fault.Unavailable, CodeTooMany, "Too many requests of this one caller are under way, so that others would not get their turn. Send fewer at once, and try again in a second.")
	e.RetryAfter = fullAgain
	return e
}

// take counts one more. What finds no place never began: who is refused is no work that others would have to wait for.
func (p *Places) take() error {
	if p.count.Add(oneMore)&underWay > p.most {
		p.count.Add(^uint64(oneMore - 1))
		e := fault.New(fault.Unavailable, CodeOverloaded, "More is asked of this node than it can do at once. Try again in a second, here or at another node.")
		e.RetryAfter = fullAgain
		return e
	}
	return nil
}

// Leave gives a place back.
func (p *Places) Leave(caller string) {
	p.count.Add(^uint64(0))
	p.without(caller)
}

func (p *Places) without(caller string) {
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

// Crowded says that at least half of the places are taken.
func (p *Places) Crowded() bool { return p.count.Load()&underWay >= p.most/2 }

// Begun counts the requests that ever got a place; it wraps around.
func (p *Places) Begun() uint64 { return p.count.Load() >> begunBit }
