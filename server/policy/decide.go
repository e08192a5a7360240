package policy

import (
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Effect is what a decision comes to.
type Effect string

// The effects, from the strictest to the most open: where two resources have the same pattern, the stricter one counts.
const (
	Deny      Effect = "deny"
	Challenge Effect = "challenge" // nobody is signed in, or not strongly enough
	Allow     Effect = "allow"
	Public    Effect = "public"   // anyone; the application is told who is signed in
	Excluded  Effect = "excluded" // anyone; no session is looked at
)

// Rules that no policy has: the reason when the configuration itself decides. A policy's rule is "POLICY/rule/N", N from 1.
const (
	RuleUnknownHost    = "unknown_host"       // no application names the host
	RuleNotCovered     = "not_covered"        // the host's applications cover no such path
	RuleUnknownMethod  = "unknown_method"     // not one of mdc.Methods (SEC-24)
	RuleMethod         = "method_not_covered" // the path is covered, for other methods
	RuleMissingPolicy  = "policy_missing"     // the resource names a policy that is not there
	RuleMissingScheme  = "scheme_missing"     // the resource names an authentication scheme that is not there
	RuleNotSignedIn    = "not_signed_in"      //
	RuleLevel          = "level_too_low"      //
	RuleAnyUser        = "any_user"           // the resource has no policy: any signed-in user
	RuleDefaultAnyUser = "default_any_user"   // Request.DefaultAnyUser
	RulePublic         = "public"             //
	RuleExcluded       = "excluded"           //
	RuleForeignStore   = "foreign_store"      // the person's identity store belongs to another security domain than the application
	RuleNoneFits       = "none_fits"          // after the policy's name: no rule of it fits, so it denies
)

// Decision is the answer, with what decided it for logs and audit.
type Decision struct {
	Effect      Effect
	Application string // "" when none covers the request
	Domain      string // security domain of the application, or of the agent where none covers the request; "" = none
	Resource    string // its name in the application
	Rule        string
	Level       int    // with Challenge: the level that the resource asks for
	Scheme      string // with Challenge: the authentication scheme that leads there; "" = mdc.SchemePassword
	Basic       bool   // with Challenge: the scheme is HTTP Basic alone, so a program can sign in with its request
	// Headers are what the application is told, with Allow, Public and Excluded. One with an empty value is there so that a browser
	// cannot send it.
	Headers map[string]string
	// Varies: the policy that was asked has rules with terms (networks, times, conditions), so the same person's next request may get
	// another decision although nothing was changed. An agent must not use this one again.
	Varies bool
	// Stranger: with Public, the application must not be told of the person, whose identity store belongs to another security domain.
	Stranger bool
}

// Decide says what r comes to for s. In order: an unknown method denies; the exact host before the wildcard; the most
// specific path pattern of that host alone counts, as of node.find: if its resources do not cover the method, the
// request is denied and no wider pattern is asked; of several resources with the same pattern the strictest counts.
func (ix *Index) Decide(r Request, s *Subject) Decision {
	q := ix.newQuestion(r, s)
	d, _ := ix.decide(&q)
	return d
}

// decide gives the resource that decided too; nil where none did.
func (ix *Index) decide(q *question) (Decision, *target) {
	method := methodBit(q.Method)
	if method == 0 {
		return Decision{Effect: Deny, Rule: RuleUnknownMethod}, nil
	}
	at := ix.site(q.Host)
	if at == nil {
		return unknownHost(q), nil
	}
	if !strings.HasPrefix(q.Path, "/") {
		return Decision{Effect: Deny, Rule: RuleNotCovered}, nil
	}
	targets := at.root.find(q.Path[1:])
	if targets == nil {
		return Decision{Effect: Deny, Rule: RuleNotCovered}, nil
	}
	d, t := strictest(targets, method, q)
	if t != nil && q.subject != nil { // the last one that was looked at may be another
		q.at(t.domain)
	}
	d.Varies = t != nil && t.policy != nil && (t.policy.deny.conditions || t.policy.allow.conditions)
	if d.Effect != Deny && d.Effect != Challenge {
		d.Headers = at.told(t, q)
		d.Stranger = d.Effect == Public && t != nil && q.foreign(t.domain)
	}
	return d, t
}

func (ix *Index) site(host string) *site {
	host = hostKey(host)
	if s := ix.exact[host]; s != nil {
		return s
	}
	if _, parent, ok := strings.Cut(host, "."); ok {
		return ix.wild[parent]
	}
	return nil
}

func unknownHost(q *question) Decision {
	s := q.subject
	switch {
	case !q.DefaultAnyUser:
		return Decision{Effect: Deny, Rule: RuleUnknownHost}
	case s == nil:
		return Decision{Effect: Challenge, Domain: q.Domain, Rule: RuleDefaultAnyUser, Level: LevelPassword}
	case q.foreign(q.Domain):
		return Decision{Effect: Deny, Domain: q.Domain, Rule: RuleForeignStore}
	case s.Level < LevelPassword:
		return Decision{Effect: Challenge, Domain: q.Domain, Rule: RuleLevel, Level: LevelPassword}
	}
	return Decision{Effect: Allow, Domain: q.Domain, Rule: RuleDefaultAnyUser}
}

// strictest decides for each target that has the method; the first of equally strict ones is named.
func strictest(targets []*target, method methodSet, q *question) (best Decision, decided *target) {
	best = Decision{Effect: Deny, Application: targets[0].application, Domain: targets[0].domain, Resource: targets[0].resource, Rule: RuleMethod}
	for _, t := range targets {
		if t.methods&method == 0 {
			continue
		}
		if d := t.decide(q); decided == nil || stricter(d, best) {
			best, decided = d, t
		}
	}
	return best, decided
}

// stricter says that a counts before b; of two challenges the one for the higher level does, so that nobody signs in twice.
func stricter(a, b Decision) bool {
	if x, y := strictness(a.Effect), strictness(b.Effect); x != y {
		return x < y
	}
	return a.Level > b.Level
}

func strictness(e Effect) int {
	switch e {
	case Challenge:
		return 1
	case Allow:
		return 2
	case Public:
		return 3
	case Excluded:
		return 4
	}
	return 0 // Deny
}

func (t *target) decide(q *question) Decision {
	if q.subject != nil {
		q.at(t.domain)
	}
	d := Decision{Application: t.application, Domain: t.domain, Resource: t.resource}
	d.Effect, d.Rule = t.effect(q)
	if d.Effect == Challenge {
		d.Level, d.Scheme, d.Basic = t.level, t.scheme, t.basic
	}
	return d
}

// effect asks who somebody is before it says whether they may: nobody learns a policy without signing in.
func (t *target) effect(q *question) (Effect, string) {
	s := q.subject
	switch {
	case t.missing:
		return Deny, RuleMissingPolicy
	case t.noScheme:
		return Deny, RuleMissingScheme
	case t.protection == mdc.Public:
		return Public, RulePublic
	case t.protection == mdc.Excluded:
		return Excluded, RuleExcluded
	case s == nil:
		return Challenge, RuleNotSignedIn
	case q.foreign(t.domain):
		return Deny, RuleForeignStore
	case q.level < t.level:
		return Challenge, RuleLevel
	case t.policy == nil:
		return Allow, RuleAnyUser
	}
	effect, n := t.policy.decide(q)
	return effect, t.policy.rule(n)
}
