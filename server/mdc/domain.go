package mdc

import "github.com/concord-access/terraform-provider-concord/internal/fault"

// SecurityDomain is a part of the configuration that administrators of its own may manage: it owns applications,
// authentication schemes, authorization policies, identity stores, users, groups, agents and administrators' roles, the same
// in every data center (CAMS-04). An object that names none belongs to the whole topology, and every domain may use it.
type SecurityDomain struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// SecurityDomainKind describes security domains.
func SecurityDomainKind() Kind {
	return Kind{Name: "security_domain", Collection: "security-domains", Scope: Replicated, New: func() Object { return &SecurityDomain{} }}
}

// ObjectName is the domain's name.
func (d *SecurityDomain) ObjectName() string { return d.Name }

// Normalize has nothing to do.
func (d *SecurityDomain) Normalize() {}

// Validate checks name and description.
func (d *SecurityDomain) Validate() []fault.Field {
	var c checks
	c.name("/name", d.Name)
	c.text("/description", d.Description, 1024)
	return c.fields
}

// References gives none.
func (d *SecurityDomain) References() []Reference { return nil }

// Owned is an object that may belong to a security domain. What it refers to belongs to the same domain or to none.
type Owned interface {
	Object
	Owner() string // name of the security domain; "" = none
}

// owned is the reference to an object's security domain, if it has one.
func owned(domain string) []Reference {
	if domain == "" {
		return nil
	}
	return []Reference{{Kind: "security_domain", Name: domain, Pointer: "/security_domain"}}
}

func (c *checks) domain(name string) {
	if name != "" {
		c.name("/security_domain", name)
	}
}
