package mdc

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// AuthorizationPolicy decides who may use a resource: a deny that fits wins over every allow; no fit is a deny. The rules' order
// says which one is named as the reason.
type AuthorizationPolicy struct {
	Name      string     `json:"name"`
	Rules     []Rule     `json:"rules"`
	Responses *Responses `json:"responses,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// AuthorizationPolicyKind describes authorization policies.
func AuthorizationPolicyKind() Kind {
	return Kind{Name: "authorization_policy", Collection: "authorization-policies", Scope: Replicated, Overridable: true, RefersTo: []string{"security_domain", "group"}, New: func() Object { return &AuthorizationPolicy{} }}
}

// ObjectName is the policy's name.
func (p *AuthorizationPolicy) ObjectName() string { return p.Name }

// Owner is the security domain.
func (p *AuthorizationPolicy) Owner() string { return p.SecurityDomain }

// Normalize orders the sets inside each rule; the rules keep their order.
func (p *AuthorizationPolicy) Normalize() {
	for i := range p.Rules {
		p.Rules[i].normalize()
	}
	if p.Rules == nil {
		p.Rules = []Rule{}
	}
	if p.Responses != nil && len(p.Responses.Headers) == 0 {
		p.Responses = nil
	}
}

// Validate checks the rules and the responses.
func (p *AuthorizationPolicy) Validate() []fault.Field {
	var c checks
	c.name("/name", p.Name)
	c.domain(p.SecurityDomain)
	c.want(len(p.Rules) <= MaxRules, "/rules", "has more than 1,000 rules")
	conditions, cost := 0, uint64(0)
	for i := range p.Rules {
		if p.Rules[i].Condition != "" {
			conditions++
		}
		if conditions > MaxConditions { // what follows is not compiled
			c.want(false, "/rules", "have more than %d conditions", MaxConditions)
			break
		}
		cost += p.Rules[i].validate(&c, fmt.Sprintf("/rules/%d", i))
	}
	c.want(cost <= MaxConditionCost, "/rules", "have conditions that may cost %d units together; %d are allowed", cost, MaxConditionCost)
	if p.Responses != nil {
		p.Responses.validate(&c)
	}
	return c.fields
}

// References gives the domain and the groups; a user named in a rule need not exist yet.
func (p *AuthorizationPolicy) References() []Reference {
	out := owned(p.SecurityDomain)
	for i, r := range p.Rules {
		out = append(out, references("group", fmt.Sprintf("/rules/%d/groups", i), r.Groups)...)
	}
	return out
}
