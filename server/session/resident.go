package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
)

// resident is a session in memory. There is one for a session, so that all its cookies share one last access.
type resident struct {
	session atomic.Pointer[mdc.Session] // never changed in place
	id      random128
	userKey string

	held  atomic.Bool  // false once dropped from memory or ended; who holds a pointer looks it up again
	ended atomic.Bool  // its last access is not written any more
	last  atomic.Int64 // last access, Unix milliseconds
	dirty atomic.Bool  // last is newer than the store's and the session is in touched
	used  atomic.Bool  // it was used here since members were told

	revocations atomic.Uint64 // Log.Changes when it was last found not denied, and 1
	users       atomic.Uint64 // Engine.generation when its user was last looked up
	checked     atomic.Int64  // when that was, Unix milliseconds; 0 = never
	asked       atomic.Int64  // when members were asked because it is idle here, Unix milliseconds; 0 = never
}

func newResident(s *mdc.Session, lastAccess time.Time) *resident {
	r := &resident{userKey: revocation.UserKey(s.Store, s.User)}
	r.id, _ = parse128(string(s.ID)) // ids are made here, of 128 bits
	r.session.Store(s)
	r.last.Store(lastAccess.UnixMilli())
	r.held.Store(true)
	return r
}

// stale says that the session was made from a cookie and nobody confirmed it in time.
func (r *resident) stale(now time.Time, maxAge time.Duration) bool {
	return stale(r.session.Load().DegradedSince, now, maxAge)
}

// hold makes r the resident of its session, or gives the one that is. The last access that is not written yet counts. The caller holds
// the sign-on's lock, so that what ends meanwhile is not held again.
func (e *Engine) hold(r *resident) *resident {
	e.raiseOnly(r, e.touched.get(r.id))
	return e.residents.add(r.session.Load().ID, r)
}

// raiseOnly raises the last access of a resident; whoever calls knows that it is written, or waits to be.
func (e *Engine) raiseOnly(r *resident, ms int64) {
	for last := r.last.Load(); last < ms; last = r.last.Load() {
		if r.last.CompareAndSwap(last, ms) {
			return
		}
	}
}

// admit is admitHere, but for a session that is idle here the store is read, where another node may have written a use, and then its
// members are asked.
func (e *Engine) admit(ctx context.Context, r *resident, seen, now time.Time) (rule string, err error) {
	p := e.cfg.Policies.SessionPolicy()
	rule, err = e.admitHere(ctx, r, p, seen, now)
	if rule == ChallengeIdle {
		last, err := e.lastOf(ctx, r.session.Load())
		if err != nil {
			return "", err
		}
		e.raiseOnly(r, last.UnixMilli())
		rule, err = e.admitHere(ctx, r, p, seen, now)
		if err != nil {
			return "", err
		}
	}
	if rule == ChallengeIdle && e.usedElsewhere(ctx, r, p.IdleTimeout.D(), now) {
		return e.admitHere(ctx, r, p, seen, now)
	}
	return rule, err
}

// admitHere decides whether a session may be used now and notes the use. The rule is "" when it may. seen is evidence of
// activity from the cookie; activity never comes from the future.
func (e *Engine) admitHere(ctx context.Context, r *resident, p *mdc.SessionPolicy, seen, now time.Time) (rule string, err error) {
	s := r.session.Load()
	if e.denied(r, s) {
		return ChallengeTombstone, nil
	}
	if !s.ExpiresAt.After(now) {
		return ChallengeExpired, nil
	}
	if r.stale(now, p.MaxDegradedAge.D()) {
		return ChallengeDegraded, nil
	}
	ms := now.UnixMilli()
	last := max(r.last.Load(), min(seen.UnixMilli(), ms))
	if ms-last >= p.IdleTimeout.D().Milliseconds() {
		return ChallengeIdle, nil
	}
	if ok, err := e.userStands(ctx, r, s, p.IdentityRecheck.D().Milliseconds(), ms); err != nil || !ok {
		return ChallengeUser, err
	}
	e.touch(r, ms)
	return "", nil
}

// denied asks the revocations only when there are new ones. The counter is read first: one that arrives in between is
// seen now or changes the counter.
func (e *Engine) denied(r *resident, s *mdc.Session) bool {
	changes := e.log.Changes() + 1
	if r.revocations.Load() == changes {
		return false
	}
	if e.log.Denies(s.SSOID, r.userKey, s.AuthenticatedAt) {
		return true
	}
	r.revocations.Store(changes)
	return false
}

// askAgain is how soon a directory outside of Concord that is down is asked again for the same session.
const askAgain = 5 * time.Second

// userStands looks the user up again from time to time. A directory that does not answer changes nothing for a session
// that was sound before, and is asked again at the next request; one outside of Concord that is down changes nothing for any
// session, however long it stays so: idle_timeout and lifetime bound what goes on meanwhile.
func (e *Engine) userStands(ctx context.Context, r *resident, s *mdc.Session, every, ms int64) (bool, error) {
	generation, checked := e.generation(s.Store), r.checked.Load()
	if r.users.Load() == generation && ms-checked < every {
		return true, nil
	}
	p, found, err := e.cfg.Directory.User(ctx, s.Store, s.User)
	if fault.Is(err, fault.Unavailable) {
		r.users.Store(generation)
		r.checked.Store(ms - max(0, every-askAgain.Milliseconds()))
		e.cfg.Logger.Warn("user of a session could not be checked again: the identity store is down", "identity_store", s.Store, "error", err)
		return true, nil
	}
	if err != nil {
		if checked == 0 {
			return false, fmt.Errorf("look up user of session %s: %w", s.ID, err)
		}
		e.cfg.Logger.Warn("user of a session could not be checked again", "identity_store", s.Store, "error", err)
		return true, nil
	}
	if !found || !p.Enabled {
		return false, nil
	}
	if err := e.update(ctx, r, s, p); err != nil {
		return false, err
	}
	r.users.Store(generation)
	r.checked.Store(ms)
	return true, nil
}

// update lets a session go on with the groups and attributes that its user has now: a right that was taken away must not
// last as long as the session (SEC-12). Of a store that each data center has by itself, what came with the session stays (OAM-18).
func (e *Engine) update(ctx context.Context, r *resident, s *mdc.Session, p Person) error {
	if !p.Prevails || slices.Equal(s.Groups, p.Groups) && maps.Equal(s.Attributes, p.Attributes) {
		return nil
	}
	return e.change(ctx, r, func(s *mdc.Session) bool {
		s.Groups, s.Attributes = p.Groups, p.Attributes
		return true
	}, alone)
}

// touch notes a use.
func (e *Engine) touch(r *resident, ms int64) {
	if !r.used.Load() {
		r.used.Store(true)
	}
	e.raise(r, ms)
}

// raise raises the last access. Only the first time after a write takes a lock.
func (e *Engine) raise(r *resident, ms int64) {
	for {
		last := r.last.Load()
		if last >= ms {
			return
		}
		if r.last.CompareAndSwap(last, ms) {
			break
		}
	}
	if first := r.dirty.CompareAndSwap(false, true); !first && r.held.Load() {
		return
	}
	if !r.ended.Load() { // asked after held: who ends a session says so first
		e.touched.note(r)
	}
}

// letGo is called when a resident leaves memory. Who still has it may raise its last access a moment longer, and sees that it is not held.
func (e *Engine) letGo(r *resident) {
	r.held.Store(false)
	if r.dirty.Load() && !r.ended.Load() {
		e.touched.note(r)
	}
}
