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

// Names that a certificate step reads from the certificate of a person.
const (
	CertificateURI        = "uri"         // spiffe://<cluster id in lower case>/user/<user>, the only URI name
	CertificateEmail      = "email"       // the only e-mail name, which is the user's name as it is
	CertificateCommonName = "common_name" // the only common name of the subject, likewise
)

// Bounds of authentication schemes.
const (
	MaxLevel       = 100 // the highest authentication level
	MaxSchemeSteps = 3
)

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
	Method          string `json:"method"`
	IdentityStore   string `json:"identity_store,omitempty"`   // "" = LocalStore
	CertificateName string `json:"certificate_name,omitempty"` // of method certificate: where the user's name stands; "" = CertificateURI
}

// BuiltInScheme is SchemePassword as it would be declared.
func BuiltInScheme() *AuthenticationScheme {
	return &AuthenticationScheme{Name: SchemePassword, Level: 1, Steps: []SchemeStep{{Method: MethodPassword}}}
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

// ForPrograms says that the scheme is HTTP Basic and nothing else: what a program can do with each request.
func (s *AuthenticationScheme) ForPrograms() bool {
	return len(s.Steps) == 1 && s.Steps[0].Method == MethodBasic
}

// Methods names the methods of the steps, in order.
func (s *AuthenticationScheme) Methods() []string {
	out := make([]string, 0, len(s.Steps))
	for _, step := range s.Steps {
		out = append(out, step.Method)
	}
	return out
}

// Normalize leaves the local store and the usual name of a certificate unnamed.
func (s *AuthenticationScheme) Normalize() {
	for i := range s.Steps {
		if s.Steps[i].IdentityStore == LocalStore {
			s.Steps[i].IdentityStore = ""
		}
		if s.Steps[i].CertificateName == CertificateURI {
			s.Steps[i].CertificateName = ""
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
	c.want(len(s.Steps) >= 1 && len(s.Steps) <= MaxSchemeSteps, "/steps", "has %d steps; give 1 to %d", len(s.Steps), MaxSchemeSteps)
	proofs := map[string]int{}
	for i, step := range s.Steps {
		at := fmt.Sprintf("/steps/%d", i)
		step.validate(&c, at)
		if first, twice := proofs[step.proof()]; twice {
			c.want(false, at, "proves nothing that step %d does not prove already; give each proof once", first+1)
		}
		proofs[step.proof()] = i
	}
	return c.fields
}

func (s SchemeStep) validate(c *checks, at string) {
	c.oneOf(at+"/method", s.Method, MethodPassword, MethodBasic, MethodCertificate)
	if s.IdentityStore != "" {
		c.name(at+"/identity_store", s.IdentityStore)
	}
	c.oneOf(at+"/certificate_name", s.CertificateName, "", CertificateURI, CertificateEmail, CertificateCommonName)
	c.want(s.CertificateName == "" || s.Method == MethodCertificate, at+"/certificate_name", "means something with method %q only", MethodCertificate)
}

// ValidMethod says whether m is a method of a step.
func ValidMethod(m string) bool {
	return m == MethodPassword || m == MethodBasic || m == MethodCertificate
}

// proof names what a step asks for: the form and HTTP Basic ask for the same password.
func (s SchemeStep) proof() string {
	if s.Method == MethodCertificate {
		return MethodCertificate
	}
	if s.IdentityStore == "" {
		return "password of " + LocalStore
	}
	return "password of " + s.IdentityStore
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
