package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// LevelPassword is the authentication level that a resource asks for whose scheme is the password form.
const LevelPassword = 1

// Index is a compiled configuration. It never changes, so any number of requests may use it at once.
type Index struct {
	exact    map[string]*site  // by host, as of hostKey
	stores   map[string]string // security domain of each identity store that belongs to one
	wild     map[string]*site  // by what follows the first label
	warnings []string
}

// site is everything that applications say about one host.
type site struct {
	root    *node
	headers []string // that some policy of the site sets, in order
	domains []string // security domains of its applications, each once; "" for one of none
}

// node is one segment of the path patterns of a site.
type node struct {
	literal map[string]*node
	one     *node     // "*": any one segment that is not empty
	here    []*target // patterns that end here
	below   []*target // patterns that go on with "**": here and everything below
}

// target is a resource of an application, as a pattern leads to it.
type target struct {
	application, resource string
	domain                string // security domain of the application; "" = none
	methods               methodSet
	protection            string
	level                 int    // of the authentication scheme
	scheme                string // its name; "" = mdc.SchemePassword
	basic                 bool   // it is HTTP Basic alone
	noScheme              bool   // the authentication scheme is not there: deny
	policy                *rules // nil: any signed-in user
	missing               bool   // the authorization policy is not there: deny
}

// Compile makes the index. The objects are valid (mdc); parts of them are kept, so they must not be changed afterwards. A resource
// whose policy or authentication scheme is absent denies everybody. Of identity stores only those count that belong to a security
// domain. Errors: an object that is nil or a pattern that mdc would not have taken.
func Compile(apps []*mdc.Application, policies []*mdc.AuthorizationPolicy, schemes []*mdc.AuthenticationScheme, stores []*mdc.IdentityStore) (*Index, error) {
	compiled := make(map[string]*rules, len(policies))
	for _, p := range policies {
		if p == nil {
			return nil, errors.New("compile policies: one is nil")
		}
		compiled[p.Name] = compileRules(p)
	}
	known := make(map[string]*mdc.AuthenticationScheme, len(schemes))
	for _, s := range schemes {
		if s == nil {
			return nil, errors.New("compile authentication schemes: one is nil")
		}
		known[s.Name] = s
	}
	ix := &Index{exact: map[string]*site{}, wild: map[string]*site{}, stores: map[string]string{}}
	for _, s := range stores {
		if s == nil {
			return nil, errors.New("compile identity stores: one is nil")
		}
		if s.SecurityDomain != "" {
			ix.stores[s.Name] = s.SecurityDomain
		}
	}
	for _, a := range apps {
		if a == nil {
			return nil, errors.New("compile applications: one is nil")
		}
		if err := ix.add(a, compiled, known); err != nil {
			return nil, fmt.Errorf("compile application %s: %w", a.Name, err)
		}
	}
	ix.order()
	return ix, nil
}

// Warnings names the hosts that no request can have, such as names that are not in their xn-- form. In order.
func (ix *Index) Warnings() []string { return slices.Clone(ix.warnings) }

func (ix *Index) add(a *mdc.Application, policies map[string]*rules, schemes map[string]*mdc.AuthenticationScheme) error {
	sites := ix.sites(a)
	for _, s := range sites {
		if !slices.Contains(s.domains, a.SecurityDomain) {
			s.domains = append(s.domains, a.SecurityDomain)
		}
	}
	for name, r := range a.Resources {
		t, err := newTarget(a, name, r, policies)
		if err != nil {
			return err
		}
		t.signIn(r.AuthenticationScheme, schemes)
		for _, s := range sites {
			s.sets(t)
		}
		for _, pattern := range r.Paths {
			for _, s := range sites {
				if err := s.insert(pattern, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sites gives the sites of a's hosts. A host without resources has one too: it is known, and denied.
func (ix *Index) sites(a *mdc.Application) []*site {
	var out []*site
	seen := map[*site]bool{}
	for _, h := range a.Hosts {
		at, name := ix.exact, h
		if rest, ok := strings.CutPrefix(h, "*."); ok {
			at, name = ix.wild, rest
		}
		key, ok := canonicalHost("", name)
		if !ok {
			ix.warnings = append(ix.warnings, fmt.Sprintf("application %s: no request can have the host %q", a.Name, h))
			continue
		}
		key = hostKey(key)
		if at[key] == nil {
			at[key] = &site{root: &node{}}
		}
		if s := at[key]; !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// sets notes which headers t's policy sets.
func (s *site) sets(t *target) {
	if t.policy == nil {
		return
	}
	for _, h := range t.policy.headers {
		if at, there := slices.BinarySearch(s.headers, h.name); !there {
			s.headers = slices.Insert(s.headers, at, h.name)
		}
	}
}

// hostKey drops both default ports: whether :443 or :80 is written must never decide whether a host is known.
func hostKey(h string) string {
	if s, ok := strings.CutSuffix(h, ":443"); ok {
		return s
	}
	return strings.TrimSuffix(h, ":80")
}

func newTarget(a *mdc.Application, name string, r mdc.Resource, policies map[string]*rules) (*target, error) {
	t := &target{application: a.Name, domain: a.SecurityDomain, resource: name, protection: r.Protection, level: LevelPassword}
	if t.protection == "" {
		t.protection = mdc.Protected
	}
	if r.AuthorizationPolicy != "" {
		t.policy = policies[r.AuthorizationPolicy]
		t.missing = t.policy == nil
	}
	var err error
	if t.methods, err = methodsOf(r.Methods); err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	return t, nil
}

// signIn takes over what the resource's authentication scheme asks for.
func (t *target) signIn(name string, schemes map[string]*mdc.AuthenticationScheme) {
	if name == "" || name == mdc.SchemePassword {
		return
	}
	s := schemes[name]
	if s == nil {
		t.noScheme = true
		return
	}
	t.level, t.scheme, t.basic = s.Level, s.Name, s.ForPrograms()
}

// insert adds one pattern, its segments spelled as Canonical spells those of a request.
func (s *site) insert(pattern string, t *target) error {
	if !strings.HasPrefix(pattern, "/") {
		return fmt.Errorf("pattern %q does not start with /", pattern)
	}
	n, segments := s.root, strings.Split(pattern[1:], "/")
	for i, segment := range segments {
		switch {
		case segment == "**" && i == len(segments)-1:
			n.below = append(n.below, t)
			return nil
		case segment == "*":
			n = n.any()
		default:
			n = n.child(encode(segment))
		}
	}
	n.here = append(n.here, t)
	return nil
}

func (n *node) any() *node {
	if n.one == nil {
		n.one = &node{}
	}
	return n.one
}

func (n *node) child(segment string) *node {
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	if n.literal[segment] == nil {
		n.literal[segment] = &node{}
	}
	return n.literal[segment]
}

// find gives the targets of the most specific pattern that covers rest, the path behind the slash; nil = none does.
// Segment by segment from the left: a literal before "*" before "**"; so an exact pattern wins, then the longer literal
// beginning. A pattern that ends at the path's end wins over "**" there.
func (n *node) find(rest string) []*target {
	segment, tail, more := strings.Cut(rest, "/")
	if c := n.literal[segment]; c != nil {
		if t := c.next(tail, more); t != nil {
			return t
		}
	}
	if n.one != nil && segment != "" {
		if t := n.one.next(tail, more); t != nil {
			return t
		}
	}
	return n.below
}

func (n *node) next(tail string, more bool) []*target {
	if more {
		return n.find(tail)
	}
	if n.here != nil {
		return n.here
	}
	return n.below
}

// order makes ties the same everywhere: map order must not show in which rule is named.
func (ix *Index) order() {
	slices.Sort(ix.warnings)
	for _, sites := range []map[string]*site{ix.exact, ix.wild} {
		for _, s := range sites {
			s.root.order()
		}
	}
}

func (n *node) order() {
	by := func(a, b *target) int {
		if c := strings.Compare(a.application, b.application); c != 0 {
			return c
		}
		return strings.Compare(a.resource, b.resource)
	}
	slices.SortFunc(n.here, by)
	slices.SortFunc(n.below, by)
	if n.one != nil {
		n.one.order()
	}
	for _, c := range n.literal {
		c.order()
	}
}
