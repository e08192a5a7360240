package session

import (
	"context"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// What decides about the session of a sign-on that is not here (steps 4 to 6 of Find, docs/sessions.md). Nothing in this file
// reads a store, a clock or a network: facts bring what is known. Requests find it out (sighted), simulations assume it (assumed),
// so that both are decided by the same lines.

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

// keeps says whether a sign-on of elsewhere goes on when its person gives the password here (OAM-21): not where nobody has it
// any more, or where who says so is not believed.
func (o *outcome) keeps() bool {
	return o.verdict != verdictChallenge || o.rule == ChallengeUnreachable
}

// standing is what the identity store of this data center says of a user.
type standing uint8

const (
	stands  standing = iota
	barred           // absent or disabled
	unasked          // the store is down
)

// facts are what a decision rests on, each asked for when the decision needs it.
type facts interface {
	// person looks the claim's user up.
	person(ctx context.Context) (standing, error)
	// candidates are the partners that may know the sign-on, the likeliest first.
	candidates(ctx context.Context) ([]string, error)
	// partner says whether a data center is a registered partner.
	partner(cluster string) bool
	// ask asks one of them; parts is among how many the time that is left is shared.
	ask(ctx context.Context, cluster string, parts int) outcome
	// degraded is for how long the sign-on has been taken from its cookie alone, 0 = not before now; denied says that a partner
	// which came back did not confirm it.
	degraded(ctx context.Context) (age time.Duration, denied bool, err error)
}

// question is what shall be decided.
type question struct {
	policy   *mdc.SessionPolicy
	held     bool     // a session that was made from a cookie is here, and nobody confirmed it in time
	given    *outcome // what a partner said that was asked already; nil = none was
	redeemed bool     // a code is redeemed: whoever issued it is asked in any case
}

// decision says by which rule a session is to be made, or why it is not.
type decision struct {
	rule string   // one of the first group of rules, or of the second
	made *outcome // with the first group: what it is made of
}

// errUnasked says that nobody knows whether the user may still sign in: the identity store is down.
var errUnasked = errors.New("session: the identity store of this data center is down")

// decide is the adoption. errUnasked where a session would have to be made from the cookie.
func decide(ctx context.Context, q question, f facts) (decision, error) {
	who, err := f.person(ctx)
	if err != nil {
		return decision{}, err
	}
	if who == barred {
		return decision{rule: ChallengeUser}, nil
	}
	if q.given == nil && q.policy.Reauthenticate && !q.held {
		return wantPassword(ctx, f)
	}
	o := q.given
	if o == nil {
		got, err := consult(ctx, q, f)
		if err != nil {
			return decision{}, err
		}
		o = &got
	}
	switch o.verdict {
	case verdictFound: // while the directory is down here, what the partner gives has to do: it looks the user up too
		return decision{AdoptedFound, o}, nil
	case verdictCookie, verdictAlone:
		if who == unasked {
			return decision{}, errUnasked
		}
		return fromCookie(ctx, q, o, f)
	}
	return decision{rule: o.rule}, nil
}

// wantPassword is the adoption under reauthenticate: a challenge wherever there would be something to adopt (OAM-21, X7). A
// code is none of its affairs: the sign-in host decided a moment ago, and asking again would lead in circles.
func wantPassword(ctx context.Context, f facts) (decision, error) {
	candidates, err := f.candidates(ctx)
	if err != nil {
		return decision{}, err
	}
	if len(candidates) == 0 {
		return decision{rule: ChallengeUnknown}, nil
	}
	return decision{rule: ChallengeReauthenticate}, nil
}

// fromCookie decides whether the cookie suffices. max_degraded_age counts once for a sign-on.
func fromCookie(ctx context.Context, q question, o *outcome, f facts) (decision, error) {
	switch {
	case q.held:
		return decision{rule: ChallengeDegraded}, nil
	case o.verdict == verdictCookie:
		return decision{AdoptedCookie, o}, nil
	}
	age, denied, err := f.degraded(ctx)
	if err != nil {
		return decision{}, err
	}
	if denied || age >= q.policy.MaxDegradedAge.D() {
		return decision{rule: ChallengeDegraded}, nil
	}
	return decision{AdoptedAlone, o}, nil
}

// consult is steps 4 and 6 of Find. An unreachable data center does not keep the others from being asked: what they say
// decides, and only where all that could be asked were silent the policy does (X1, X3). With a code its issuer marks it used, and
// one that was used is refused; without retrieval that is all the issuer is asked for.
func consult(ctx context.Context, q question, f facts) (outcome, error) {
	candidates, err := f.candidates(ctx)
	if err != nil {
		return outcome{}, err
	}
	if len(candidates) == 0 {
		return challenge(ChallengeUnknown), nil
	}
	if !q.policy.RetrieveOnDemand && !q.redeemed {
		return outcome{verdict: verdictCookie, asked: candidates}, nil
	}
	o := askAll(ctx, q.policy, candidates, f)
	if !q.policy.RetrieveOnDemand && (o.verdict == verdictFound || o.rule == ChallengeUnreachable) {
		o.verdict = verdictCookie
	}
	o.asked = candidates
	return o, nil
}

func askAll(ctx context.Context, p *mdc.SessionPolicy, candidates []string, f facts) outcome {
	unknown, silent := false, false
	var asked []string
	for i, cluster := range candidates {
		if containsCluster(asked, cluster) { // by way of another
			continue
		}
		asked = append(asked, cluster)
		o := f.ask(ctx, cluster, len(candidates)-i)
		for range maxHops {
			if o.verdict != verdictMoved || !f.partner(o.to) || containsCluster(asked, o.to) {
				break
			}
			asked = append(asked, o.to)
			o = f.ask(ctx, o.to, len(candidates)-i)
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

// partitioned decides about max_sessions_per_user while a partner is silent; decided is false where what is known counts.
func partitioned(p *mdc.SessionPolicy, silent, adopting bool) (granted, decided bool) {
	switch {
	case p.MaxSessionsPerUser == 0, silent && p.MaxSessionsWhenPartitioned == mdc.PartitionedAllow:
		return true, true
	case silent && p.MaxSessionsWhenPartitioned == mdc.PartitionedDeny && !adopting:
		return false, true
	}
	return false, false
}

// stale says that a session was made from a cookie and nobody confirmed it in time: it does not answer by itself any more.
func stale(degradedSince *time.Time, now time.Time, maxAge time.Duration) bool {
	return degradedSince != nil && !degradedSince.Add(maxAge).After(now)
}
