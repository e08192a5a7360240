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
	p := admission.NewPlaces(4, 0)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 500 {
				if p.Enter("") != nil {
					continue
				}
				most.Store(max(most.Load(), inside.Add(1)))
				inside.Add(-1)
				p.Leave("")
			}
		})
	}
	all.Wait()
	if most.Load() > 4 || p.UnderWay() != 0 || p.Begun() != 8000 {
		t.Errorf("%d at once, %d left, %d begun", most.Load(), p.UnderWay(), p.Begun())
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
	if p.Rest(hash) != 0 || p.Pause(t.Context()) != nil {
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
		if err := p.Pause(t.Context()); err != nil {
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
				switch err := p.Pause(t.Context()); {
				case err == nil:
					served.Add(1)
				case fault.CodeOf(err) == admission.CodeOverloaded:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != admission.MaxWait || served.Load() != 101 || refused.Load() != 49 {
			t.Errorf("%d served and %d refused in %s", served.Load(), refused.Load(), took)
		}
		if err := p.Pause(t.Context()); err != nil {
			t.Errorf("two seconds later: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Pause(ctx); err == nil || fault.CodeOf(err) != "" {
			t.Errorf("after the caller left: %v", err)
		}
	})
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
