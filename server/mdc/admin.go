package mdc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// AdminRole is what some administrators may do: everywhere, or in security domains only (TAM-11, delegated management).
type AdminRole struct {
	Name           string       `json:"name"`
	Description    string       `json:"description,omitempty"`
	SecurityDomain string       `json:"security_domain,omitempty"` // that the role itself belongs to: whose administrators may change it
	Permissions    []Permission `json:"permissions"`
	Users          []string     `json:"users,omitempty"`        // of the local identity store
	Groups         []string     `json:"groups,omitempty"`       //
	Certificates   []string     `json:"certificates,omitempty"` // URI names of administrators' certificates
}

// Actions of a permission.
const (
	ActionRead    = "read"
	ActionWrite   = "write"   // create, replace, change, delete
	ActionOperate = "operate" // what is neither, such as ending a session, promoting or testing a partner
)

// Permission allows actions on kinds in security domains.
type Permission struct {
	Actions         []string `json:"actions"`
	Kinds           []string `json:"kinds"`                      // names of kinds and areas, or EveryKind
	SecurityDomains []string `json:"security_domains,omitempty"` // none = in all, and on what belongs to none
}

// AdminRoleKind describes administrators' roles.
func AdminRoleKind() Kind {
	return Kind{Name: "admin_role", Collection: "admin-roles", Scope: Replicated, RefersTo: []string{"security_domain", "group"},
		New: func() Object { return &AdminRole{} }}
}

// ObjectName is the role's name.
func (r *AdminRole) ObjectName() string { return r.Name }

// Owner is the security domain.
func (r *AdminRole) Owner() string { return r.SecurityDomain }

// Normalize orders the sets; the permissions keep their order.
func (r *AdminRole) Normalize() {
	r.Users, r.Groups, r.Certificates = sortedSet(r.Users), sortedSet(r.Groups), sortedSet(r.Certificates)
	for i := range r.Permissions {
		p := &r.Permissions[i]
		p.Actions, p.Kinds, p.SecurityDomains = sortedSet(p.Actions), sortedSet(p.Kinds), sortedSet(p.SecurityDomains)
	}
	if r.Permissions == nil {
		r.Permissions = []Permission{}
	}
}

// Validate checks the permissions and who has them.
func (r *AdminRole) Validate() []fault.Field {
	var c checks
	c.name("/name", r.Name)
	c.text("/description", r.Description, 1024)
	c.domain(r.SecurityDomain)
	c.want(len(r.Permissions) <= 100, "/permissions", "has more than 100 entries")
	known := Permissible()
	for i, p := range r.Permissions {
		at := fmt.Sprintf("/permissions/%d", i)
		c.want(len(p.Actions) > 0, at+"/actions", "names no action; give some of %s, %s, %s", ActionRead, ActionWrite, ActionOperate)
		for j, a := range p.Actions {
			c.oneOf(fmt.Sprintf("%s/actions/%d", at, j), a, ActionRead, ActionWrite, ActionOperate)
		}
		c.want(len(p.Kinds) > 0 && len(p.Kinds) <= 100, at+"/kinds", "names %d kinds; give 1 to 100, or *", len(p.Kinds))
		for j, k := range p.Kinds {
			c.want(k == EveryKind || slices.Contains(known, k), fmt.Sprintf("%s/kinds/%d", at, j), "%q is not one of %s; an override is permitted by the kind that it lies over", clip(k), strings.Join(known, ", "))
		}
		c.want(len(p.SecurityDomains) <= 100, at+"/security_domains", "names more than 100 domains")
	}
	c.want(len(r.Users)+len(r.Groups)+len(r.Certificates) <= 1000, "/users", "the role has more than 1,000 members")
	for i, u := range r.Users {
		c.name(fmt.Sprintf("/users/%d", i), u)
	}
	for i, name := range r.Certificates {
		_, who, ok := strings.Cut(name, "/admin/")
		c.want(ok && strings.HasPrefix(name, "spiffe://") && ValidName(who), fmt.Sprintf("/certificates/%d", i), "is no name of an administrator's certificate; write spiffe://CLUSTER/admin/NAME, with the cluster id in lower case")
	}
	return c.fields
}

// References gives the domains and the groups.
func (r *AdminRole) References() []Reference {
	out := append(owned(r.SecurityDomain), references("group", "/groups", r.Groups)...)
	for i, p := range r.Permissions {
		out = append(out, references("security_domain", fmt.Sprintf("/permissions/%d/security_domains", i), p.SecurityDomains)...)
	}
	return out
}

// MinAdminToken is the shortest administrator's token, in bytes: it is checked fast, so it must not be guessable. A text of fewer
// different characters than minDifferent was not made at random.
const (
	MinAdminToken = 32
	minDifferent  = 10
)

// BootstrapToken is the name that a first start's token has among administrators; no other has it.
const BootstrapToken = "bootstrap"

// AdminToken is an administrator's token of this data center alone.
type AdminToken struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Roles       []string   `json:"roles"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"` // absent = never
	Token       Secret     `json:"token"`
}

// AdminTokenKind describes administrators' tokens.
func AdminTokenKind() Kind {
	return Kind{Name: "admin_token", Collection: "admin-tokens", Scope: Local, RefersTo: []string{"admin_role"}, LongSecrets: true,
		New: func() Object { return &AdminToken{} }}
}

// ObjectName is the token's name, which is no secret.
func (t *AdminToken) ObjectName() string { return t.Name }

// Normalize orders the roles and keeps whole seconds.
func (t *AdminToken) Normalize() {
	t.Roles = sortedSet(t.Roles)
	if t.ExpiresAt != nil {
		at := t.ExpiresAt.UTC().Truncate(time.Second)
		t.ExpiresAt = &at
	}
}

// Secrets gives the token.
func (t *AdminToken) Secrets() map[string]*Secret { return map[string]*Secret{"/token": &t.Token} }

// Validate checks names and the token's length.
func (t *AdminToken) Validate() []fault.Field {
	var c checks
	c.name("/name", t.Name)
	c.want(!SameName(t.Name, BootstrapToken), "/name", "is the name of the token that a first start makes; take another")
	c.text("/description", t.Description, 1024)
	c.want(len(t.Roles) > 0 && len(t.Roles) <= 100, "/roles", "names %d roles; give 1 to 100", len(t.Roles))
	if p, ok := t.Token.Plain(); ok {
		c.want(len(p) >= MinAdminToken, "/token", "is shorter than %d characters", MinAdminToken)
		c.want(len(p) <= 512, "/token", "is longer than 512 bytes")
		c.want(!strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' }), "/token", "holds something else than printable ASCII without spaces, which no header carries")
		different := map[rune]bool{}
		for _, r := range p {
			different[r] = true
		}
		c.want(len(different) >= minDifferent, "/token", "could be guessed; make one at random, such as with: openssl rand -base64 32")
	}
	return c.fields
}

// References gives the roles.
func (t *AdminToken) References() []Reference { return references("admin_role", "/roles", t.Roles) }

// GivenTo says whether a user has the role, by name or by a group.
func (r *AdminRole) GivenTo(u *User) bool {
	return slices.ContainsFunc(r.Users, func(name string) bool { return SameName(name, u.Name) }) ||
		slices.ContainsFunc(u.Groups, func(g string) bool { return slices.Contains(r.Groups, g) })
}
