package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/backchannel"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// RedeemInput is the callback request on an agent's host.
type RedeemInput struct {
	Scheme, Host string
	Code, State  string   // query parameters, each sent exactly once
	FlowCookies  []string // "name=value" of every cookie whose name starts with FlowCookiePrefix
}

// Redeemed is an agent's cookie. Session is nil when the person must sign in again; Rule says why.
type Redeemed struct {
	Session    *mdc.Session
	Rule       string
	Location   string   // where the browser wanted to go, with 303
	SetCookies []string // values of Set-Cookie headers: the agent's cookie, and the flow cookie cleared
}

// Redeem is steps 4 and 5: a code, with the flow cookie of the browser that it was made for, becomes the agent's cookie. a
// is the authenticated agent. A fault of kind Forbidden says that code, state and flow cookie are not for one another, for
// this agent and host, or were used before; its hint is the agent's start page, where the person can begin again.
func (e *Engine) Redeem(ctx context.Context, a *mdc.Agent, in RedeemInput) (Redeemed, error) {
	out, c, err := e.redeem(ctx, a, in)
	switch {
	case fault.CodeOf(err) == codeRefused && out.Rule == "":
		e.note(ctx, nil, actRedeem, codeRefused)
	case out.Session == nil && (err == nil || fault.CodeOf(err) == codeRefused):
		e.note(ctx, c, actRedeem, out.Rule)
	}
	return out, err
}

const codeRefused = "code_refused"

// redeem gives the code's claim too, once it was opened and belongs to the request.
func (e *Engine) redeem(ctx context.Context, a *mdc.Agent, in RedeemInput) (Redeemed, *claim, error) {
	refused := fault.New(fault.Forbidden, codeRefused, "This sign-in cannot be finished. Go back to the application and try again.")
	refused.Hint = startPage(a)
	secure := e.SecureCookies(in.Scheme)
	state, ok := parse128(in.State)
	if !ok || !ownsOrigin(a, in.Scheme, in.Host) {
		return Redeemed{}, nil, refused
	}
	name := flowCookieName(a.Name, state, secure)
	f, ok := e.openFlow(a, in.Host, only(in.FlowCookies, name))
	if !ok || subtle.ConstantTimeCompare(f.state[:], state[:]) != 1 {
		return Redeemed{}, nil, refused
	}
	c, ok := e.openCode(a, in.Host, in.Code)
	if !ok || !strings.EqualFold(c.origin, in.Scheme+"://"+in.Host) || c.challenge != sha256.Sum256(f.verifier[:]) {
		return Redeemed{}, nil, refused
	}
	r, rule, err := e.spend(ctx, &c)
	if err != nil {
		return Redeemed{}, nil, err
	}
	if rule == ChallengeCodeUsed {
		return Redeemed{Rule: rule}, &c.claim, refused
	}
	out := Redeemed{Rule: rule, Location: f.target, SetCookies: []string{clearCookie(name, secure)}}
	if r == nil {
		return out, &c.claim, nil
	}
	if err := e.uses(ctx, a, &c.claim); err != nil {
		return Redeemed{}, nil, err
	}
	cookie, err := e.agentCookie(a, in, &c.claim)
	out.Session, out.SetCookies = r.session.Load(), append(out.SetCookies, cookie)
	return out, &c.claim, err
}

// uses notes, before the agent's cookie is given, that the agent is to be told of the end of the sign-on.
func (e *Engine) uses(ctx context.Context, a *mdc.Agent, c *claim) error {
	if e.calls == nil || a.BackchannelLogoutURL == "" {
		return nil
	}
	return e.calls.Use(ctx, backchannel.Used{SSOID: c.SSOID, Agent: a.Name, Store: c.Store, User: c.User, AuthenticatedAt: c.AuthenticatedAt, ExpiresAt: c.ExpiresAt})
}

// only gives the value of the cookie of that name, or "" when it was not sent exactly once.
func only(cookies []string, name string) (value string) {
	for _, c := range cookies {
		n, v, _ := strings.Cut(c, "=")
		if n == name && value != "" {
			return ""
		}
		if n == name {
			value = v
		}
	}
	return value
}

// spend marks the code used here, then at its issuer when that is another data center, and finds the session.
func (e *Engine) spend(ctx context.Context, c *code) (*resident, string, error) {
	var used bool
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) (err error) {
		used, err = markCode(w, c.jti)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("mark code used: %w", err)
	}
	if used {
		return nil, ChallengeCodeUsed, nil
	}
	if mdc.SameName(c.Cluster, e.cfg.ClusterID) {
		return e.find(ctx, &c.claim, nil)
	}
	o, err := e.ask(ctx, &c.claim, c.jti)
	if err != nil {
		return nil, "", err
	}
	if o.verdict == verdictChallenge {
		return nil, o.rule, nil
	}
	return e.find(ctx, &c.claim, &o)
}

// agentCookie carries the code's data center and id, so that the next authorization finds the session by its index
// (OAM-36).
func (e *Engine) agentCookie(a *mdc.Agent, in RedeemInput, c *claim) (string, error) {
	cookie := *c
	cookie.Seen = e.now()
	cookie.Until = earlier(cookie.Seen.Add(e.AgentCookieLifetime(a)), c.ExpiresAt)
	text, err := e.sealClaim(payloadAgent, agentAt(mdc.PurposeAgent, a.Name, in.Host), cookie)
	if err != nil {
		return "", err
	}
	secure := e.SecureCookies(in.Scheme)
	return setCookie(AgentCookieName(a.Name, secure), text, 0, secure), nil
}

// AgentCookieLifetime is for how long an agent's cookie is good, unless the sign-on ends before: as registered, or half the idle
// time-out (OAM-27).
func (e *Engine) AgentCookieLifetime(a *mdc.Agent) time.Duration {
	if life := a.CookieLifetime.D(); life != 0 {
		return life
	}
	return e.cfg.Policies.SessionPolicy().IdleTimeout.D() / 2
}

// Policy gives a copy of the adoption policy of the moment.
func (e *Engine) Policy() mdc.SessionPolicy { return *e.cfg.Policies.SessionPolicy() }

// InactivityDomain is the common domain of the inactivity cookie; "" when there is none.
func (e *Engine) InactivityDomain() string { return e.cfg.Policies.SessionPolicy().GitoCookieDomain }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
