package policy

import (
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Explanation is a decision and how it came about.
type Explanation struct {
	Decision
	Policy string // that decided; "" when none was asked
	Owner  string // security domain of the policy; "" = none
	Number int    // of the rule that decided, from 1; 0 when none did
	Rules  []Outcome
	Site   []string // security domains of the applications that name the host, "" for one of none; nil when no application does
}

// Outcome is what became of one rule. Who, Networks, Times and Condition are "fits", "does_not_fit" or "unknown", and "" where the
// rule does not ask; Fits is of all together.
type Outcome struct {
	Number    int
	Effect    string
	Who       string
	Networks  string
	Times     string
	Condition string
	Fits      string
	Cost      uint64 // of the condition
	Error     string // of the condition
}

// Words of an Outcome.
const (
	Fits       = "fits"
	DoesNotFit = "does_not_fit"
	Unknown    = "unknown" // counts for a deny and not for an allow
)

// Explain decides as Decide does, and looks at every rule of the policy that was asked, also at those that Decide leaves out. Where
// nobody is signed in there are no rules to look at.
func (ix *Index) Explain(r Request, s *Subject) Explanation {
	q := ix.newQuestion(r, s)
	d, t := ix.decide(&q)
	out := Explanation{Decision: d}
	if at := ix.site(q.Host); at != nil {
		out.Site = slices.Clone(at.domains)
	}
	if t == nil || t.policy == nil || s == nil || t.protection != mdc.Protected {
		return out
	}
	out.Policy, out.Owner = t.policy.name, t.policy.domain
	if _, n := t.policy.decide(&q); d.Rule == t.policy.rule(n) { // else the level decided
		out.Number = n
	}
	for i := range t.policy.source {
		out.Rules = append(out.Rules, t.policy.outcome(i, &q))
	}
	return out
}

// outcome looks at the rule with the index i by the functions that decide.
func (p *rules) outcome(i int, q *question) Outcome {
	r, t := &p.source[i], &p.terms[i]
	out := Outcome{Number: i + 1, Effect: r.Effect}
	var one who
	one.add(1, r)
	named := no
	if one.first(q) > 0 {
		named = yes
	}
	if len(r.Users)+len(r.Groups) > 0 {
		out.Who = named.word()
	}
	if len(t.networks) > 0 {
		out.Networks = t.inNetwork(q).word()
	}
	if len(t.windows) > 0 {
		out.Times = t.inTime(q).word()
	}
	if t.condition != nil {
		f, cost, err := t.holds(q)
		out.Condition, out.Cost = f.word(), cost
		if err != nil {
			out.Error = err.Error()
		}
	}
	out.Fits = min(named, t.fit(q)).word()
	return out
}

func (f fit) word() string {
	switch f {
	case yes:
		return Fits
	case maybe:
		return Unknown
	}
	return DoesNotFit
}
