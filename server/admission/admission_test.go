package admission_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/admission"
)

// TestPlaces: no more than there are, no more than its part for one caller, and each that is given back serves again (FLT-29).
func TestPlaces(t *testing.T) {
	t.Parallel()
	p := admission.NewPlaces(3, 2)
	enter := func(caller, code string) {
		t.Helper()
		err := p.Enter(caller)
		if fault.CodeOf(err) != code {
			t.Errorf("%s: %v, want %q", caller, err, code)
		}
		if f, ok := err.(*fault.Error); ok && f.RetryAfter <= 0 {
			t.Errorf("%s: no Retry-After", caller)
		}
	}
	enter("a", "")
	enter("a", "")
	enter("a", admission.CodeTooMany)
	enter("b", "")
	enter("b", admission.CodeOverloaded)
	p.Leave("a")
	enter("b", "")
	enter("b", admission.CodeTooMany)
	for _, caller := range []string{"a", "b", "b"} {
		p.Leave(caller)
	}
	if p.UnderWay() != 0 {
		t.Errorf("%d under way", p.UnderWay())
	}
}

// TestPlacesUnderCrowd: never more than there are, and all of them are free in the end.
func TestPlacesUnderCrowd(t *testing.T) {
	t.Parallel()
	const places, callers, rounds = 4, 16, 50
	p := admission.NewPlaces(places, 0)
	for range rounds {
		var tried, all sync.WaitGroup
		var won atomic.Int64
		open := make(chan struct{})
		tried.Add(callers)
		for range callers {
			all.Go(func() {
				refused := p.Enter("") != nil
				tried.Done()
				if refused {
					return
				}
				won.Add(1)
				<-open // until all have tried
				p.Leave("")
			})
		}
		tried.Wait()
		close(open)
		all.Wait()
		if won.Load() != places {
			t.Fatalf("%d of %d places were taken at once", won.Load(), places)
		}
	}
	if p.UnderWay() != 0 || p.Begun() != places*rounds {
		t.Errorf("%d left, %d begun", p.UnderWay(), p.Begun())
	}
}

const (
	long  = 20 * time.Millisecond
	short = 100 * time.Microsecond
)

// TestPressure: sign-ins are held back first and administration only when that is not enough; neither for ever; both are free again
// within a second (FLT-29).
func TestPressure(t *testing.T) {
	t.Parallel()
	p := admission.NewPressure(func() uint64 { return 0 })
	hash := 10 * time.Millisecond
	if p.Rest(hash) != 0 || p.Pause(t.Context(), "ann") != nil {
		t.Error("held back without pressure")
	}
	before := time.Duration(0)
	for range 4 {
		admission.Step(p, long)
		if rest := p.Rest(hash); rest <= before {
			t.Errorf("level %d: a rest of %s after one of %s", p.Level(), rest, before)
		} else {
			before = rest
		}
	}
	began := time.Now()
	for range 1000 { // not yet
		if err := p.Pause(t.Context(), "ann"); err != nil {
			t.Fatalf("administration at level %d: %v", p.Level(), err)
		}
	}
	if took := time.Since(began); took > admission.MaxWait {
		t.Errorf("a thousand requests of administrators took %s", took)
	}
	for range 20 {
		admission.Step(p, long)
	}
	if got := p.Rest(hash); got != before {
		t.Errorf("a rest of %s beyond the highest", got)
	}
	if got := p.Rest(time.Hour); got > admission.MaxWait {
		t.Errorf("a rest of %s", got)
	}
	for range 3 * 4 {
		admission.Step(p, short)
	}
	if p.Level() != 4 {
		t.Errorf("level %d after twelve good intervals", p.Level())
	}
	for range 4 {
		admission.Rest(p)
	}
	if p.Level() != 0 {
		t.Errorf("level %d after four without a decision", p.Level())
	}
}

// TestAdministrationWaitsInOrder: under the highest pressure fifty requests a second begin, who would wait for longer than two seconds is told to
// come again, and who leaves does not hold the line up.
func TestAdministrationWaitsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := admission.NewPressure(func() uint64 { return 0 })
		for range 20 {
			admission.Step(p, long)
		}
		var all sync.WaitGroup
		var served, refused atomic.Int64
		began := time.Now()
		for range 150 {
			all.Go(func() {
				switch err := p.Pause(t.Context(), "ann"); {
				case err == nil:
					served.Add(1)
				case fault.CodeOf(err) == admission.CodeOverloaded:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != admission.MaxWait-20*time.Millisecond || served.Load() != 100 || refused.Load() != 50 {
			t.Errorf("%d served and %d refused in %s", served.Load(), refused.Load(), took)
		}
		time.Sleep(20 * time.Millisecond) // of the bubble's clock
		if err := p.Pause(t.Context(), "ann"); err != nil {
			t.Errorf("two seconds later: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Pause(ctx, "ann"); err == nil || fault.CodeOf(err) != "" {
			t.Errorf("after the caller left: %v", err)
		}
	})
}

// TestWhoFloodsTheLineDelaysItself: callers take turns, and who leaves uses none up: neither a thousand requests of one nor a thousand that it takes
// back hold another up (FLT-29, SEC-33).
func TestWhoFloodsTheLineDelaysItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := admission.NewPressure(func() uint64 { return 0 })
		for range 20 {
			admission.Step(p, long)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		flood := func(n int) {
			for range n {
				all.Go(func() { _ = p.Pause(ctx, "mallory") })
			}
			synctest.Wait()
		}
		other := func(when string, most time.Duration) {
			t.Helper()
			began := time.Now()
			if err := p.Pause(t.Context(), "ann"); err != nil || time.Since(began) > most {
				t.Errorf("%s: %v after %s", when, err, time.Since(began))
			}
		}
		flood(1000)
		for range 10 {
			other("beside a thousand", 40*time.Millisecond)
		}
		cancel()
		all.Wait()
		other("after they left", 20*time.Millisecond)
		ctx, cancel = context.WithCancel(t.Context())
		for range 1000 {
			flood(1)
			cancel()
			all.Wait()
			ctx, cancel = context.WithCancel(t.Context())
		}
		other("after a thousand that left", 20*time.Millisecond)
		cancel()
	})
}

// TestShares: an agent takes its part and no more, what it is refused did not begin, and all is given back (FLT-29).
func TestShares(t *testing.T) {
	t.Parallel()
	p := admission.NewPlaces(3, 2)
	var a, b admission.Share
	for i, want := range []string{"", "", admission.CodeTooMany} {
		if err := p.EnterBy(&a); fault.CodeOf(err) != want {
			t.Errorf("%d: %v", i, err)
		}
	}
	for i, want := range []string{"", admission.CodeOverloaded, admission.CodeOverloaded} {
		if err := p.EnterBy(&b); fault.CodeOf(err) != want {
			t.Errorf("the other, %d: %v", i, err)
		}
	}
	if p.UnderWay() != 3 || p.Begun() != 3 {
		t.Errorf("%d under way, %d begun", p.UnderWay(), p.Begun())
	}
	p.LeaveBy(&a)
	if err := p.EnterBy(&b); err != nil {
		t.Error(err)
	}
	p.LeaveBy(&a)
	p.LeaveBy(&b)
	p.LeaveBy(&b)
	if p.UnderWay() != 0 {
		t.Errorf("%d under way in the end", p.UnderWay())
	}
}

// TestWatchEnds: the watch looks again and again, holds nobody back while no decision is asked for, and ends with its context.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	often := make(chan struct{})
	var looks atomic.Int64
	p := admission.NewPressure(func() uint64 {
		if looks.Add(1) == 12 { // two intervals and more
			close(often)
		}
		return 7
	})
	admission.Step(p, long)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	<-often
	cancel()
	if err := <-done; err != nil || p.Level() != 0 {
		t.Errorf("level %d, %v", p.Level(), err)
	}
}

// TestWatchSeesWhoWaits: what can wait is held back as long as decisions are asked for and wait for their turn, and no longer (FLT-29).
func TestWatchSeesWhoWaits(t *testing.T) {
	t.Parallel()
	var p *admission.Pressure
	var asked uint64
	raised, calm := make(chan struct{}), make(chan struct{})
	held, free := false, false // of Run's goroutine
	p = admission.NewPressure(func() uint64 {
		if held {
			if p.Level() == 0 && !free {
				free = true
				close(calm)
			}
			return asked
		}
		asked += 10
		return asked
	})
	admission.Look(p, func(context.Context) (time.Duration, error) {
		if p.Level() > 0 && !held {
			held = true
			close(raised)
		}
		return long, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	<-raised
	<-calm
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if d, err := admission.Probe(t.Context()); err != nil || d < 0 || d > time.Minute {
		t.Errorf("a probe waited %v, %v", d, err)
	}
}
