package session

import (
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	reservation  = 10 * time.Second // how long a sign-in that is under way counts
	maxReserving = 10_000           // sign-ins under way of one data center, of some 300 bytes each
)

// reservations are the sign-ins under way, here and at partners, in memory: they last ten seconds. Where several nodes share the stores they
// bound what this node may write, and those in the store count.
type reservations struct {
	mu   sync.Mutex // guards all below
	by   map[string]map[mdc.SSOID]reserved
	held map[string]int // by folded cluster id of the data center where people sign in
	next time.Time      // before that a full data center is not looked through for what has expired
}

type reserved struct {
	at, until time.Time
	by        string // folded cluster id of the data center where the person signs in
}

// add reserves for a data center, and gives what was reserved before. With behind the reservation is later than all of those,
// whatever the clocks say: so there is one order, in which of two sign-ins the later always sees the earlier. ok is false when that
// data center has too many under way.
func (r *reservations) add(by, user string, h *Held, behind bool, now time.Time) (before []Held, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by, r.held = make(map[string]map[mdc.SSOID]reserved), make(map[string]int)
	}
	by = mdc.FoldName(by)
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
	if _, taken := r.by[user][h.SSOID]; taken || len(r.by[user]) >= maxHeld {
		return before, true
	}
	if !r.room(by, now) {
		return before, false
	}
	if r.by[user] == nil {
		r.by[user] = make(map[mdc.SSOID]reserved)
	}
	r.by[user][h.SSOID] = reserved{h.At, now.Add(reservation), by}
	r.held[by]++
	return before, true
}

// room says whether a data center may have one more. A full one is looked through for what has expired, once a second.
func (r *reservations) room(by string, now time.Time) bool {
	if r.held[by] < maxReserving {
		return true
	}
	if !now.Before(r.next) {
		r.next = now.Add(time.Second)
		for user := range r.by {
			r.sweep(user, now)
		}
	}
	return r.held[by] < maxReserving
}

func (r *reservations) remove(user string, sso mdc.SSOID) {
	if v, ok := r.by[user][sso]; ok {
		delete(r.by[user], sso)
		if r.held[v.by]--; r.held[v.by] <= 0 {
			delete(r.held, v.by)
		}
	}
	if len(r.by[user]) == 0 {
		delete(r.by, user)
	}
}

// drop ends a reservation of that data center.
func (r *reservations) drop(by, user string, sso mdc.SSOID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[user][sso].by == mdc.FoldName(by) {
		r.remove(user, sso)
	}
}

func (r *reservations) sweep(user string, now time.Time) {
	for sso, v := range r.by[user] {
		if !v.until.After(now) {
			r.remove(user, sso)
		}
	}
}

func (r *reservations) sweepAll(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for user := range r.by {
		r.sweep(user, now)
	}
}
