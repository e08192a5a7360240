package mdc

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// IdentityStore is a directory of people outside of Concord, an LDAP directory (RFC 4511), of one name in every data center
// (OAM-12). The local store, LocalStore, is always there and is not declared.
type IdentityStore struct {
	Name           string   `json:"name"`
	Description    string   `json:"description,omitempty"`
	SecurityDomain string   `json:"security_domain,omitempty"`
	URLs           []string `json:"urls"` // ldap://host[:port] or ldaps://host[:port], asked in this order

	StartTLS         bool   `json:"start_tls,omitempty"`          // on ldap:// connections (RFC 4511 section 4.14)
	CACertificatePEM string `json:"ca_certificate_pem,omitempty"` // whom the servers' certificates are believed by; "" = the system's roots
	AllowPlaintext   bool   `json:"allow_plaintext,omitempty"`    // ldap:// without StartTLS beyond this machine

	BindDN              string     `json:"bind_dn,omitempty"` // who searches; "" = nobody in particular
	BindPassword        Credential `json:"bind_password,omitzero"`
	BindPasswordVersion int64      `json:"bind_password_version,omitempty"` // the administrator's number for it

	UserSearchBase    string `json:"user_search_base"`
	UserFilter        string `json:"user_filter,omitempty"`         // with FilterUser; "" = by UserNameAttribute alone
	UserNameAttribute string `json:"user_name_attribute,omitempty"` // the user's name in Concord

	GroupSearchBase    string `json:"group_search_base,omitempty"`    // "" = groups are not searched
	GroupFilter        string `json:"group_filter,omitempty"`         // with FilterDN or FilterUser; "" = DefaultGroupFilter
	GroupNameAttribute string `json:"group_name_attribute,omitempty"` // the group's name in Concord
	MemberOfAttribute  string `json:"member_of_attribute,omitempty"`  // names a person's groups in the person's own entry; in place of a search
	NestedGroups       bool   `json:"nested_groups,omitempty"`        // groups of groups count too

	DisplayNameAttribute string            `json:"display_name_attribute,omitempty"` // told as the attribute AttributeDisplayName
	EmailAttribute       string            `json:"email_attribute,omitempty"`        // told as the attribute AttributeEmail
	AttributeMapping     map[string]string `json:"attribute_mapping,omitempty"`      // our attribute -> the directory's

	ConnectTimeout Duration `json:"connect_timeout"` // TCP, TLS and the search account's bind
	RequestTimeout Duration `json:"request_timeout"` // one question to the directory
	PageSize       int      `json:"page_size"`       // entries of one answer (RFC 2696)
	PoolSize       int      `json:"pool_size"`       // connections for searches of a node, and as many for binds
}

// Placeholders of filters. What takes their place is escaped (RFC 4515 section 3).
const (
	FilterUser = "{user}" // the name that is looked for
	FilterDN   = "{dn}"   // the distinguished name of the person, or of the group whose groups are looked for
)

// Attributes of a person that come from attributes of the directory with their own setting.
const (
	AttributeDisplayName = "display_name"
	AttributeEmail       = "email"
)

// Defaults and bounds of an identity store.
const (
	DefaultUserNameAttribute  = "uid"
	DefaultGroupNameAttribute = "cn"
	DefaultGroupFilter        = "(member={dn})"
	DefaultConnectTimeout     = 3 * time.Second
	DefaultRequestTimeout     = 5 * time.Second
	MaxDirectoryTimeout       = 10 * time.Second
	DefaultPageSize           = 500
	MaxPageSize               = 1000
	DefaultPoolSize           = 8
	MaxPoolSize               = 128
	maxDirectoryServers       = 16
)

// IdentityStoreKind describes identity stores.
func IdentityStoreKind() Kind {
	return Kind{Name: "identity_store", Collection: "identity-stores", Scope: Replicated, Overridable: true, RefersTo: []string{"security_domain"},
		New: func() Object {
			return &IdentityStore{UserNameAttribute: DefaultUserNameAttribute, GroupNameAttribute: DefaultGroupNameAttribute,
				ConnectTimeout: Duration(DefaultConnectTimeout), RequestTimeout: Duration(DefaultRequestTimeout), PageSize: DefaultPageSize, PoolSize: DefaultPoolSize}
		}}
}

// ObjectName is the store's name.
func (s *IdentityStore) ObjectName() string { return s.Name }

// Owner is the security domain.
func (s *IdentityStore) Owner() string { return s.SecurityDomain }

// Kept gives the bind password, and the kind under which it is kept beside the store.
func (s *IdentityStore) Kept() (value *Credential, kind Kind) {
	return &s.BindPassword, IdentityStoreCredentialKind()
}

// Normalize names the defaults, and drops the password of nobody; the servers keep their order.
func (s *IdentityStore) Normalize() {
	if s.BindDN == "" {
		s.BindPassword.Mark = ""
	}
	if s.UserNameAttribute == "" {
		s.UserNameAttribute = DefaultUserNameAttribute
	}
	if s.GroupNameAttribute == "" {
		s.GroupNameAttribute = DefaultGroupNameAttribute
	}
	if len(s.AttributeMapping) == 0 {
		s.AttributeMapping = nil
	}
	if s.URLs == nil {
		s.URLs = []string{}
	}
}

// Filter is the one by which a person is found.
func (s *IdentityStore) Filter() string {
	if s.UserFilter != "" {
		return s.UserFilter
	}
	return "(" + s.UserNameAttribute + "=" + FilterUser + ")"
}

// GroupsFilter is the one by which groups are found.
func (s *IdentityStore) GroupsFilter() string {
	if s.GroupFilter != "" {
		return s.GroupFilter
	}
	return DefaultGroupFilter
}

// Wanted gives every attribute of a person as the directory names it, by our name.
func (s *IdentityStore) Wanted() map[string]string {
	out := make(map[string]string, len(s.AttributeMapping)+2)
	for ours, theirs := range s.AttributeMapping {
		out[ours] = theirs
	}
	if s.DisplayNameAttribute != "" {
		out[AttributeDisplayName] = s.DisplayNameAttribute
	}
	if s.EmailAttribute != "" {
		out[AttributeEmail] = s.EmailAttribute
	}
	return out
}

// References gives the domain.
func (s *IdentityStore) References() []Reference { return owned(s.SecurityDomain) }

var _ CredentialHolder = (*IdentityStore)(nil)

// Validate checks everything that needs no directory. Whether filters and distinguished names can be read is a guard's.
func (s *IdentityStore) Validate() []fault.Field {
	var c checks
	c.name("/name", s.Name)
	c.want(FoldName(s.Name) != LocalStore, "/name", "%q is the store that is always there; choose another name", s.Name)
	c.text("/description", s.Description, 1024)
	c.domain(s.SecurityDomain)
	s.servers(&c)
	s.account(&c)
	s.people(&c)
	s.groups(&c)
	s.attributes(&c)
	s.bounds(&c)
	return c.fields
}
