package policy

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// methodSet is a bit for each of mdc.Methods, in that order; 0 from methodBit is an unknown method.
type methodSet uint8

const allMethods methodSet = 1<<7 - 1

// methodBit is written out: it runs for each request and must not search a slice.
func methodBit(m string) methodSet {
	switch m {
	case "DELETE":
		return 1 << 0
	case "GET":
		return 1 << 1
	case "HEAD":
		return 1 << 2
	case "OPTIONS":
		return 1 << 3
	case "PATCH":
		return 1 << 4
	case "POST":
		return 1 << 5
	case "PUT":
		return 1 << 6
	}
	return 0
}

// methodsOf gives the set of names; none = all known ones.
func methodsOf(names []string) (methodSet, error) {
	if len(names) == 0 {
		return allMethods, nil
	}
	var s methodSet
	for _, n := range names {
		if !slices.Contains(mdc.Methods(), n) || methodBit(n) == 0 {
			return 0, fmt.Errorf("method %q is unknown", n)
		}
		s |= methodBit(n)
	}
	return s, nil
}

// rules is one authorization policy, turned around: who is asked for, not the list, so that a long policy costs no more
// than a short one. Each entry is the number, from 1, of the first rule that names it.
type rules struct {
	name        string
	deny, allow who
}

// who says whom the rules of one effect fit.
type who struct {
	everyone int            // first rule that names nobody; 0 = none
	users    map[string]int // by folded name
	groups   map[string]int
}

func compileRules(p *mdc.AuthorizationPolicy) *rules {
	out := &rules{name: p.Name}
	for i, r := range p.Rules {
		if r.Effect == mdc.Allow {
			out.allow.add(i+1, r)
		} else { // deny, and anything that a newer version may know: an effect that is not understood allows nobody
			out.deny.add(i+1, r)
		}
	}
	return out
}

func (w *who) add(number int, r mdc.Rule) {
	if len(r.Users) == 0 && len(r.Groups) == 0 && w.everyone == 0 {
		w.everyone = number
	}
	if w.users == nil {
		w.users, w.groups = map[string]int{}, map[string]int{}
	}
	for _, u := range r.Users {
		keepFirst(w.users, mdc.FoldName(u), number)
	}
	for _, g := range r.Groups {
		keepFirst(w.groups, g, number)
	}
}

func keepFirst(m map[string]int, key string, number int) {
	if _, ok := m[key]; !ok {
		m[key] = number
	}
}

// first gives the lowest number of a rule that fits s; 0 = none does. user is s's folded name.
func (w *who) first(s *Subject, user string) int {
	n := earlier(w.everyone, w.users[user])
	for _, g := range s.Groups {
		n = earlier(n, w.groups[g])
	}
	return n
}

func earlier(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// decide gives the effect for s and the rule's name: a deny that fits wins, then an allow, else deny.
func (p *rules) decide(s *Subject) (Effect, string) {
	user := mdc.FoldName(s.User)
	if n := p.deny.first(s, user); n > 0 {
		return Deny, p.rule(n)
	}
	if n := p.allow.first(s, user); n > 0 {
		return Allow, p.rule(n)
	}
	return Deny, p.name + "/" + RuleNoneFits
}

func (p *rules) rule(n int) string { return p.name + "/rule/" + strconv.Itoa(n) }
