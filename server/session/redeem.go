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
	refused := fault.New(fault.Forbidden, "code_refused", "This sign-in cannot be finished. Go back to the application and try again.")
	refused.Hint = startPage(a)
	secure := e.SecureCookies(in.Scheme)
	state, ok := parse128(in.State)
	if !ok || !ownsOrigin(a, in.Scheme, in.Host) {
		return Redeemed{}, refused
	}
	name := flowCookieName(a.Name, state, secure)
	f, ok := e.openFlow(a, in.Host, only(in.FlowCookies, name))
	if !ok || subtle.ConstantTimeCompare(f.state[:], state[:]) != 1 {
		return Redeemed{}, refused
	}
	c, ok := e.openCode(a, in.Host, in.Code)
	if !ok || !strings.EqualFold(c.origin, in.Scheme+"://"+in.Host) || c.challenge != sha256.Sum256(f.verifier[:]) {
		return Redeemed{}, refused
	}
	r, rule, err := e.spend(ctx, &c)
	if err != nil {
		return Redeemed{}, err
	}
	if rule == ChallengeCodeUsed {
		return Redeemed{Rule: rule}, refused
	}
	out := Redeemed{Rule: rule, Location: f.target, SetCookies: []string{clearCookie(name, secure)}}
	if r == nil {
		return out, nil
	}
	cookie, err := e.agentCookie(a, in, &c.claim)
	out.Session, out.SetCookies = r.session.Load(), append(out.SetCookies, cookie)
	return out, err
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
	life := a.CookieLifetime.D()
	if life == 0 {
		life = e.cfg.Policies.SessionPolicy().IdleTimeout.D() / 2
	}
	cookie := *c
	cookie.Seen = e.now()
	cookie.Until = earlier(cookie.Seen.Add(life), c.ExpiresAt)
	text, err := e.sealClaim(payloadAgent, agentAt(mdc.PurposeAgent, a.Name, in.Host), cookie)
	if err != nil {
		return "", err
	}
	secure := e.SecureCookies(in.Scheme)
	return setCookie(AgentCookieName(a.Name, secure), text, 0, secure), nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
