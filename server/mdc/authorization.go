package mdc

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// AuthorizationPolicy decides who may use a resource: the rules in order; a deny that fits wins over every allow; no fit is a deny.
type AuthorizationPolicy struct {
	Name  string `json:"name"`
	Rules []Rule `json:"rules"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// Rule fits a user who is named or is in one of the groups; a rule that names neither fits every signed-in user.
type Rule struct {
	Effect string   `json:"effect"` // allow or deny
	Users  []string `json:"users,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Effects of a rule.
const (
	Allow = "allow"
	Deny  = "deny"
)

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
		p.Rules[i].Users, p.Rules[i].Groups = sortedSet(p.Rules[i].Users), sortedSet(p.Rules[i].Groups)
	}
	if p.Rules == nil {
		p.Rules = []Rule{}
	}
}

// Validate checks the rules.
func (p *AuthorizationPolicy) Validate() []fault.Field {
	var c checks
	c.name("/name", p.Name)
	c.domain(p.SecurityDomain)
	c.want(len(p.Rules) <= 1000, "/rules", "has more than 1,000 rules")
	for i, r := range p.Rules {
		at := fmt.Sprintf("/rules/%d", i)
		c.oneOf(at+"/effect", r.Effect, Allow, Deny)
		c.want(len(r.Users)+len(r.Groups) <= 1000, at, "names more than 1,000 users and groups")
		for j, u := range r.Users {
			c.name(fmt.Sprintf("%s/users/%d", at, j), u)
		}
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
