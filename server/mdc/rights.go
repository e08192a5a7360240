package mdc

import (
	"fmt"
	"slices"
)

// Areas are what permissions name besides kinds: parts of a data center that are no configuration objects. None belongs to a
// security domain, so a permission that is limited to some opens none of them.
const (
	AreaAudit           = "audit"            // the record of administrators' acts
	AreaCertificate     = "certificate"      // certificates that this data center issues
	AreaCookieKey       = "cookie_key"       // keys that seal cookies, their rotation and revocation
	AreaJoinToken       = "join_token"       // one-time tokens for enrolment and joining
	AreaMetrics         = "metrics"          // figures for Prometheus
	AreaReplication     = "replication"      // its status, conflict files, divergences
	AreaSecurityContext = "security_context" // administrators who are signed in with a password
	AreaSession         = "session"          // people's sessions
	AreaTrust           = "trust"            // own roots, their rotation, the matrix of edges
	AreaValidation      = "validation"       // checks of the whole, and their repair
)

// EveryKind is the name in a permission that stands for every kind and every area, also of later versions.
const EveryKind = "*"

// Areas lists them in order.
func Areas() []string {
	return []string{AreaAudit, AreaCertificate, AreaCookieKey, AreaJoinToken, AreaMetrics, AreaReplication, AreaSecurityContext, AreaSession, AreaTrust, AreaValidation}
}

// Permissible lists what permissions may name: kinds that administrators write, and areas. An override is permitted by the kind that
// it lies over.
func Permissible() (names []string) {
	for _, k := range Kinds() {
		if k.Name != OverrideKind().Name && (k.Collection != "" || k.Name == AgreementKind().Name) {
			names = append(names, k.Name)
		}
	}
	names = append(names, Areas()...)
	slices.Sort(names)
	return names
}

// Rights are what an administrator may do: the permissions of all his roles together. The zero value allows nothing.
type Rights struct {
	every       bool
	permissions []Permission
}

// EveryRight is the bootstrap token's, and the server's own: whatever there is.
func EveryRight() Rights { return Rights{every: true} }

// RightsOf puts permissions together. They are not copied.
func RightsOf(permissions ...Permission) Rights { return Rights{permissions: permissions} }

// None says that nothing is allowed at all.
func (r Rights) None() bool { return !r.every && len(r.permissions) == 0 }

// Allow says whether an action is allowed on a kind or area. domain is the object's security domain, or "" for what belongs to none;
// only a permission without domains reaches that.
func (r Rights) Allow(action, kind, domain string) bool {
	return r.every || slices.ContainsFunc(r.permissions, func(p Permission) bool { return p.acts(action) && p.covers(kind) && p.reaches(domain) })
}

// Anywhere says whether an action on a kind is allowed in some security domain, or in all.
func (r Rights) Anywhere(action, kind string) bool {
	return r.every || slices.ContainsFunc(r.permissions, func(p Permission) bool { return p.acts(action) && p.covers(kind) })
}

// Lack is a permission that somebody does not have.
type Lack struct {
	Action, Kind string
	Domain       string // "" = in all, and on what belongs to none
}

// String words it for people.
func (l Lack) String() string {
	kind := l.Kind
	if kind == EveryKind {
		kind = "every kind"
	}
	if l.Domain == "" {
		return fmt.Sprintf("%s on %s, not limited to security domains", l.Action, kind)
	}
	return fmt.Sprintf("%s on %s in the security domain %q", l.Action, kind, l.Domain)
}

// Lacks names something that others may and r may not; false when there is nothing such. A permission on every kind is matched
// by one on every kind only, since a later version may have more of them.
func (r Rights) Lacks(others []Permission) (Lack, bool) {
	if r.every {
		return Lack{}, false
	}
	for _, p := range others {
		domains := p.SecurityDomains
		if len(domains) == 0 {
			domains = []string{""}
		}
		for _, action := range p.Actions {
			for _, kind := range p.Kinds {
				for _, domain := range domains {
					if !r.Allow(action, kind, domain) {
						return Lack{action, kind, domain}, true
					}
				}
			}
		}
	}
	return Lack{}, false
}

// Beyond names something that r may and than may not; false when there is nothing such.
func (r Rights) Beyond(than Rights) (Lack, bool) {
	if r.every {
		return than.LacksAny()
	}
	return than.Lacks(r.permissions)
}

// LacksAny names something that r may not do at all; false when r may do everything.
func (r Rights) LacksAny() (Lack, bool) {
	return r.Lacks([]Permission{{Actions: []string{ActionRead, ActionWrite, ActionOperate}, Kinds: []string{EveryKind}}})
}

// acts: whoever writes an object sees it in the answer, so writing includes reading.
func (p Permission) acts(action string) bool {
	return slices.Contains(p.Actions, action) || action == ActionRead && slices.Contains(p.Actions, ActionWrite)
}

func (p Permission) covers(kind string) bool {
	return slices.Contains(p.Kinds, EveryKind) || slices.Contains(p.Kinds, kind)
}

func (p Permission) reaches(domain string) bool {
	return len(p.SecurityDomains) == 0 || domain != "" && slices.Contains(p.SecurityDomains, domain)
}

// ReachedBy is the security domain in which an action on an object takes a permission; "" = one that is not limited to domains. It is
// the object's owner, and for who reads a security domain that domain itself: its administrators see it, and others change it.
func ReachedBy(action string, o Object) string {
	if d, ok := o.(*SecurityDomain); ok && action == ActionRead {
		return d.Name
	}
	return OwnerOf(o)
}

// ReachedInDomains says whether a permission that is limited to security domains can reach some object of a kind.
func ReachedInDomains(action string, k Kind) bool {
	_, owned := k.New().(Owned)
	return owned || action == ActionRead && k.Name == SecurityDomainKind().Name
}

// OwnerOf is the security domain that an object belongs to; "" = none.
func OwnerOf(o Object) string {
	if by, ok := o.(Owned); ok {
		return by.Owner()
	}
	return ""
}
