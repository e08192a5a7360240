package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// adoption is what one flight brings.
type adoption struct {
	r    *resident
	rule string
}

// adopt makes a session for a sign-on of elsewhere. Parallel requests share one flight, which goes on when the request
// that started it goes away.
func (e *Engine) adopt(ctx context.Context, c *claim, given *outcome) (*resident, string, error) {
	v, err, _ := e.flights.Do(string(c.SSOID), func() (any, error) {
		return e.adoptOnce(context.WithoutCancel(ctx), c, given)
	})
	if err != nil {
		return nil, "", err
	}
	a, ok := v.(adoption)
	if !ok || a.r == nil {
		return nil, a.rule, nil
	}
	s := a.r.session.Load()
	if !c.fits(s) {
		return nil, ChallengeMismatch, nil
	}
	if !answersFor(s, c.ID) {
		return a.r, a.rule, e.index(ctx, a.r, c.ID)
	}
	return a.r, a.rule, nil
}

func (e *Engine) adoptOnce(ctx context.Context, c *claim, given *outcome) (adoption, error) {
	p := e.cfg.Policies.SessionPolicy()
	r, rule, err := e.local(ctx, c) // a flight may have ended since the caller looked
	if err != nil || (r == nil && rule != "") || (r != nil && !r.stale(e.now(), p.MaxDegradedAge.D())) {
		return adoption{r, rule}, err
	}
	f := &sighted{e: e, c: c}
	d, err := decide(ctx, question{policy: p, held: r != nil, given: given}, f)
	switch {
	case errors.Is(err, errUnasked):
		return adoption{}, f.down
	case err != nil:
		return adoption{}, err
	}
	switch d.rule {
	case AdoptedFound:
		return e.take(ctx, c, r, d.made)
	case AdoptedCookie, AdoptedAlone:
		return e.fromCookie(ctx, c, d, f)
	}
	return adoption{rule: d.rule}, nil
}

// take makes the session that a partner gave, or confirms with it the one that was made from a cookie.
func (e *Engine) take(ctx context.Context, c *claim, r *resident, o *outcome) (adoption, error) {
	if r != nil {
		err := e.confirmed(ctx, c, r, o)
		return adoption{r, AdoptedFound}, err
	}
	s := e.received(c, o)
	return e.settle(ctx, s, AdoptedFound, func(w store.Writer) error {
		if err := w.Delete(keyPending(s.SSOID)); err != nil {
			return err
		}
		return e.tellMembers(w, c, s, s.Members)
	})
}

// received is the session that a partner gave, as one of this data center.
func (e *Engine) received(c *claim, o *outcome) *mdc.Session {
	s := e.newSession(c)
	s.Attributes, s.Groups, s.Level, s.ClientAddress = o.session.Attributes, o.session.Groups, o.session.Level, o.session.ClientAddress
	s.Scheme, s.Methods = o.session.Scheme, o.session.Methods
	s.Origin = &mdc.Origin{ClusterID: o.from, SessionID: o.session.ID}
	if o.session.LastAccess.After(s.LastAccess) {
		s.LastAccess = o.session.LastAccess
	}
	s.Members = e.members(o)
	s.CreatedAt = after(s.CreatedAt, o.session.CreatedAt, e.now())
	return s
}

// after is when a session was made that takes over another one: later than that, whatever the two clocks say. A partner's
// word moves it no further than clocks may differ.
func after(made, other, now time.Time) time.Time {
	if latest := now.Add(revocation.Skew); other.After(latest) {
		other = latest
	}
	if made.After(other) {
		return made
	}
	return other.Add(time.Millisecond)
}

// fromCookie makes the session from the cookie and the local user. Degraded counts from the first time for this sign-on.
func (e *Engine) fromCookie(ctx context.Context, c *claim, d decision, f *sighted) (adoption, error) {
	s := e.newSession(c)
	s.Attributes, s.Groups = f.found.Attributes, f.found.Groups
	s.Origin = &mdc.Origin{ClusterID: c.Cluster, SessionID: c.ID}
	s.Members = d.made.asked
	if d.rule == AdoptedCookie {
		return e.settle(ctx, s, AdoptedCookie, func(w store.Writer) error { return e.tellMembers(w, c, s, s.Members) })
	}
	if err := e.degrade(ctx, c, f.record); err != nil {
		return adoption{}, err
	}
	s.DegradedSince = &f.record.Since
	return e.settle(ctx, s, AdoptedAlone, func(w store.Writer) error { return f.record.write(w, s, e.now()) })
}

// settle creates a session unless it would be idle at once or one too many, and takes it back if the sign-on ended meanwhile.
func (e *Engine) settle(ctx context.Context, s *mdc.Session, rule string, also func(store.Writer) error) (adoption, error) {
	if e.now().Sub(s.LastAccess) >= e.cfg.Policies.SessionPolicy().IdleTimeout.D() {
		return adoption{rule: ChallengeIdle}, nil
	}
	place := request{Store: s.Store, User: s.User, SSOID: s.SSOID, At: s.AuthenticatedAt, adopting: true}
	if granted, err := e.place(ctx, place); err != nil || !granted {
		return adoption{rule: ChallengeLimit}, err
	}
	s.Rule = rule
	r, err := e.create(ctx, s, func(w store.Writer) error {
		if err := also(w); err != nil {
			return err
		}
		return e.append(ctx, w, adopted(s, rule))
	})
	if errors.Is(err, errFull) {
		return adoption{rule: ChallengeCapacity}, nil
	}
	if err != nil {
		return adoption{}, err
	}
	if e.denied(r, r.session.Load()) {
		return adoption{rule: ChallengeTombstone}, e.end(ctx, s, ChallengeTombstone)
	}
	if s.DegradedSince != nil {
		e.pending.Store(true)
	}
	if rule != AdoptedFound || len(s.Members) > 1 || e.cfg.Policies.SessionPolicy().Anchored {
		e.nudge()
	} // otherwise there is only the one that gave it, which knows unless it has just crashed: to tell it can wait for the next round
	return adoption{r, rule}, nil
}

// adopted says by which rule a session was made, and from where.
func adopted(s *mdc.Session, rule string) audit.Event {
	ev := by(s, actAdopt, rule)
	if rule == Reauthenticated {
		ev.Action = actSignIn
	}
	if s.Origin != nil {
		ev.Detail = "from " + s.Origin.ClusterID + ", session " + string(s.Origin.SessionID)
	}
	if s.DegradedSince != nil {
		ev.Detail += ", degraded"
	}
	return ev
}

// newSession is what every session made from a claim has in common. Last access is evidence, never now.
func (e *Engine) newSession(c *claim) *mdc.Session {
	h := sha256.Sum256(c.Proof[:])
	return &mdc.Session{ID: mdc.SessionID(newRandom().text()), ProofHash: h[:], SSOID: c.SSOID, User: c.User, Store: c.Store, Level: c.Level, LevelDomain: c.LevelDomain,
		CreatedAt: e.now(), AuthenticatedAt: c.AuthenticatedAt, ExpiresAt: c.ExpiresAt, LastAccess: c.Seen, Index: []mdc.SessionID{c.ID}, Chain: e.chainOf(c)}
}

// chainOf is where a sign-on has been, as its cookie tells, with this data center last.
func (e *Engine) chainOf(c *claim) []string {
	chain := c.Chain
	if len(chain) == 0 { // an agent's cookie names the data center that it was made for
		chain = []string{c.Cluster}
	}
	return chained(chain, e.cfg.ClusterID)
}

func (e *Engine) members(o *outcome) []string {
	members := []string{o.from}
	for _, m := range o.session.Members {
		if !mdc.SameName(m, e.cfg.ClusterID) {
			members = addCluster(members, m)
		}
	}
	return members
}
