package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	backoffStart = 100 * time.Millisecond
	backoffMax   = 1500 * time.Millisecond // a sign-out arrives within two seconds of a healed link (SEC-05)
	callTimeout  = 10 * time.Second        // of all messages of one exchange
	confirmEvery = time.Second
	reconcile    = time.Second
	sweepEvery   = time.Minute
)

// Run does what every node does and what one node does for the data center, until ctx ends: for a data center of one node.
func (e *Engine) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { e.flushing(ctx) })
	wait.Go(func() { e.sweeping(ctx) })
	wait.Go(func() { e.noting(ctx) })
	return e.Work(ctx)
}

// RunNode writes this node's last accesses and tells partners of them, forgets what has expired, and follows what other nodes on the same store do,
// until ctx ends. It returns when all of that has stopped; what was not written yet is in memory, see Flush.
func (e *Engine) RunNode(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { e.flushing(ctx) })
	wait.Go(func() { e.sweeping(ctx) })
	wait.Go(func() { e.noting(ctx) })
	wait.Go(func() { e.log.Follow(ctx) })
	wait.Go(func() { e.Follow(ctx) })
	e.every(ctx, func() time.Duration { return confirmEvery }, e.tellTouches)
	return nil
}

// Work pushes what partners have not acknowledged, tells agents, confirms degraded sessions and counts sessions anew,
// until ctx ends. One node at a time does it.
func (e *Engine) Work(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	if e.calls != nil {
		wait.Go(func() { _ = e.calls.Run(ctx) }) // it ends with ctx alone
	}
	wait.Go(func() { e.every(ctx, func() time.Duration { return certifiedEvery }, e.endingUncertified) })
	wait.Go(func() { e.every(ctx, func() time.Duration { return sweepEvery }, e.countAgain) })
	e.partners(ctx)
	return nil
}

// tellTouches tells partners of this node's uses. What one does not take is not said again.
func (e *Engine) tellTouches(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, partner := range e.cfg.Partners.List() {
		if !e.registered(partner) {
			continue
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			if err := e.sendTouches(ctx, partner); err != nil && ctx.Err() == nil {
				e.cfg.Logger.Debug("partner does not take last accesses", "partner", partner, "error", err)
			}
		})
	}
}

func (e *Engine) flushing(ctx context.Context) { e.every(ctx, e.flushEvery, e.flushOnce) }

// sweeping forgets what has expired in this node's memory.
func (e *Engine) sweeping(ctx context.Context) {
	e.every(ctx, func() time.Duration { return sweepEvery }, e.sweep)
}

// partners runs a loop for each partner that there is, until ctx ends and all have stopped.
func (e *Engine) partners(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	running := make(map[string]context.CancelFunc)
	for {
		e.follow(ctx, running, &wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(reconcile):
		}
	}
}

// follow starts a loop for each partner that is new and stops those of partners that are gone.
func (e *Engine) follow(ctx context.Context, running map[string]context.CancelFunc, wait *sync.WaitGroup) {
	listed := e.cfg.Partners.List()
	for _, partner := range listed {
		k := mdc.FoldName(partner)
		if running[k] != nil || !e.registered(partner) {
			continue
		}
		partnerCtx, cancel := context.WithCancel(ctx)
		running[k] = cancel
		wait.Go(func() { e.serve(partnerCtx, partner) })
	}
	for k, cancel := range running {
		if !containsCluster(listed, k) {
			cancel()
			delete(running, k)
		}
	}
}

// serve talks to one partner: when there is something to say, and again after a failure, later each time.
func (e *Engine) serve(ctx context.Context, partner string) {
	backoff, away := backoffStart, true // at first it may have what we lack
	for {
		err := e.exchange(ctx, partner, away)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !away {
			e.cfg.Logger.Warn("partner does not take sessions' messages; they are kept and sent again", "partner", partner, "error", err)
		}
		if err == nil && away {
			e.cfg.Logger.Info("partner is up to date on ended sign-ons", "partner", partner)
		}
		away = err != nil
		if !away {
			backoff = backoffStart
		}
		if !e.rest(ctx, partner, away, backoff) {
			return
		}
		if away {
			backoff = min(2*backoff, backoffMax)
		}
	}
}

// rest waits for work, or for the back-off with jitter; false when ctx ended.
func (e *Engine) rest(ctx context.Context, partner string, away bool, backoff time.Duration) bool {
	wake, pause := e.log.Wake(partner), confirmEvery
	if away { // new work is no reason to hammer
		wake, pause = nil, backoff/2+rand.N(backoff/2)
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-time.After(pause):
	}
	return true
}

// exchange sends a partner what waits for it; with pull it first asks for what is missing here.
func (e *Engine) exchange(ctx context.Context, partner string, pull bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if pull {
		if err := e.log.CatchUp(ctx, partner); err != nil {
			return err
		}
	}
	if err := e.log.Push(ctx, partner); err != nil {
		return err
	}
	if err := e.deliver(ctx, partner); err != nil {
		return err
	}
	if err := e.sendTouches(ctx, partner); err != nil {
		return err
	}
	return e.confirmAll(ctx, partner)
}

// CatchUp pulls the revocations that this data center lacks from every partner that can be reached, each within wait. App
// calls it before this data center says that it is ready. The error names the partners that were not reached; it is no
// reason to stay down, since what others missed to say they push later.
func (e *Engine) CatchUp(ctx context.Context, wait time.Duration) error {
	partners := e.cfg.Partners.List()
	errs := make([]error, len(partners))
	var all sync.WaitGroup
	for i, partner := range partners {
		if !e.registered(partner) {
			continue
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			errs[i] = e.log.CatchUp(ctx, partner)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("catch up on ended sign-ons: %w", err)
	}
	return nil
}

// nudge wakes the loops of all partners.
func (e *Engine) nudge() {
	for _, partner := range e.cfg.Partners.List() {
		e.log.Nudge(partner)
	}
}

// flushEvery is a twentieth of the idle time-out, within 1 and 30 seconds.
func (e *Engine) flushEvery() time.Duration {
	return min(max(e.cfg.Policies.SessionPolicy().IdleTimeout.D()/20, time.Second), 30*time.Second)
}

func (e *Engine) flushOnce(ctx context.Context) {
	if err := e.Flush(ctx); err != nil && ctx.Err() == nil {
		e.cfg.Logger.Error("last accesses could not be written; they are kept and written later", "error", err)
	}
}

// every calls do in intervals, which may change, until ctx ends.
func (e *Engine) every(ctx context.Context, interval func() time.Duration, do func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval()):
			do(ctx)
		}
	}
}
