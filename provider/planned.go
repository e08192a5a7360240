package provider

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

// planWait bounds the questions of a plan: what cannot be known is not refused.
const planWait = 5 * time.Second

// planned is what one run plans for agents and the session policy, which must fit one another. It stands before what the
// server has: with depends_on, what is changed together is judged together.
type planned struct {
	foreseen

	mu     sync.Mutex // guards all below
	agents map[string]*plannedAgent
	policy *plannedPolicy
}

// plannedAgent is nil for an agent that goes.
type plannedAgent struct {
	hosts    []string
	lifetime attr.Duration
}

type plannedPolicy struct {
	domain string
	idle   attr.Duration
}

func (p *planned) setAgent(name string, a *plannedAgent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.agents == nil {
		p.agents = map[string]*plannedAgent{}
	}
	p.agents[name] = a
}

func (p *planned) setPolicy(v *plannedPolicy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policy = v
}

// agentsOf gives the agents as they will be; false when the server cannot tell, as at a first plan.
func (p *planned) agentsOf(ctx context.Context, c *client.Client) (map[string]*plannedAgent, bool) {
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	all, err := client.All[wire.AgentView](ctx, c, "/v1/agents", nil)
	if err != nil {
		return nil, false
	}
	out := map[string]*plannedAgent{}
	for _, a := range all {
		out[a.Name] = &plannedAgent{a.Hosts, attr.DurationValue(a.CookieLifetime)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, a := range p.agents {
		if out[name] = a; a == nil {
			delete(out, name)
		}
	}
	return out, true
}

// policyOf gives the policy as it will be.
func (p *planned) policyOf(ctx context.Context, c *client.Client) (plannedPolicy, bool) {
	p.mu.Lock()
	mine := p.policy
	p.mu.Unlock()
	if mine != nil {
		return *mine, true
	}
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	var v wire.SessionPolicyView
	if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/session-policy", Out: &v}); err != nil {
		return plannedPolicy{}, false
	}
	return plannedPolicy{v.GitoCookieDomain, attr.DurationValue(v.IdleTimeout)}, true
}

// outlives says whether an agent's cookie lasts as long as the idle time-out; false where either is not known.
func outlives(lifetime, idle attr.Duration) bool {
	l, known := span(lifetime)
	i, also := span(idle)
	return known && also && l >= i
}

func span(d attr.Duration) (time.Duration, bool) {
	if d.IsNull() {
		return 0, false
	}
	return d.Span()
}
