package session

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// AuthorizeInput is one request of a browser at an agent's host.
type AuthorizeInput struct {
	Scheme, Host string // http or https; host[:port], as the browser sent it
	Cookie       string // the agent's cookie; "" when absent or sent twice
	Inactivity   string // the cookie on the common domain; "" when absent or sent twice

	ClientAddress, RequestID string // for the audit
}

// Decision says whose request it is. Session is nil when the person must sign in; Rule says why. The session is shared and
// must not be changed; its LastAccess is that of the last write.
type Decision struct {
	Session   *mdc.Session
	Rule      string
	SetCookie string // value of a Set-Cookie header: the inactivity cookie, rewritten at each authorization; "" = none
}

// opened is an agent's cookie that was opened before.
type opened struct {
	claim      claim
	host       string // that it was sealed for
	generation uint64 // of the keysets that opened it
	resident   atomic.Pointer[resident]
}

// Authorize finds the session of an agent's cookie. a is the authenticated agent. An error means that this data center
// could not decide: 503, never allow.
func (e *Engine) Authorize(ctx context.Context, a *mdc.Agent, in AuthorizeInput) (Decision, error) {
	if !ownsOrigin(a, in.Scheme, in.Host) {
		e.note(in.origin(ctx, a), nil, actFind, ChallengeHost)
		return Decision{Rule: ChallengeHost}, nil
	}
	if in.Cookie == "" {
		return Decision{Rule: ChallengeNoCookie}, nil
	}
	o, err := e.openAgentCookie(a, in)
	if err != nil {
		if isRefusal(err) {
			e.note(in.origin(ctx, a), nil, actFind, ChallengeBadCookie)
			return Decision{Rule: ChallengeBadCookie}, nil
		}
		return Decision{}, fmt.Errorf("open agent cookie: %w", err)
	}
	p := e.cfg.Policies.SessionPolicy()
	d, ok, err := e.resident(ctx, o, p)
	if ok && p.GitoCookieDomain == "" && d.Session != nil { // the way of most requests
		return d, err
	}
	if !ok && err == nil {
		d, err = e.findOpened(in.origin(ctx, a), o, in.Inactivity)
	}
	if err == nil && d.Session == nil {
		e.note(in.origin(ctx, a), &o.claim, actFind, d.Rule)
	}
	if p.GitoCookieDomain != "" && err == nil && d.Session != nil {
		d.SetCookie = e.inactivityCookie(d.Session, p.GitoCookieDomain, in.Scheme, in.Host)
	}
	return d, err
}

// origin is what the audit keeps of the request; the way of most requests does without.
func (in *AuthorizeInput) origin(ctx context.Context, a *mdc.Agent) context.Context {
	return audit.WithOrigin(ctx, audit.Origin{Address: in.ClientAddress, Agent: a.Name, RequestID: in.RequestID})
}

// findOpened is the long way. The claim in memory is shared, so what the inactivity cookie adds goes into a copy.
func (e *Engine) findOpened(ctx context.Context, o *opened, inactivity string) (Decision, error) {
	c := o.claim
	e.witness(&c, inactivity)
	r, rule, err := e.find(ctx, &c, nil)
	if err != nil || r == nil {
		return Decision{Rule: rule}, err
	}
	o.resident.Store(r)
	return Decision{Session: r.session.Load(), Rule: rule}, nil
}

// resident decides from memory alone; false when that is not possible.
func (e *Engine) resident(ctx context.Context, o *opened, p *mdc.SessionPolicy) (Decision, bool, error) {
	r, now := o.resident.Load(), e.now()
	if r == nil || !r.held.Load() {
		return Decision{}, false, nil
	}
	if !o.claim.Until.After(now) {
		return Decision{Rule: ChallengeExpired}, true, nil
	}
	rule, err := e.admitHere(ctx, r, p, o.claim.Seen, now)
	if err != nil || rule == ChallengeDegraded || rule == ChallengeIdle { // find asks the partners once more
		return Decision{}, false, err
	}
	if rule != "" {
		return Decision{Rule: rule}, true, nil
	}
	return Decision{Session: r.session.Load(), Rule: FoundLocal}, true, nil
}

// openAgentCookie opens a cookie, or takes it from memory when it was opened before for this agent and host with the
// keysets of the moment. The text itself is the key: some 200 bytes, and a hash of it would cost more than all the rest.
func (e *Engine) openAgentCookie(a *mdc.Agent, in AuthorizeInput) (*opened, error) {
	generation := e.cfg.Keys.Generation()
	if o, ok := e.opened.get(in.Cookie); ok {
		if o.generation == generation && o.claim.Agent == a.Name && strings.EqualFold(o.host, withoutPort(in.Host)) {
			return o, nil
		}
		e.opened.remove(in.Cookie)
	}
	c, err := e.openClaim(payloadAgent, agentAt(mdc.PurposeAgent, a.Name, in.Host), in.Cookie)
	if err != nil {
		return nil, err
	}
	if c.Agent != a.Name {
		return nil, seal.ErrOpen
	}
	// Both are parts of the request's text, which would be kept as a whole.
	return e.opened.add(strings.Clone(in.Cookie), &opened{claim: c, host: strings.Clone(hostName(in.Host)), generation: generation}), nil
}
