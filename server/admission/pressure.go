package admission

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const (
	// MaxWait is the longest that anybody is held back.
	MaxWait = 2 * time.Second

	target   = 3 * time.Millisecond // a wait of a decision that needs nothing to be done
	interval = 100 * time.Millisecond
	looks    = 4 // in an interval

	calmEnough = 3 // intervals without a wait until something less is held back

	signInLevels = 4 // the checks of passwords shrink in these, by half each
	allLevels    = signInLevels + 4
	firstGap     = 2500 * time.Microsecond // between two requests of administrators, doubled by each level: 20 ms in the end
)

// Pressure says how far what can wait is held back. Safe for concurrent use.
type Pressure struct {
	begun func() uint64
	level atomic.Int32 // 0 = nothing is
	calm  int          // intervals without a wait since the last step; of Run's own

	mu   sync.Mutex // guards next
	next time.Time  // when the next request of an administrator may begin
}

// NewPressure watches decisions, of which begun tells how many ever began.
func NewPressure(begun func() uint64) *Pressure { return &Pressure{begun: begun} }

// Level is how far what can wait is held back: 0 not at all, 8 as far as it goes.
func (p *Pressure) Level() int { return int(p.level.Load()) }

// Run watches until ctx ends. A wait counts only while decisions are asked for all the time: nobody else is worth holding anybody back.
func (p *Pressure) Run(ctx context.Context) error {
	probe, err := newProbe()
	if err != nil {
		return fmt.Errorf("watch how long decisions wait: %w", err)
	}
	defer probe.close()
	tick := time.NewTicker(interval / looks)
	defer tick.Stop()
	for seen, asked := p.begun(), false; ; {
		least, err := p.least(ctx, tick.C, probe, asked)
		if err != nil || ctx.Err() != nil {
			return err
		}
		now := p.begun()
		p.step(least, asked)
		asked, seen = now-seen >= looks, now
	}
}

// least is the shortest wait in an interval; 0 while nothing is asked, when it is not looked at.
func (p *Pressure) least(ctx context.Context, tick <-chan time.Time, look *probe, asked bool) (least time.Duration, err error) {
	least = time.Hour
	for range looks {
		select {
		case <-ctx.Done():
			return 0, nil
		case <-tick:
		}
		wait := time.Duration(0)
		if asked {
			if wait, err = look.wait(ctx); err != nil {
				return 0, err
			}
		}
		least = min(least, wait)
	}
	return least, nil
}

// step moves the level by one: a queue that never went away in a whole interval is one that stands (RFC 8289, section 3). While decisions are
// asked for, what is held back comes back more slowly than it goes, so that it does not swing.
func (p *Pressure) step(least time.Duration, asked bool) {
	level := p.level.Load()
	if least > target {
		p.level.Store(min(allLevels, level+1))
		p.calm = 0
		return
	}
	if p.calm++; level > 0 && (!asked || p.calm >= calmEnough) {
		p.level.Store(level - 1)
		p.calm = 0
	}
}

// Rest is how long a core that has checked a password for this long leaves the next check alone: none without pressure, so that passwords
// may have all cores, and 15 times as long under the highest.
func (p *Pressure) Rest(took time.Duration) time.Duration {
	share := min(p.Level(), signInLevels)
	return min(took*(1<<share-1), MaxWait)
}

// Pause holds a request of an administrator back until it is its turn: not at all while holding sign-ins back is enough, under the highest
// pressure so that fifty a second begin. Fault: Unavailable CodeOverloaded when that would take longer than MaxWait.
func (p *Pressure) Pause(ctx context.Context) error {
	wait, ok := p.turn(time.Now())
	if !ok {
		e := fault.New(fault.Unavailable, CodeOverloaded, "This node has more decisions to make for applications than it can, and those go first. Try again in a few seconds.")
		e.RetryAfter = MaxWait
		return e
	}
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}

// turn gives the next turn away.
func (p *Pressure) turn(now time.Time) (wait time.Duration, ok bool) {
	above := p.Level() - signInLevels
	if above <= 0 {
		return 0, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.next
	if at.Before(now) {
		at = now
	}
	if wait = at.Sub(now); wait > MaxWait {
		return wait, false
	}
	p.next = at.Add(firstGap << (above - 1))
	return wait, true
}
