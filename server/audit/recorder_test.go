package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func refusal(user, address string) audit.Event {
	return audit.Event{Actor: "stranger", Action: "sign_in", Target: "user/" + user, User: user, Address: address, Outcome: audit.Refused, Reason: "wrong_password"}
}

// total adds what records stand for.
func total(all []audit.Record) (n uint64) {
	for _, r := range all {
		n += max(1, r.Count)
	}
	return n
}

// TestAFloodOfRefusalsIsCounted: the first of a kind is a record, the others are a number a minute; and however many kinds there
// are, records come at a bounded rate and no event is forgotten.
func TestAFloodOfRefusalsIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.recorder(audit.Decisions{}, w.store)
	for range 10_000 {
		r.Note(refusal("ann", "10.0.0.1"))
	}
	w.must(r.Flush(t.Context()))
	got, _ := w.all(audit.Query{Limit: 100, Oldest: true})
	if len(got) != 2 || got[0].Count != 0 || got[1].Count != 9999 || got[1].User != "ann" || got[1].Address != "10.0.0.1" || !got[1].Since.Equal(w.clock.Now()) {
		t.Fatalf("%+v", got)
	}
	for minute := range 10 {
		for i := range 5_000 {
			r.Note(refusal(fmt.Sprint("u", i), fmt.Sprint("10.0.", minute, ".", i)))
		}
		w.clock.Advance(time.Minute)
		w.must(r.Flush(t.Context()))
	}
	got, _ = w.all(audit.Query{Limit: 1000})
	if n := total(got); n != 60_000 {
		t.Errorf("%d of 60000 events are in the audit", n)
	}
	if most := 2 + 300 + 10*60 + 10; len(got) > most {
		t.Errorf("%d records; at most %d are allowed", len(got), most)
	}
	if f := r.Figures(); f.Counted+uint64(len(got)) < 60_000 || f.Failed != 0 {
		t.Errorf("%+v beside %d records", f, len(got))
	}
}

// TestRunWritesAtOnceAndFlushTheRest: the first of a kind need not wait for its minute, and nothing is lost at an orderly stop.
func TestRunWritesAtOnceAndFlushTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.recorder(audit.Decisions{}, w.store)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { _ = r.Run(ctx) })
	written := make(chan struct{})
	wait.Go(func() {
		_ = w.store.Watch(ctx, []byte("l/e/"), 0, func([]store.Event) error { close(written); return errors.New("enough") })
	})
	w.write(w.acts, audit.Event{Action: "put", Target: "x"}) // the watch is on
	for seen := false; !seen; {
		r.Note(refusal("ann", "10.0.0.1"))
		select {
		case <-written:
			seen = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	r.Note(refusal("ann", "10.0.0.1"))
	stop()
	wait.Wait()
	w.must(r.Flush(t.Context()))
	got, _ := w.all(audit.Query{Limit: 100, Action: "sign_in"})
	if len(got) != 2 || got[0].Count == 0 {
		t.Errorf("%+v", got)
	}
}

// failing is a store that refuses writes as long as it is told to.
type failing struct {
	store.Store
	full atomic.Bool
}

func (f *failing) Update(ctx context.Context, fn func(store.Writer) error) error {
	if f.full.Load() {
		return errors.New("full")
	}
	return f.Store.Update(ctx, fn)
}

// TestWhatCannotBeWrittenIsKept while a disk is full, within bounds, and nothing of it is lost (FLT-04).
func TestWhatCannotBeWrittenIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := &failing{Store: w.store}
	r := w.recorder(audit.Decisions{}, f)
	f.full.Store(true)
	for i := range 50 {
		r.Note(refusal(fmt.Sprint("u", i%25), ""))
		r.Decided(audit.Decision{Agent: "shop", Outcome: "allow", Reason: "found_local"})
		if err := r.Flush(t.Context()); err == nil {
			t.Fatal("written to a full disk")
		}
		w.clock.Advance(7 * time.Second)
	}
	f.full.Store(false)
	w.must(r.Flush(t.Context()))
	for action, want := range map[string]uint64{"sign_in": 50, "authorize": 50} {
		got, _ := w.all(audit.Query{Limit: 100, Action: action})
		if n := total(got); n != want {
			t.Errorf("%s: %d of %d", action, n, want)
		}
	}
	if n := r.Figures().Failed; n != 50 {
		t.Errorf("%d failures", n)
	}
}

// TestDecisionsAreKeptAsTheSettingSays.
func TestDecisionsAreKeptAsTheSettingSays(t *testing.T) {
	t.Parallel()
	for keep, want := range map[string]struct {
		records, events, told uint64
	}{
		audit.DecisionsOff:        {0, 0, 0},
		"":                        {2, 1000, 0},
		audit.DecisionsAggregated: {2, 1000, 0},
		audit.DecisionsSampled:    {12, 1010, 10},
		audit.DecisionsDenied:     {4, 1100, 100}, // two users, one of them more than once
	} {
		t.Run(keep, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.recorder(audit.Decisions{Keep: keep, Sample: 100}, w.store)
			told := uint64(0)
			for i := range 1000 {
				d := audit.Decision{Agent: "shop", Outcome: "allow", Reason: "found_local"}
				if i%10 == 0 {
					d.Outcome, d.Reason = "deny", "policy/rule 1"
				}
				if r.Decided(d) {
					told++
					r.Tell(d, audit.Event{Target: "url/https://shop.example/", User: map[bool]string{true: "ann", false: "bob"}[i == 0]})
				}
			}
			w.must(r.Flush(t.Context()))
			got, _ := w.all(audit.Query{Limit: 1000, Action: "authorize", Agent: "shop"})
			if n := total(got); uint64(len(got)) != want.records && keep != audit.DecisionsDenied || n != want.events || told != want.told {
				t.Errorf("%d records of %d events, %d told; want %+v", len(got), n, told, want)
			}
			denied, _ := w.all(audit.Query{Limit: 1000, Outcome: audit.Refused})
			for _, d := range denied {
				if d.Detail != "deny" || d.Reason != "policy/rule 1" {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// TestARecorderRefusesBadWiring before the first request meets it.
func TestARecorderRefusesBadWiring(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []audit.RecorderConfig{{}, {Log: w.runtime, Store: w.store, Clock: w.clock}} {
		if _, err := audit.NewRecorder(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
