package wire

import "time"

// SecurityDomain is the writable half of /v1/security-domains/{name}.
type SecurityDomain struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// SecurityDomainView is a security domain as it is answered.
type SecurityDomainView struct {
	SecurityDomain
	ID      string `json:"id"`
	Digest  string `json:"digest"`  // SHA-256 of the domain and all that it owns, hex: the same in every data center that has the same
	Objects int    `json:"objects"` // that it owns
}

// PeerDomains is GET /peer/v1/security-domains.
type PeerDomains struct {
	Epoch       uint64                  `json:"epoch"`
	EpochHolder string                  `json:"epoch_holder"`
	Sequence    uint64                  `json:"sequence"`
	Domains     map[string]DomainDigest `json:"domains"` // by name
}

// DomainDigest stands for what a security domain holds.
type DomainDigest struct {
	Digest  string `json:"digest"`
	Objects int    `json:"objects"`
}

// AuthenticationScheme is the writable half of /v1/authentication-schemes/{name}.
type AuthenticationScheme struct {
	Name           string       `json:"name"`
	Description    string       `json:"description,omitempty"`
	SecurityDomain string       `json:"security_domain,omitempty"`
	Level          *int         `json:"level,omitempty"` // 1 to 100, default 1
	Steps          []SchemeStep `json:"steps"`
}

// SchemeStep is one proof of an authentication scheme.
type SchemeStep struct {
	Method          string `json:"method"`                     // password, basic, certificate
	IdentityStore   string `json:"identity_store,omitempty"`   // default "local"
	CertificateName string `json:"certificate_name,omitempty"` // of method certificate: uri (default), email, common_name
}

// AuthenticationSchemeView is an authentication scheme as it is answered.
type AuthenticationSchemeView struct {
	AuthenticationScheme
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// IdentityStore is the writable half of /v1/identity-stores/{name}.
type IdentityStore struct {
	Name           string   `json:"name"`
	Description    string   `json:"description,omitempty"`
	SecurityDomain string   `json:"security_domain,omitempty"`
	URLs           []string `json:"urls"`
}

// IdentityStoreView is an identity store as it is answered.
type IdentityStoreView struct {
	IdentityStore
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// AdminRole is the writable half of /v1/admin-roles/{name}.
type AdminRole struct {
	Name           string       `json:"name"`
	Description    string       `json:"description,omitempty"`
	SecurityDomain string       `json:"security_domain,omitempty"`
	Permissions    []Permission `json:"permissions"`
	Users          []string     `json:"users,omitempty"`
	Groups         []string     `json:"groups,omitempty"`
	Certificates   []string     `json:"certificates,omitempty"`
}

// Permission allows actions on kinds in security domains.
type Permission struct {
	Actions         []string `json:"actions"` // read, write, operate
	Kinds           []string `json:"kinds"`
	SecurityDomains []string `json:"security_domains,omitempty"`
}

// AdminRoleView is a role as it is answered.
type AdminRoleView struct {
	AdminRole
	ID string `json:"id"`
}

// AdminToken is the writable half of /v1/admin-tokens/{name}. Token absent keeps the present one.
type AdminToken struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Roles       []string   `json:"roles"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	Token       string     `json:"token,omitempty"`
}

// AdminTokenView is a token as it is answered; Token is always empty.
type AdminTokenView struct {
	AdminToken
	ID string `json:"id"`
}
