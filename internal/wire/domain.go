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
	URLs           []string `json:"urls"` // ldap://host[:port] or ldaps://host[:port], asked in this order

	StartTLS         bool   `json:"start_tls,omitempty"`
	CACertificatePEM string `json:"ca_certificate_pem,omitempty"` // default: the system's roots
	AllowPlaintext   bool   `json:"allow_plaintext,omitempty"`    // ldap:// without StartTLS beyond the machine itself

	BindDN              string `json:"bind_dn,omitempty"`
	BindPassword        string `json:"bind_password,omitempty"` // write-only; absent keeps the present one
	BindPasswordVersion int64  `json:"bind_password_version,omitempty"`

	UserSearchBase    string `json:"user_search_base"`
	UserFilter        string `json:"user_filter,omitempty"`         // with {user}; default (<user_name_attribute>={user})
	UserNameAttribute string `json:"user_name_attribute,omitempty"` // default "uid"

	GroupSearchBase    string `json:"group_search_base,omitempty"`
	GroupFilter        string `json:"group_filter,omitempty"`         // with {dn} or {user}; default (member={dn})
	GroupNameAttribute string `json:"group_name_attribute,omitempty"` // default "cn"
	MemberOfAttribute  string `json:"member_of_attribute,omitempty"`  // in place of group_search_base
	NestedGroups       bool   `json:"nested_groups,omitempty"`

	DisplayNameAttribute string            `json:"display_name_attribute,omitempty"` // told as the attribute display_name
	EmailAttribute       string            `json:"email_attribute,omitempty"`        // told as the attribute email
	AttributeMapping     map[string]string `json:"attribute_mapping,omitempty"`      // our attribute -> the directory's

	ConnectTimeout string `json:"connect_timeout,omitempty"` // default "3s"
	RequestTimeout string `json:"request_timeout,omitempty"` // default "5s"
	PageSize       *int   `json:"page_size,omitempty"`       // default 500
	PoolSize       *int   `json:"pool_size,omitempty"`       // default 8
}

// IdentityStoreView is an identity store as it is answered; BindPassword is always empty.
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
	ID         string     `json:"id"`
	Expired    bool       `json:"expired,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // since the node started; absent = not since then
}
