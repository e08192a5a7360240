package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// What strangers can cause is bounded: a record for the first event of a kind, then one a minute with the number of the
// others; and of kinds that were not seen in the last minute a burst, and then one a second. The rest counts for its action
// and reason. That is below 80 MB a day, whatever comes.
const (
	window    = time.Minute
	kindBurst = 300
	kindRate  = 1 // a second
	maxSample = 1024
	noteEvery = time.Second
)

// others stands for whatever does not fit into the bounds.
const others = "(others)"

// RecorderConfig wires a Recorder. Every field is needed but Decisions.
type RecorderConfig struct {
	Log       *Log // Runtime
	Store     store.Store
	Clock     clock.Clock
	Logger    *slog.Logger
	Decisions Decisions
}

// Recorder writes the chain of runtime events. Safe for concurrent use.
type Recorder struct {
	c         RecorderConfig
	decisions counts
	wake      chan struct{} // capacity 1: there is something to write

	mu      sync.Mutex // guards the rest
	tallies map[Event]*tally
	kinds   *rate.Limiter
	fresh   []Event // first ones, to be written now; bounded by kinds
	samples []Event // bounded by maxSample

	counted atomic.Uint64 // events without a record of their own
	failed  atomic.Uint64 // attempts to write that failed; what they had is kept
}

// tally counts further events of a kind.
type tally struct {
	sample Event // the last one
	since  time.Time
	more   uint64
}

// NewRecorder refuses bad wiring.
func NewRecorder(c RecorderConfig) (*Recorder, error) {
	if c.Log == nil || c.Store == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("new audit recorder: log, store, clock and logger are needed")
	}
	if err := c.Decisions.check(); err != nil {
		return nil, err
	}
	r := &Recorder{c: c, wake: make(chan struct{}, 1), tallies: map[Event]*tally{}, kinds: rate.NewLimiter(kindRate, kindBurst)}
	r.decisions.since.Store(c.Clock.Now().UnixNano())
	return r, nil
}

// Append adds a record in the caller's transaction of the sessions store.
func (r *Recorder) Append(tx store.Writer, e Event) error { return r.c.Log.Append(tx, e) }

// Write adds a record durably before it returns.
func (r *Recorder) Write(ctx context.Context, e Event) error {
	err := r.c.Store.Update(ctx, func(tx store.Writer) error { return r.Append(tx, e) })
	if err != nil {
		return fmt.Errorf("write audit record: %w", err)
	}
	return nil
}

// Note takes what anybody can cause. It neither waits nor fails; a kill loses what was noted in the last moment, and the
// numbers of the last minute.
func (r *Recorder) Note(e Event) {
	e = e.Bounded()
	kind := e
	kind.RequestID, kind.Session, kind.SignOn, kind.Detail = "", "", "", ""
	now := r.c.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tallies[kind]
	if t == nil && r.kinds.AllowN(now, 1) {
		r.tallies[kind] = &tally{since: now}
		r.fresh = append(r.fresh, e)
		r.nudge()
		return
	}
	if t == nil { // one of many
		kind = Event{Actor: others, Action: e.Action, Target: others, Outcome: e.Outcome, Reason: e.Reason}
		e = kind
		if t = r.tallies[kind]; t == nil {
			t = &tally{since: now}
			r.tallies[kind] = t
		}
	}
	t.sample = e
	t.more++
	r.counted.Add(1)
}

// nudge wakes Run.
func (r *Recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes what is noted until ctx ends. It gives nil; what could not be written stays for Flush.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	complained := false
	for {
		err := r.flush(ctx, false)
		if err != nil && !complained && ctx.Err() == nil {
			r.c.Logger.Error("audit records of runtime events cannot be written; they are kept and written later", "error", err)
		}
		complained = err != nil
		select {
		case <-r.wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if complained { // a full disk is not asked for each event
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// Flush writes all that is in memory, also numbers whose minute is not over. The node calls it when it stops.
func (r *Recorder) Flush(ctx context.Context) error { return r.flush(ctx, true) }

func (r *Recorder) flush(ctx context.Context, all bool) error {
	now := r.c.Clock.Now()
	events, undo := r.take(now, all)
	counted, back := r.decisions.take(now, all)
	events = append(events, counted...)
	if len(events) == 0 {
		return nil
	}
	err := r.c.Store.Update(ctx, func(tx store.Writer) error {
		for _, e := range events {
			if err := r.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.failed.Add(1)
		undo()
		back()
		return fmt.Errorf("write audit records: %w", err)
	}
	return nil
}

// take gives what is to be written, and a function that puts it back.
func (r *Recorder) take(now time.Time, all bool) (events []Event, undo func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh, samples := r.fresh, r.samples
	r.fresh, r.samples = nil, nil
	events = append(append(events, fresh...), samples...)
	over := map[Event]*tally{}
	for kind, t := range r.tallies {
		if !all && now.Sub(t.since) < window && !now.Before(t.since) {
			continue
		}
		delete(r.tallies, kind)
		if t.more > 0 {
			over[kind] = t
			e := t.sample
			e.Count, e.Since = t.more, t.since
			events = append(events, e)
		}
	}
	return events, func() { r.putBack(fresh, samples, over) }
}

func (r *Recorder) putBack(fresh, samples []Event, over map[Event]*tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = append(fresh, r.fresh...)
	for kind, t := range over {
		if newer := r.tallies[kind]; newer != nil {
			t.more += newer.more
		}
		r.tallies[kind] = t
	}
	if len(r.fresh) > kindBurst { // the store has failed for minutes
		r.counted.Add(uint64(len(r.fresh) - kindBurst))
		r.fresh = r.fresh[:kindBurst]
	}
	r.samples = append(samples, r.samples...)
	r.samples = r.samples[:min(len(r.samples), maxSample)]
}

// Figures are what a recorder did since its start.
type Figures struct {
	Counted uint64 // events that are part of a record with their number
	Failed  uint64 // writes that failed
}

// Figures gives them.
func (r *Recorder) Figures() Figures { return Figures{r.counted.Load(), r.failed.Load()} }
