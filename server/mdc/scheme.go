package mdc

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// SchemePassword is the scheme that every data center has without declaring it: the password form, against the local
// identity store, level 1.
const SchemePassword = "password"

// Methods of a step of an authentication scheme.
const (
	MethodPassword    = "password"    // the password form
	MethodBasic       = "basic"       // HTTP Basic (RFC 7617)
	MethodCertificate = "certificate" // a client certificate
)

// MaxLevel is the highest authentication level.
const MaxLevel = 100

// AuthenticationScheme says how a person signs in, and how much that is worth.
type AuthenticationScheme struct {
	Name           string       `json:"name"`
	Description    string       `json:"description,omitempty"`
	SecurityDomain string       `json:"security_domain,omitempty"`
	Level          int          `json:"level"` // 1 to MaxLevel; a resource is open to sessions of its scheme's level and above
	Steps          []SchemeStep `json:"steps"` // all of them, in order, by one and the same person
}

// SchemeStep is one proof of who somebody is.
type SchemeStep struct {
	Method        string `json:"method"`
	IdentityStore string `json:"identity_store,omitempty"` // "" = LocalStore
}

// AuthenticationSchemeKind describes authentication schemes.
func AuthenticationSchemeKind() Kind {
	return Kind{Name: "authentication_scheme", Collection: "authentication-schemes", Scope: Replicated, Overridable: true,
		RefersTo: []string{"security_domain", "identity_store"}, New: func() Object { return &AuthenticationScheme{Level: 1} }}
}

// ObjectName is the scheme's name.
func (s *AuthenticationScheme) ObjectName() string { return s.Name }

// Owner is the security domain.
func (s *AuthenticationScheme) Owner() string { return s.SecurityDomain }

// Normalize leaves the local store unnamed.
func (s *AuthenticationScheme) Normalize() {
	for i := range s.Steps {
		if s.Steps[i].IdentityStore == LocalStore {
			s.Steps[i].IdentityStore = ""
		}
	}
	if s.Steps == nil {
		s.Steps = []SchemeStep{}
	}
}

// Validate checks the steps.
func (s *AuthenticationScheme) Validate() []fault.Field {
	var c checks
	c.name("/name", s.Name)
	c.want(s.Name != SchemePassword, "/name", "%q is the scheme that is always there; choose another name", s.Name)
	c.text("/description", s.Description, 1024)
	c.domain(s.SecurityDomain)
	c.want(s.Level >= 1 && s.Level <= MaxLevel, "/level", "%d is not between 1 and %d", s.Level, MaxLevel)
	c.want(len(s.Steps) >= 1 && len(s.Steps) <= 3, "/steps", "has %d steps; give 1 to 3", len(s.Steps))
	for i, step := range s.Steps {
		c.oneOf(fmt.Sprintf("/steps/%d/method", i), step.Method, MethodPassword, MethodBasic, MethodCertificate)
		if step.IdentityStore != "" {
			c.name(fmt.Sprintf("/steps/%d/identity_store", i), step.IdentityStore)
		}
	}
	return c.fields
}

// References gives the identity stores and the domain.
func (s *AuthenticationScheme) References() []Reference {
	out := owned(s.SecurityDomain)
	for i, step := range s.Steps {
		if step.IdentityStore != "" {
			out = append(out, Reference{"identity_store", step.IdentityStore, fmt.Sprintf("/steps/%d/identity_store", i)})
		}
	}
	return out
}
