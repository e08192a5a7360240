package admission

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
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
	level atomic.Int32                                 // 0 = nothing is
	look  func(context.Context) (time.Duration, error) // how long a decision waits for its turn; nil = a probe of Run's own
	calm  int                                          // intervals without a wait since the last step; of Run's own

	line line // of administrators
}

// NewPressure watches decisions, of which begun tells how many ever began.
func NewPressure(begun func() uint64) *Pressure {
	p := &Pressure{begun: begun}
	p.line.gap = p.gap
	return p
}

// Level is how far what can wait is held back: 0 not at all, 8 as far as it goes.
func (p *Pressure) Level() int { return int(p.level.Load()) }

// Run watches until ctx ends. A wait counts only while decisions are asked for all the time: nobody else is worth holding anybody back.
func (p *Pressure) Run(ctx context.Context) error {
	look := p.look
	if look == nil {
		probe, err := newProbe()
		if err != nil {
			return fmt.Errorf("watch how long decisions wait: %w", err)
		}
		defer probe.close()
		look = probe.wait
	}
	tick := time.NewTicker(interval / looks)
	defer tick.Stop()
	for seen, asked := p.begun(), false; ; {
		shortest, err := least(ctx, tick.C, look, asked)
		if err != nil || ctx.Err() != nil {
			return err
		}
		now := p.begun()
		p.step(shortest, asked)
		asked, seen = now-seen >= looks, now
	}
}

// least is the shortest wait in an interval; 0 while nothing is asked, when it is not looked at.
func least(ctx context.Context, tick <-chan time.Time, look func(context.Context) (time.Duration, error), asked bool) (least time.Duration, err error) {
	least = time.Hour
	for range looks {
		select {
		case <-ctx.Done():
			return 0, nil
		case <-tick:
		}
		wait := time.Duration(0)
		if asked {
			if wait, err = look(ctx); err != nil {
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

// gap is the time between two requests of administrators; 0 = none has to wait.
func (p *Pressure) gap() time.Duration {
	above := p.Level() - signInLevels
	if above <= 0 {
		return 0
	}
	return firstGap << (above - 1)
}

// Pause holds a request of an administrator back until it is its turn: not at all while holding sign-ins back is enough, under the highest
// pressure so that fifty a second begin. Callers take turns, each with its own requests in order. Who leaves uses no turn up.
// Fault: Unavailable CodeOverloaded when it would take MaxWait or longer.
func (p *Pressure) Pause(ctx context.Context, caller string) error {
	w, ok := p.line.join(caller, time.Now())
	if !ok {
		return errNoTurn()
	}
	if w == nil {
		return nil
	}
	t := time.NewTimer(MaxWait)
	defer t.Stop()
	select {
	case <-w.turn:
		return nil
	case <-t.C: // callers came meanwhile that have fewer requests here
		p.line.leave(w)
		return errNoTurn()
	case <-ctx.Done():
		p.line.leave(w)
		return fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}
