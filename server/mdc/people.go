package mdc

import (
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// LocalStore is the name of the identity store that keeps users as configuration.
const LocalStore = "local"

// Bounds of what a user carries, which are those of a session in every data center too: a session that one data center can
// make, each other one can take.
const (
	MaxGroups         = 1000 // groups of one user
	MaxAttributes     = 100  // attributes of one user
	MaxAttributeValue = 1024 // bytes of one attribute's value
)

// User is a person of the local identity store. Names compare without case.
type User struct {
	Name        string            `json:"name"`
	DisplayName string            `json:"display_name,omitempty"`
	Email       string            `json:"email,omitempty"`
	Groups      []string          `json:"groups,omitempty"` // membership lives here only
	Attributes  map[string]string `json:"attributes,omitempty"`
	Enabled     bool              `json:"enabled"`
	Password    Secret            `json:"password"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// UserKind describes users.
func UserKind() Kind {
	return Kind{Name: "user", Collection: "users", Scope: Replicated, FoldCase: true, RefersTo: []string{"security_domain", "group"},
		New: func() Object { return &User{Enabled: true} }}
}

// ObjectName is the user's name.
func (u *User) ObjectName() string { return u.Name }

// Owner is the security domain.
func (u *User) Owner() string { return u.SecurityDomain }

// Normalize orders the groups.
func (u *User) Normalize() {
	u.Groups = sortedSet(u.Groups)
	if len(u.Attributes) == 0 {
		u.Attributes = nil
	}
}

// Secrets gives the password (8 to 1,024 bytes; identity hashes it).
func (u *User) Secrets() map[string]*Secret { return map[string]*Secret{"/password": &u.Password} }

// Validate checks names, lengths and the password's length.
func (u *User) Validate() []fault.Field {
	var c checks
	c.name("/name", u.Name)
	c.text("/display_name", u.DisplayName, 256)
	c.text("/email", u.Email, 320)
	c.want(u.Email == "" || strings.Count(u.Email, "@") == 1, "/email", "%q is no address", clip(u.Email))
	c.domain(u.SecurityDomain)
	c.want(len(u.Groups) <= MaxGroups, "/groups", "names more than %d groups", MaxGroups)
	c.want(len(u.Attributes) <= MaxAttributes, "/attributes", "has more than %d entries", MaxAttributes)
	for k, v := range u.Attributes {
		if ValidName(k) && validText(v, MaxAttributeValue) {
			continue
		}
		at := "/attributes/" + escape(k)
		c.want(ValidName(k), at, "is no valid attribute name")
		c.text(at, v, MaxAttributeValue)
	}
	if p, ok := u.Password.Plain(); ok {
		c.want(len(p) >= MinPassword, "/password", "is shorter than %d characters, which no password policy allows; this data center's may ask for more", MinPassword)
		c.want(len(p) <= 1024, "/password", "is longer than 1,024 bytes")
	}
	return c.fields
}

// References gives the domain and the groups.
func (u *User) References() []Reference {
	return append(owned(u.SecurityDomain), references("group", "/groups", u.Groups)...)
}

// Group is a set of users; who belongs to it is said by each user.
type Group struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// GroupKind describes groups.
func GroupKind() Kind {
	return Kind{Name: "group", Collection: "groups", Scope: Replicated, RefersTo: []string{"security_domain"}, New: func() Object { return &Group{} }}
}

// ObjectName is the group's name.
func (g *Group) ObjectName() string { return g.Name }

// Owner is the security domain.
func (g *Group) Owner() string { return g.SecurityDomain }

// Normalize has nothing to do.
func (g *Group) Normalize() {}

// Validate checks name and description.
func (g *Group) Validate() []fault.Field {
	var c checks
	c.name("/name", g.Name)
	c.domain(g.SecurityDomain)
	c.text("/description", g.Description, 1024)
	return c.fields
}

// References gives the domain.
func (g *Group) References() []Reference { return owned(g.SecurityDomain) }

// escape writes s as one reference token of a JSON pointer (RFC 6901 section 3).
func escape(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(s).String())
}
