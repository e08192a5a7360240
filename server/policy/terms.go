package policy

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
	"github.com/concord-access/terraform-provider-concord/internal/schedule"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// fit says whether something a rule asks is so. Of several the least counts.
type fit uint8

const (
	no fit = iota
	maybe
	yes
)

// terms are what a rule asks besides who somebody is. The zero value asks nothing.
type terms struct {
	networks  []netip.Prefix
	windows   []schedule.Window
	condition func() (*condition.Expression, error) // compiled when it is first evaluated; nil = none
	unread    bool                                  // a part is none that this version understands, so it never fits for sure
}

func compileTerms(r *mdc.Rule) (t terms) {
	for _, n := range r.Networks {
		p, err := condition.Network(n)
		t.unread = t.unread || err != nil
		t.networks = append(t.networks, p)
	}
	for _, w := range r.Times {
		window, faults := schedule.Read(w.Text())
		t.unread = t.unread || len(faults) > 0
		t.windows = append(t.windows, window)
	}
	if r.Condition != "" {
		t.condition = sync.OnceValues(func() (*condition.Expression, error) { return condition.Condition(r.Condition) })
	}
	return t
}

func (t *terms) none() bool { return len(t.networks)+len(t.windows) == 0 && t.condition == nil }

// fit asks the cheap parts first, and no more once one says no.
func (t *terms) fit(q *question) fit {
	f := min(t.inNetwork(q), t.inTime(q))
	if t.unread {
		f = min(f, maybe)
	}
	if f == no {
		return no
	}
	c, _, _ := t.holds(q)
	return min(f, c)
}

// inNetwork is maybe where nobody said where the client is.
func (t *terms) inNetwork(q *question) fit {
	if len(t.networks) == 0 {
		return yes
	}
	if !q.ClientAddress.IsValid() {
		return maybe
	}
	if slices.ContainsFunc(t.networks, func(p netip.Prefix) bool { return p.Contains(q.ClientAddress) }) {
		return yes
	}
	return no
}

func (t *terms) inTime(q *question) fit {
	if len(t.windows) == 0 || slices.ContainsFunc(t.windows, func(w schedule.Window) bool { return w.Holds(q.Now) }) {
		return yes
	}
	return no
}

// holds evaluates the condition; an error, too high a cost among them, is maybe. cost is what it took.
func (t *terms) holds(q *question) (f fit, cost uint64, err error) {
	if t.condition == nil {
		return yes, 0, nil
	}
	e, err := t.condition()
	if err != nil {
		return maybe, 0, err
	}
	ok, cost, err := e.Holds(q.input())
	switch {
	case err != nil:
		return maybe, cost, err
	case ok:
		return yes, cost, nil
	}
	return no, cost, nil
}
