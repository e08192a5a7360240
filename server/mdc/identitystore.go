package mdc

import (
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// IdentityStore is a directory of people outside of Concord, of one name in every data center (OAM-12). The local store,
// LocalStore, is always there and is not declared.
type IdentityStore struct {
	Name           string   `json:"name"`
	Description    string   `json:"description,omitempty"`
	SecurityDomain string   `json:"security_domain,omitempty"`
	URLs           []string `json:"urls"` // ldap://host[:port] or ldaps://host[:port], asked in this order
}

// IdentityStoreKind describes identity stores.
func IdentityStoreKind() Kind {
	return Kind{Name: "identity_store", Collection: "identity-stores", Scope: Replicated, Overridable: true, RefersTo: []string{"security_domain"},
		New: func() Object { return &IdentityStore{} }}
}

// ObjectName is the store's name.
func (s *IdentityStore) ObjectName() string { return s.Name }

// Owner is the security domain.
func (s *IdentityStore) Owner() string { return s.SecurityDomain }

// Normalize has nothing to do: the servers keep their order.
func (s *IdentityStore) Normalize() {}

// Validate checks the name and the servers.
func (s *IdentityStore) Validate() []fault.Field {
	var c checks
	c.name("/name", s.Name)
	c.want(s.Name != LocalStore, "/name", "%q is the store that is always there; choose another name", s.Name)
	c.text("/description", s.Description, 1024)
	c.domain(s.SecurityDomain)
	c.want(len(s.URLs) >= 1 && len(s.URLs) <= 16, "/urls", "names %d servers; give 1 to 16", len(s.URLs))
	return c.fields
}

// References gives the domain.
func (s *IdentityStore) References() []Reference { return owned(s.SecurityDomain) }
