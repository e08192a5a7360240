package audit

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// What is kept of decisions on requests.
const (
	DecisionsOff        = "off"
	DecisionsAggregated = "aggregated" // numbers, by agent, decision and reason
	DecisionsSampled    = "sampled"    // and one decision of Sample with its user and address
	DecisionsDenied     = "denied"     // and each denial with its user and address
)

// Decisions says what is kept of them.
type Decisions struct {
	Keep   string // one of the above; "" = aggregated
	Sample uint64 // with DecisionsSampled: one of so many, from 1
}

func (d Decisions) check() error {
	switch d.Keep {
	case "", DecisionsOff, DecisionsAggregated, DecisionsDenied:
		return nil
	case DecisionsSampled:
		if d.Sample > 0 {
			return nil
		}
	}
	return fmt.Errorf("new audit recorder: unknown rule for decisions %q, one of %d", d.Keep, d.Sample)
}

// decisionWindow is how long decisions are counted for one record.
const decisionWindow = 5 * time.Minute

// maxDecisions is how many combinations are counted apart; agents are registered and reasons are few.
const maxDecisions = 4096

// Decision is one answer to an agent.
type Decision struct {
	Agent   string
	Outcome string // allow, challenge, deny
	Reason  string
}

// counts are numbers of decisions. A request reads one pointer and adds one; only the first of its kind takes the lock.
type counts struct {
	by    atomic.Pointer[map[Decision]*atomic.Uint64]
	since atomic.Int64  // Unix nanoseconds
	all   atomic.Uint64 // for samples

	mu sync.Mutex // guards replacing by
}

func (c *counts) of(d Decision) *atomic.Uint64 {
	if m := c.by.Load(); m != nil {
		if n := (*m)[d]; n != nil {
			return n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[Decision]*atomic.Uint64{}
	if m := c.by.Load(); m != nil {
		next = maps.Clone(*m)
	}
	if len(next) >= maxDecisions {
		d.Agent, d.Reason = others, others
	}
	if next[d] == nil {
		next[d] = new(atomic.Uint64)
	}
	c.by.Store(&next)
	return next[d]
}

// Decided counts a decision and says whether it is to have a record of its own, by Tell: most have not, and what it takes
// to make one is not gathered for them.
func (r *Recorder) Decided(d Decision) (tell bool) {
	switch r.c.Decisions.Keep {
	case DecisionsOff:
		return false
	case DecisionsDenied:
		tell = d.Outcome == "deny"
	case DecisionsSampled:
		tell = r.decisions.all.Add(1)%r.c.Decisions.Sample == 0
	}
	r.decisions.of(d).Add(1)
	return tell
}

// Tell takes a decision that Decided asked for. It neither waits nor fails; more samples than can be written are counted.
func (r *Recorder) Tell(d Decision, e Event) {
	e.Actor, e.Action, e.Agent, e.Outcome, e.Reason, e.Detail = "agent:"+d.Agent, actionAuthorize, d.Agent, outcomeOf(d), d.Reason, d.Outcome
	if r.c.Decisions.Keep == DecisionsDenied { // anybody can be denied as often as they like
		r.Note(e)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == maxSample {
		r.counted.Add(1)
		return
	}
	r.samples = append(r.samples, e)
}

const actionAuthorize = "authorize"

func outcomeOf(d Decision) string {
	if d.Outcome == "allow" {
		return OK
	}
	return Refused
}

// take gives the numbers as events when their time is over, and a function that puts them back.
func (c *counts) take(now time.Time, all bool) (events []Event, undo func()) {
	since := time.Unix(0, c.since.Load())
	m := c.by.Load()
	if m == nil || !all && now.Sub(since) < decisionWindow && !now.Before(since) {
		return nil, func() {}
	}
	c.since.Store(now.UnixNano())
	taken := map[Decision]uint64{}
	for d, n := range *m {
		count := n.Swap(0)
		if count == 0 {
			continue
		}
		taken[d] = count
		events = append(events, Event{Actor: "agent:" + d.Agent, Action: actionAuthorize, Target: "agent/" + d.Agent, Agent: d.Agent, Outcome: outcomeOf(d),
			Reason: d.Reason, Detail: d.Outcome, Count: count, Since: since})
	}
	return events, func() {
		c.since.Store(since.UnixNano())
		for d, n := range taken {
			c.of(d).Add(n)
		}
	}
}
