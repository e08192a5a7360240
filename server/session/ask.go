package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxHops is how often a partner's word that a sign-on has moved is followed.
const maxHops = 2

// maxCandidates is how many data centers are asked for one session.
const maxCandidates = 3

// sighted are the facts of a request, as this data center finds them out.
type sighted struct {
	e   *Engine
	c   *claim
	jti string    // of the code that is redeemed, or ""
	end time.Time // of the wait for partners; zero = none was asked yet

	found  Person         // with person
	down   error          // why the identity store could not be asked
	record *pendingRecord // with degraded; nil = the sign-on had its time
}

var _ facts = (*sighted)(nil)

func (s *sighted) person(ctx context.Context) (standing, error) {
	p, found, err := s.e.cfg.Directory.User(ctx, s.c.Store, s.c.User)
	if err != nil {
		err = fmt.Errorf("look up user of %s: %w", s.c.SSOID, err)
	}
	switch {
	case fault.Is(err, fault.Unavailable):
		s.down = err
		return unasked, nil
	case err != nil:
		return barred, err
	case !found || !p.Enabled:
		return barred, nil
	}
	s.found = p
	return stands, nil
}

func (s *sighted) candidates(ctx context.Context) ([]string, error) {
	return s.e.candidates(ctx, s.c)
}

func (s *sighted) partner(cluster string) bool { return s.e.registered(cluster) }

func (s *sighted) ask(ctx context.Context, cluster string, parts int) outcome {
	p := s.e.cfg.Policies.SessionPolicy()
	if s.end.IsZero() {
		s.end = time.Now().Add(p.RetrievalMaxWait.D())
	}
	return s.e.askOne(ctx, s.c, s.jti, cluster, share(s.end, parts), p.RetrievalMaxAttempts)
}

func (s *sighted) degraded(ctx context.Context) (age time.Duration, denied bool, err error) {
	if s.record, err = s.e.pendingOf(ctx, s.c); err != nil {
		return 0, false, err
	}
	return s.e.now().Sub(s.record.Since), s.record.Denied, nil
}

// ask asks the candidates about a claim. With jti the code is marked used by its issuer.
func (e *Engine) ask(ctx context.Context, c *claim, jti string) (outcome, error) {
	return consult(ctx, question{policy: e.cfg.Policies.SessionPolicy(), redeemed: jti != ""}, &sighted{e: e, c: c, jti: jti})
}

// candidates are the partners to ask, in order.
func (e *Engine) candidates(ctx context.Context, c *claim) ([]string, error) {
	to, err := e.wentTo(ctx, c)
	return c.visited(to, e.cfg.ClusterID, e.cfg.Partners.List()), err
}

// share is one part of the time until end.
func share(end time.Time, parts int) time.Duration {
	return time.Until(end) / time.Duration(max(1, parts))
}

// askOne asks one partner within wait, again where it was not reached.
func (e *Engine) askOne(ctx context.Context, c *claim, jti, cluster string, wait time.Duration, attempts int) outcome {
	end := time.Now().Add(wait)
	var err error
	for i := range attempts {
		var o outcome
		if o, err = e.askOnce(ctx, c, jti, cluster, share(end, attempts-i)); err == nil {
			return o
		}
		if !errors.Is(err, ErrUnreachable) {
			e.cfg.Logger.Error("partner refused or could not be trusted when asked for a session", "partner", cluster, "sso_id", c.SSOID, "error", err)
			return challenge(ChallengeRefused)
		}
	}
	e.cfg.Logger.Warn("partner could not be asked for a session", "partner", cluster, "sso_id", c.SSOID, "error", err)
	return challenge(ChallengeUnreachable)
}

// askOnce gives what a partner answered. The error wraps ErrUnreachable or ErrRefused.
func (e *Engine) askOnce(ctx context.Context, c *claim, jti, cluster string, wait time.Duration) (outcome, error) {
	q := RetrieveRequest{ID: c.ID, SSOID: c.SSOID, Proof: c.Proof[:], ForCluster: e.cfg.ClusterID, JTI: jti}
	a, err := e.retrieveFrom(ctx, cluster, q, wait)
	if err != nil {
		return outcome{}, err
	}
	return judge(c, cluster, a)
}

func (e *Engine) retrieveFrom(ctx context.Context, cluster string, q RetrieveRequest, wait time.Duration) (RetrieveAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	a, err := e.cfg.Peers.Retrieve(ctx, cluster, q)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = ErrUnreachable
	}
	return a, err
}

// errOther says that a partner's session is another sign-on's, or one that no data center makes.
var errOther = fmt.Errorf("%w: it gave another session than was asked for", ErrRefused)

// judge turns an answer into an outcome. A found session must be exactly the claim's sign-on.
func judge(c *claim, cluster string, a RetrieveAnswer) (outcome, error) {
	switch {
	case a.CodeUsed:
		return challenge(ChallengeCodeUsed), nil
	case a.Result == ResultEnded:
		return challenge(ChallengeEnded), nil
	case a.Result == ResultUnknown:
		return challenge(ChallengeUnknown), nil
	case a.Result == ResultMoved && a.Moved != nil && mdc.ValidClusterID(a.Moved.ClusterID):
		return outcome{verdict: verdictMoved, to: a.Moved.ClusterID, from: cluster}, nil
	case a.Result == ResultFound && a.Session != nil && acceptable(c, a.Session):
		return outcome{verdict: verdictFound, session: a.Session, from: cluster}, nil
	}
	return outcome{}, errOther
}

// acceptable says whether a partner's session is of the claim's sign-on and within the bounds that sessions are made with.
func acceptable(c *claim, s *mdc.Session) bool {
	_, idOK := parse128(string(s.ID))
	if !idOK || s.SSOID != c.SSOID || !c.sameSignOn(s) || s.Level > c.Level || s.Level < 0 ||
		len(s.Attributes) > mdc.MaxAttributes || len(s.Groups) > mdc.MaxGroups || len(s.Members) > mdc.MaxMembers || len(s.ClientAddress) > maxAddress {
		return false
	}
	for k, v := range s.Attributes {
		if !mdc.ValidName(k) || len(v) > mdc.MaxAttributeValue {
			return false
		}
	}
	for _, g := range s.Groups {
		if !mdc.ValidName(g) {
			return false
		}
	}
	if s.Scheme != "" && !mdc.ValidName(s.Scheme) || len(s.Methods) > mdc.MaxSchemeSteps {
		return false
	}
	for _, m := range s.Methods {
		if !mdc.ValidMethod(m) {
			return false
		}
	}
	for _, m := range s.Members {
		if !mdc.ValidClusterID(m) {
			return false
		}
	}
	return true
}
