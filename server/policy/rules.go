package policy

import (
	"slices"
	"strconv"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// rules is one authorization policy, turned around: who is asked for, not the list, so that a long policy costs no more
// than a short one.
type rules struct {
	name        string
	domain      string      // security domain that it belongs to; "" = none
	source      []mdc.Rule  // as they were saved, for explanations
	terms       []terms     // what each rule asks besides who, by its number from 0
	deny, allow who         //
	headers     []expressed // what the application is told
}

// who says whom the rules of one effect name. Rules are numbered from 1. Of those without terms, which fit whomever they name, only
// the first is kept; those with terms are kept all, in order.
type who struct {
	everyone   int                // first rule without terms that names nobody; 0 = none
	users      map[string]int     // by folded name
	groups     map[string]int     //
	ifEveryone []int32            // rules with terms that name nobody
	ifUsers    map[string][]int32 // by folded name
	ifGroups   map[string][]int32 //
	conditions bool               // whether any rule has terms
}

func compileRules(p *mdc.AuthorizationPolicy) *rules {
	out := &rules{name: p.Name, domain: p.SecurityDomain, source: p.Rules, terms: make([]terms, len(p.Rules)), headers: compileHeaders(p.Responses)}
	for i := range p.Rules {
		r := &p.Rules[i]
		out.terms[i] = compileTerms(r)
		side := &out.deny // and anything that a newer version may know: an effect that is not understood allows nobody
		if r.Effect == mdc.Allow {
			side = &out.allow
		}
		if out.terms[i].none() {
			side.add(i+1, r)
		} else {
			side.addIf(int32(i+1), r) //nolint:gosec // at most mdc.MaxRules
		}
	}
	return out
}

func (w *who) add(number int, r *mdc.Rule) {
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

func (w *who) addIf(number int32, r *mdc.Rule) {
	w.conditions = true
	if len(r.Users) == 0 && len(r.Groups) == 0 {
		w.ifEveryone = append(w.ifEveryone, number)
	}
	if w.ifUsers == nil {
		w.ifUsers, w.ifGroups = map[string][]int32{}, map[string][]int32{}
	}
	for _, u := range r.Users {
		w.ifUsers[mdc.FoldName(u)] = append(w.ifUsers[mdc.FoldName(u)], number)
	}
	for _, g := range r.Groups {
		w.ifGroups[g] = append(w.ifGroups[g], number)
	}
}

func keepFirst(m map[string]int, key string, number int) {
	if _, ok := m[key]; !ok {
		m[key] = number
	}
}

// first gives the lowest number of a rule without terms that names s; 0 = none does.
func (w *who) first(q *question) int {
	n := earlier(w.everyone, w.users[q.user])
	for _, g := range q.subject.Groups {
		n = earlier(n, w.groups[g])
	}
	return n
}

// candidates gives the rules with terms that name s, in order, each once. Only they are looked at.
func (w *who) candidates(q *question) []int32 {
	out := append(append(make([]int32, 0, 16), w.ifEveryone...), w.ifUsers[q.user]...)
	for _, g := range q.subject.Groups {
		out = append(out, w.ifGroups[g]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lowest gives the lowest number of a rule that counts for the question; 0 = none does. least is the fit from which on a rule of
// this effect counts.
func (w *who) lowest(p *rules, q *question, least fit) int {
	n := w.first(q)
	if !w.conditions {
		return n
	}
	for _, c := range w.candidates(q) {
		if n > 0 && int(c) > n {
			break
		}
		if p.terms[c-1].fit(q) >= least {
			return int(c)
		}
	}
	return n
}

func earlier(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// decide gives the effect and the number of the rule: a deny that fits wins, then an allow, else deny with 0. What cannot be told
// counts against the person: a deny counts where it may fit, an allow only where it fits.
func (p *rules) decide(q *question) (Effect, int) {
	if n := p.deny.lowest(p, q, maybe); n > 0 {
		return Deny, n
	}
	if n := p.allow.lowest(p, q, yes); n > 0 {
		return Allow, n
	}
	return Deny, 0
}

// rule names the rule with the number n for logs.
func (p *rules) rule(n int) string {
	if n == 0 {
		return p.name + "/" + RuleNoneFits
	}
	return p.name + "/rule/" + strconv.Itoa(n)
}
