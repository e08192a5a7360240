package session

import (
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// reservation is how long a sign-in that is under way counts.
const reservation = 10 * time.Second

// reservations are the sign-ins under way, here and at partners, in memory: they last ten seconds.
type reservations struct {
	mu sync.Mutex // guards by
	by map[string]map[mdc.SSOID]reserved
}

type reserved struct {
	at, until time.Time
	by        string // folded cluster id of the data center where the person signs in
}

// add reserves for a data center, and gives what was reserved before. With behind the reservation is later than all of those,
// whatever the clocks say: so there is one order, in which of two sign-ins the later always sees the earlier.
func (r *reservations) add(by, user string, h *Held, behind bool, now time.Time) (before []Held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = make(map[string]map[mdc.SSOID]reserved)
	}
	r.sweep(user, now)
	for sso, v := range r.by[user] {
		if sso == h.SSOID {
			continue
		}
		before = append(before, Held{sso, v.at})
		if behind && !h.At.After(v.at) {
			h.At = v.at.Add(time.Millisecond)
		}
	}
	if r.by[user] == nil {
		r.by[user] = make(map[mdc.SSOID]reserved)
	}
	if _, taken := r.by[user][h.SSOID]; !taken && len(r.by[user]) < maxHeld {
		r.by[user][h.SSOID] = reserved{h.At, now.Add(reservation), mdc.FoldName(by)}
	}
	return before
}

// drop ends a reservation of that data center.
func (r *reservations) drop(by, user string, sso mdc.SSOID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[user][sso].by == mdc.FoldName(by) {
		delete(r.by[user], sso)
	}
}

func (r *reservations) sweep(user string, now time.Time) {
	for sso, v := range r.by[user] {
		if !v.until.After(now) {
			delete(r.by[user], sso)
		}
	}
	if len(r.by[user]) == 0 {
		delete(r.by, user)
	}
}

func (r *reservations) sweepAll(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for user := range r.by {
		r.sweep(user, now)
	}
}
