package mdc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Protections of a resource.
const (
	Protected = "protected" // signed in, and the authorization policy says allow
	Public    = "public"    // anyone; who is signed in is told to the application
	Excluded  = "excluded"  // anyone; no session is looked at
)

// Application is a set of hosts and the resources on them (CAMS-04, TAM-01).
type Application struct {
	Name      string              `json:"name"`
	Hosts     []string            `json:"hosts"` // host or host:port, lower case; "*.example.com" stands for one label
	Resources map[string]Resource `json:"resources,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// Resource is a set of paths of an application.
type Resource struct {
	Paths                []string `json:"paths"`             // "/a/b" exactly, "/a/*" for one segment, "/a/**" for all below and /a itself
	Methods              []string `json:"methods,omitempty"` // none = all known methods
	Protection           string   `json:"protection"`
	AuthenticationScheme string   `json:"authentication_scheme,omitempty"` // "" = SchemePassword
	AuthorizationPolicy  string   `json:"authorization_policy,omitempty"`  // "" = any signed-in user
}

// Methods that a resource may name; any other is denied everywhere (SEC-24).
func Methods() []string {
	return []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
}

// ApplicationKind describes applications.
func ApplicationKind() Kind {
	return Kind{Name: "application", Collection: "applications", Scope: Replicated, Overridable: true, RefersTo: []string{"security_domain", "authentication_scheme", "authorization_policy"}, New: func() Object { return &Application{} }}
}

// ObjectName is the application's name.
func (a *Application) ObjectName() string { return a.Name }

// Owner is the security domain.
func (a *Application) Owner() string { return a.SecurityDomain }

// Normalize orders hosts and methods; the order of paths has no meaning either.
func (a *Application) Normalize() {
	a.Hosts = sortedSet(a.Hosts)
	for k, r := range a.Resources {
		r.Paths, r.Methods = sortedSet(r.Paths), sortedSet(r.Methods)
		if r.Protection == "" {
			r.Protection = Protected
		}
		a.Resources[k] = r
	}
	if len(a.Resources) == 0 {
		a.Resources = nil
	}
}

// Validate checks hosts, path patterns, methods and enumerations.
func (a *Application) Validate() []fault.Field {
	var c checks
	c.name("/name", a.Name)
	c.domain(a.SecurityDomain)
	c.want(len(a.Hosts) > 0 && len(a.Hosts) <= 100, "/hosts", "names %d hosts; give 1 to 100", len(a.Hosts))
	for i, h := range a.Hosts {
		c.want(validHostPattern(h), fmt.Sprintf("/hosts/%d", i), "%q is no host: lower case, no scheme, no path, a port if it is not the default one", clip(h))
	}
	c.want(len(a.Resources) <= 1000, "/resources", "has more than 1,000 entries")
	for k, r := range a.Resources {
		r.validate(&c, "/resources/"+escape(k), k)
	}
	return c.fields
}

func (r Resource) validate(c *checks, at, key string) {
	c.name(at, key)
	c.want(len(r.Paths) > 0 && len(r.Paths) <= 100, at+"/paths", "names %d paths; give 1 to 100", len(r.Paths))
	for i, p := range r.Paths {
		c.want(validPathPattern(p), fmt.Sprintf("%s/paths/%d", at, i), "%q is no path pattern: it starts with /, is in canonical form, and has * as a whole segment or ** as the last one", clip(p))
	}
	for i, m := range r.Methods {
		c.want(slices.Contains(Methods(), m), fmt.Sprintf("%s/methods/%d", at, i), "%q is not one of %s", clip(m), strings.Join(Methods(), ", "))
	}
	c.oneOf(at+"/protection", r.Protection, "", Protected, Public, Excluded)
	c.want(r.Protection == Protected || r.Protection == "" || r.AuthorizationPolicy == "", at+"/authorization_policy", "means nothing where protection is %q", clip(r.Protection))
	if r.AuthenticationScheme != "" {
		c.name(at+"/authentication_scheme", r.AuthenticationScheme)
	}
	c.want(r.Protection == Protected || r.Protection == "" || r.AuthenticationScheme == "", at+"/authentication_scheme", "means nothing where protection is %q", clip(r.Protection))
}

// References gives the domain, the schemes and the authorization policies.
func (a *Application) References() []Reference {
	out := owned(a.SecurityDomain)
	for k, r := range a.Resources {
		if r.AuthenticationScheme != "" && r.AuthenticationScheme != SchemePassword {
			out = append(out, Reference{"authentication_scheme", r.AuthenticationScheme, "/resources/" + escape(k) + "/authentication_scheme"})
		}
		if r.AuthorizationPolicy != "" {
			out = append(out, Reference{"authorization_policy", r.AuthorizationPolicy, "/resources/" + escape(k) + "/authorization_policy"})
		}
	}
	return out
}

func validHostPattern(h string) bool {
	if h == "" || len(h) > 300 || FoldName(h) != h || strings.ContainsAny(h, " /@?#%\\\t\r\n") || strings.HasSuffix(h, ".") {
		return false
	}
	rest := strings.TrimPrefix(h, "*.")
	return rest != "" && !strings.Contains(rest, "*")
}

func validPathPattern(p string) bool {
	if len(p) > 2048 || !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#%\\;") {
		return false
	}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "**" && last, s == "*", s == "" && last:
		case s == "" || s == "." || s == ".." || strings.Contains(s, "*"):
			return false
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

func references(kind, pointer string, names []string) []Reference {
	var out []Reference
	for i, n := range names {
		out = append(out, Reference{kind, n, fmt.Sprintf("%s/%d", pointer, i)})
	}
	return out
}
