package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxHeld is how many sign-ons of one user a data center tells of.
const maxHeld = 2 * mdc.MaxSessionsPerUser

// Held is a sign-on that counts for a user's limit.
type Held struct {
	SSOID mdc.SSOID
	At    time.Time // authenticated
}

// ReserveRequest asks a partner for a place among a user's sign-ons.
type ReserveRequest struct {
	Store, User string
	SSOID       mdc.SSOID
	At          time.Time
	Release     bool // it came to nothing: the reservation ends
}

// ReserveAnswer is what counts there beside it.
type ReserveAnswer struct {
	Live     []Held // with a session that is in use
	Reserved []Held // being made, there or elsewhere
}

// request is a session that is about to be made. One that is adopted has its place already and takes no new one: it is
// counted so that what came to be during a partition is put right.
type request struct {
	Store, User string
	SSOID       mdc.SSOID
	At          time.Time
	adopting    bool
}

// Reserve answers the partner from. Errors: fault kinds Forbidden, Invalid, Unavailable.
func (e *Engine) Reserve(ctx context.Context, from string, q ReserveRequest) (a ReserveAnswer, err error) {
	if err := e.checkCaller(from); err != nil {
		return a, err
	}
	now := e.now()
	_, ok := parse128(string(q.SSOID))
	if !ok || !mdc.ValidName(q.Store) || !mdc.ValidName(q.User) || q.At.After(now.Add(2*revocation.Skew)) || now.Sub(q.At) > revocation.MaxLifetime {
		return a, fault.New(fault.Invalid, "invalid_input", "Give an identity store, a user, a sso id and when it was authenticated.")
	}
	user := revocation.UserKey(q.Store, q.User)
	if q.Release {
		return a, e.release(ctx, from, user, q.SSOID)
	}
	before, err := e.reserve(ctx, from, user, &Held{q.SSOID, q.At}, false)
	if err != nil {
		return a, err
	}
	if a.Live, err = e.liveOf(ctx, q.Store, q.User); err != nil {
		return a, err
	}
	a.Reserved = e.undenied(before)
	return a, nil
}

// errReserving bounds the memory that sign-ins under way take, whatever names a partner makes up.
func errReserving() error {
	return &fault.Error{Kind: fault.Unavailable, Code: "too_many_sign_ins", RetryAfter: reservation, Message: "Too many sign-ins are under way at this data center. Try again in ten seconds."}
}

// liveOf gives the user's sign-ons with a session here that is in use.
func (e *Engine) liveOf(ctx context.Context, identityStore, user string) (live []Held, err error) {
	all, err := e.sessionsOf(ctx, identityStore, user)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		last, err := e.lastOf(ctx, s)
		if err != nil {
			return nil, err
		}
		if e.live(s, last) != nil && len(live) < maxHeld {
			live = append(live, Held{s.SSOID, s.AuthenticatedAt})
		}
	}
	return live, nil
}

func (e *Engine) undenied(all []Held) (out []Held) {
	for _, h := range all {
		if !e.log.Denies(h.SSOID, "", time.Time{}) && len(out) < maxHeld {
			out = append(out, h)
		}
	}
	return out
}

// place decides whether a session may be made under max_sessions_per_user, over all data centers (OAM-L2). The sign-on is
// reserved here first and then at every partner at once: of two sign-ins at two data centers the later sees the other, and
// yields.
func (e *Engine) place(ctx context.Context, q request) (granted bool, err error) {
	p := e.cfg.Policies.SessionPolicy()
	if p.MaxSessionsPerUser == 0 {
		return true, nil
	}
	user, own := revocation.UserKey(q.Store, q.User), Held{q.SSOID, q.At}
	before, err := e.reserve(ctx, e.cfg.ClusterID, user, &own, !q.adopting)
	if err != nil {
		return false, err
	}
	q.At = own.At
	granted, err = e.decidePlace(ctx, q, own, before, p)
	if !granted {
		err = errors.Join(err, e.release(ctx, e.cfg.ClusterID, user, q.SSOID))
		e.reserveAtPartners(ctx, q, true, p) // whom it does not reach forgets it in ten seconds
	}
	return granted, err
}

func (e *Engine) decidePlace(ctx context.Context, q request, own Held, before []Held, p *mdc.SessionPolicy) (bool, error) {
	live, err := e.liveOf(ctx, q.Store, q.User)
	if err != nil {
		return false, err
	}
	answers, silent := e.reserveAtPartners(ctx, q, false, p)
	if granted, decided := partitioned(p, silent, q.adopting); decided {
		return granted, nil
	}
	all := holders{own: own, first: !q.adopting, by: map[mdc.SSOID]Held{}}
	for _, h := range before {
		all.add(h, false)
	}
	for _, h := range live {
		all.add(h, all.first)
	}
	for _, a := range answers {
		for _, h := range a.Live {
			all.add(h, all.first)
		}
		for _, h := range a.Reserved {
			all.add(h, false)
		}
	}
	return e.fit(ctx, q, all.sorted(e.log), own, p)
}

// holders collects sign-ons once each.
type holders struct {
	own   Held
	first bool // what is live came before own, whatever the clocks say
	by    map[mdc.SSOID]Held
}

func (h *holders) add(other Held, first bool) {
	if other.SSOID == h.own.SSOID {
		return
	}
	if first && !other.At.Before(h.own.At) {
		other.At = h.own.At.Add(-time.Millisecond)
	}
	if known, ok := h.by[other.SSOID]; !ok || other.At.Before(known.At) {
		h.by[other.SSOID] = other
	}
}

// sorted gives all that have not ended, own among them, the oldest first; of two of one moment the lower id is the older.
func (h *holders) sorted(log *revocation.Log) []Held {
	out := []Held{h.own}
	for _, other := range h.by {
		if !log.Denies(other.SSOID, "", time.Time{}) {
			out = append(out, other)
		}
	}
	slices.SortFunc(out, func(a, b Held) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.SSOID, b.SSOID))
	})
	return out
}

// fit says whether own is within the limit, after ending the oldest where the policy says so.
func (e *Engine) fit(ctx context.Context, q request, all []Held, own Held, p *mdc.SessionPolicy) (bool, error) {
	excess := len(all) - p.MaxSessionsPerUser
	if excess <= 0 {
		return true, nil
	}
	rank := slices.Index(all, own)
	if p.MaxSessionsAction != mdc.SessionsEndOldest {
		return rank < p.MaxSessionsPerUser, nil
	}
	for _, h := range all[:excess] {
		if other, err := e.ofAnother(ctx, h.SSOID, q.Store, q.User); err != nil {
			return false, err
		} else if other {
			continue
		}
		ended := audit.Event{Actor: systemActor, Action: actSignOut, Target: "sign_on/" + string(h.SSOID), User: q.User, Store: q.Store, SignOn: string(h.SSOID), Reason: endLimit}
		if err := e.recordFirst(ctx, ended); err != nil {
			return false, err
		}
		if _, err := e.revoke(ctx, h.SSOID, h.At.Add(revocation.MaxLifetime)); err != nil {
			return false, err
		}
	}
	return rank >= excess, nil
}

// errHeld says that a partner counts what no data center counts. It is then as good as silent.
var errHeld = fmt.Errorf("%w: it counts sign-ons that no data center makes", ErrRefused)

// sound checks a partner's answer: what it names may be ended here, and a revocation that no data center makes would be refused
// by every partner, with all that lie behind it.
func (a *ReserveAnswer) sound(now time.Time) bool {
	if len(a.Live) > maxHeld || len(a.Reserved) > maxHeld {
		return false
	}
	for _, h := range slices.Concat(a.Live, a.Reserved) {
		_, ok := parse128(string(h.SSOID))
		if !ok || h.At.After(now.Add(4*revocation.Skew)) || now.Sub(h.At) > revocation.MaxLifetime+4*revocation.Skew {
			return false
		}
	}
	return true
}

// reserveAtPartners asks all partners at once within the wait budget, or releases; silent when one of them did not answer.
func (e *Engine) reserveAtPartners(ctx context.Context, q request, release bool, p *mdc.SessionPolicy) (answers []ReserveAnswer, silent bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.RetrievalMaxWait.D())
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex // guards answers and silent
	for _, partner := range e.cfg.Partners.List() {
		if !e.registered(partner) {
			continue
		}
		all.Go(func() {
			a, err := e.cfg.Peers.Reserve(ctx, partner, ReserveRequest{Store: q.Store, User: q.User, SSOID: q.SSOID, At: q.At, Release: release})
			mu.Lock()
			defer mu.Unlock()
			if err == nil && !a.sound(e.now()) {
				err = errHeld
			}
			if err == nil {
				answers = append(answers, a)
				return
			}
			silent = true
			e.cfg.Logger.Warn("partner does not count a user's sessions", "partner", partner, "error", err)
		})
	}
	all.Wait()
	return answers, silent
}

// sweep forgets what has expired.
func (e *Engine) sweep(context.Context) {
	e.log.Sweep()
	e.packed.Sweep(e.now().Unix())
	e.reserved.sweepAll(e.now())
}

func (e *Engine) countAgain(ctx context.Context) {
	if err := e.recount(ctx); err != nil && ctx.Err() == nil {
		e.cfg.Logger.Error("sessions cannot be counted; the former count stays", "error", err)
	}
}

// lastOf is the latest access that is known of a session.
func (e *Engine) lastOf(ctx context.Context, s *mdc.Session) (last time.Time, err error) {
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		last, err = readAccess(r, s)
		return err
	})
	if err != nil {
		return last, fmt.Errorf("read last access of %s: %w", s.ID, err)
	}
	return last, nil
}
