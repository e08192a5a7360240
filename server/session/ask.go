package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxHops is how often a partner's word that a sign-on has moved is followed.
const maxHops = 2

// maxCandidates is how many data centers are asked for one session.
const maxCandidates = 3

type verdict uint8

const (
	verdictChallenge verdict = iota
	verdictFound             // session, from
	verdictCookie            // retrieval is off: make it from the cookie
	verdictAlone             // nobody could be asked, and the policy goes on
	verdictMoved             // it is at to
)

// outcome is what asking brought.
type outcome struct {
	verdict verdict
	rule    string       // of a challenge
	session *mdc.Session // checked against the claim
	from    string
	to      string   // with moved
	asked   []string // the candidates
}

func challenge(rule string) outcome { return outcome{verdict: verdictChallenge, rule: rule} }

// ask is steps 4 and 6 of Find. An unreachable data center does not keep the others from being asked: what they say
// decides, and only where all that could be asked were silent the policy does (X1, X3). With jti the code is marked used by
// its issuer, and a code that was used is refused; without retrieval that is all the issuer is asked for.
func (e *Engine) ask(ctx context.Context, c *claim, jti string) (outcome, error) {
	p := e.cfg.Policies.SessionPolicy()
	candidates, err := e.candidates(ctx, c)
	if err != nil {
		return outcome{}, err
	}
	if len(candidates) == 0 {
		return challenge(ChallengeUnknown), nil
	}
	if !p.RetrieveOnDemand && jti == "" {
		return outcome{verdict: verdictCookie, asked: candidates}, nil
	}
	o := e.askAll(ctx, c, jti, candidates, p)
	if !p.RetrieveOnDemand && (o.verdict == verdictFound || o.rule == ChallengeUnreachable) {
		o.verdict = verdictCookie
	}
	o.asked = candidates
	return o, nil
}

// candidates are the partners to ask, in order.
func (e *Engine) candidates(ctx context.Context, c *claim) ([]string, error) {
	to, err := e.wentTo(ctx, c)
	return c.visited(to, e.cfg.ClusterID, e.cfg.Partners.List()), err
}

func (e *Engine) askAll(ctx context.Context, c *claim, jti string, candidates []string, p *mdc.SessionPolicy) outcome {
	end := time.Now().Add(p.RetrievalMaxWait.D())
	unknown, silent := false, false
	var asked []string
	for i, cluster := range candidates {
		if containsCluster(asked, cluster) { // by way of another
			continue
		}
		asked = append(asked, cluster)
		o := e.askOne(ctx, c, jti, cluster, share(end, len(candidates)-i), p.RetrievalMaxAttempts)
		for range maxHops {
			if o.verdict != verdictMoved || !e.registered(o.to) || containsCluster(asked, o.to) {
				break
			}
			asked = append(asked, o.to)
			o = e.askOne(ctx, c, jti, o.to, share(end, len(candidates)-i), p.RetrievalMaxAttempts)
		}
		switch {
		case o.verdict == verdictMoved && containsCluster(asked, o.to): // whose answer counts already
		case o.verdict == verdictMoved || o.rule == ChallengeUnknown:
			unknown = true
		case o.rule == ChallengeUnreachable:
			silent = true
		default:
			return o
		}
	}
	switch {
	case silent && !unknown && p.ContinueOnSyncFailure:
		return outcome{verdict: verdictAlone}
	case silent:
		return challenge(ChallengeUnreachable)
	}
	return challenge(ChallengeUnknown)
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
