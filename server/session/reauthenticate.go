package session

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// reauthenticated is what step 5 of Find leads to: the same person gave the password again for a sign-on of elsewhere, which
// is kept and gets a session here. r is nil where that is not the case and a new sign-on begins, as after every other
// sign-in: another person or level, a sign-on that is over, idle, or has a session here already (OAM-21).
func (e *Engine) reauthenticated(ctx context.Context, q SignInRequest, prior *claim) (r *resident, err error) {
	p := e.cfg.Policies.SessionPolicy()
	same := mdc.SameName(prior.User, q.Person.Name) && prior.Store == q.Store && prior.Level == q.Level && prior.LevelDomain == q.LevelDomain
	if !p.Reauthenticate || !same || e.now().Sub(prior.Seen) >= p.IdleTimeout.D() || e.log.Denies(prior.SSOID, prior.userKey(), prior.AuthenticatedAt) {
		return nil, nil
	}
	if here, rule, err := e.local(ctx, prior); err != nil || here != nil || rule != "" {
		return nil, err
	}
	o, err := e.ask(ctx, prior, "")
	if err != nil {
		return nil, err
	}
	if !o.keeps() {
		return nil, nil // nobody has it any more, or who says so cannot be trusted
	}
	a, err := e.keepSignOn(ctx, q, prior, &o)
	return a.r, err
}

// keepSignOn makes the session: with all attributes where a partner gave them, otherwise with what the identity store says of
// who has just given the password. It is not degraded, since it does not rest on the cookie alone.
func (e *Engine) keepSignOn(ctx context.Context, q SignInRequest, c *claim, o *outcome) (adoption, error) {
	s := e.newSession(c)
	s.Attributes, s.Groups, s.Members = q.Person.Attributes, q.Person.Groups, o.asked
	s.Origin = &mdc.Origin{ClusterID: c.Cluster, SessionID: c.ID}
	if o.verdict == verdictFound {
		s = e.received(c, o)
	}
	s.ClientAddress, s.LastAccess = clip(q.ClientAddress, maxAddress), e.now()
	s.Scheme, s.Methods = q.Scheme, q.Methods
	return e.settle(ctx, s, Reauthenticated, func(w store.Writer) error {
		if err := w.Delete(keyPending(s.SSOID)); err != nil {
			return err
		}
		if err := q.Certificate.remember(w, s, e.now()); err != nil {
			return err
		}
		return e.tellMembers(w, c, s, s.Members)
	})
}
