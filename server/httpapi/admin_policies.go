package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

func (s *Server) evaluationRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/policies/evaluate", summary: "What a request would get, and which rule decides; changes nothing", in: wire.PolicyEvaluation{}, out: wire.PolicyVerdict{}, needs: need{mdc.ActionRead, mdc.AuthorizationPolicyKind().Name, eachObject}, handle: s.evaluatePolicies}}
}

// evaluation is one question of an administrator.
type evaluation struct {
	in      wire.PolicyEvaluation
	by      configuration.Actor
	subject *policy.Subject
	index   *policy.Index
	out     wire.PolicyVerdict

	levelDomain string // of the scheme that the subject signed in by, as of mdc.Session
}

// evaluatePolicies decides as authorize does, for somebody who is not there.
func (s *Server) evaluatePolicies(c *call) error {
	e := evaluation{by: c.actor(), in: wire.PolicyEvaluation{Method: http.MethodGet, Scheme: "https"}}
	if err := c.decode(&e.in); err != nil {
		return err
	}
	if err := fault.InvalidFields("The question cannot be answered.", e.faults()); err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := s.known(ctx, &e, mdc.AuthenticationSchemeKind(), e.in.SignIn, "/authentication_scheme"); err != nil {
		return err
	}
	if e.in.Subject != nil {
		if err := s.known(ctx, &e, mdc.IdentityStoreKind(), e.in.Subject.IdentityStore, "/subject/identity_store"); err != nil {
			return err
		}
	}
	e.out = wire.PolicyVerdict{At: s.c.Clock.Now().UTC(), Rules: []wire.PolicyRuleOutcome{}, Notes: []string{}}
	if e.in.At != nil {
		e.out.At = e.in.At.UTC()
	}
	if err := s.whoAsks(ctx, &e); err != nil {
		return err
	}
	if err := s.policiesFor(ctx, &e); err != nil {
		return err
	}
	if err := s.settle(ctx, &e); err != nil {
		return err
	}
	return c.answer(e.out)
}

func (e *evaluation) faults() (fields []fault.Field) {
	want := func(ok bool, pointer, detail string) {
		if !ok {
			fields = append(fields, fault.Field{Pointer: pointer, Detail: detail})
		}
	}
	want(e.in.Host != "", "/host", "is missing")
	want(e.in.Target != "", "/target", "is missing; give the path, such as /")
	want(e.in.ClientAddress == "" || policy.ClientAddress(e.in.ClientAddress).IsValid(), "/client_address", "is no address")
	want(e.in.User == "" || e.in.Subject == nil, "/subject", "and user are both there; give one")
	want(e.in.Level == 0 || e.in.User != "", "/level", "goes with user; a subject has its own")
	want(e.in.SignIn == "" || e.in.User != "" || e.in.Subject != nil, "/authentication_scheme", "goes with user or subject: it is how they signed in")
	want(e.in.SignIn == "" || e.in.Level == 0 && (e.in.Subject == nil || e.in.Subject.Level == 0), "/authentication_scheme", "and a level are both there; give one")
	want(e.in.Level >= 0 && e.in.Level <= mdc.MaxLevel, "/level", fmt.Sprintf("is not between 1 and %d", mdc.MaxLevel))
	if p := e.in.Subject; p != nil {
		want(p.User != "", "/subject/user", "is missing")
		want(p.Level >= 0 && p.Level <= mdc.MaxLevel, "/subject/level", fmt.Sprintf("is not between 1 and %d", mdc.MaxLevel))
		want(len(p.Groups) <= mdc.MaxGroups, "/subject/groups", fmt.Sprintf("names more than %d groups", mdc.MaxGroups))
		want(len(p.Attributes) <= mdc.MaxAttributes, "/subject/attributes", fmt.Sprintf("has more than %d entries", mdc.MaxAttributes))
	}
	return fields
}

// whoAsks settles the subject: a user as a sign-in now would make one, or who is made up.
func (s *Server) whoAsks(ctx context.Context, e *evaluation) error {
	who := e.in.Subject
	if e.in.User != "" {
		res, err := s.c.Configuration.Effective(ctx, e.by, mdc.UserKind(), e.in.User)
		if fault.Is(err, fault.NotFound) {
			return fault.InvalidFields("The question cannot be answered.", []fault.Field{{Pointer: "/user", Detail: fmt.Sprintf("%q is no user of the local identity store; describe anybody else in subject (concord policy test: --as)", clip(e.in.User))}})
		}
		if err != nil {
			return err
		}
		u, err := mdc.As[*mdc.User](res.Object)
		if err != nil {
			return err
		}
		if !u.Enabled {
			e.out.Notes = append(e.out.Notes, "The user is disabled and cannot sign in: this is what nobody in particular gets.")
			return nil
		}
		who = &wire.PolicySubject{User: u.Name, Groups: u.Groups, Attributes: u.Attributes, Level: e.in.Level}
	}
	if who == nil {
		return nil
	}
	if who.Level == 0 {
		scheme, err := s.schemeAsked(ctx, e.in.SignIn)
		if err != nil {
			return err
		}
		who.Level, e.levelDomain = scheme.Level, scheme.SecurityDomain
	}
	if who.IdentityStore == "" {
		who.IdentityStore = mdc.LocalStore
	}
	if who.AuthenticatedAt == nil {
		who.AuthenticatedAt = &e.out.At
	}
	e.out.Subject = who
	e.subject = &policy.Subject{User: who.User, Groups: who.Groups, Attributes: who.Attributes, Level: who.Level, LevelDomain: e.levelDomain, IdentityStore: who.IdentityStore, AuthenticatedAt: *who.AuthenticatedAt}
	return nil
}

// schemeAsked is the scheme of a question, as it counts in this data center.
func (s *Server) schemeAsked(ctx context.Context, scheme string) (*mdc.AuthenticationScheme, error) {
	found, err := s.c.Model.Scheme(ctx, scheme)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fault.InvalidFields("The question cannot be answered.", []fault.Field{{Pointer: "/authentication_scheme", Detail: fmt.Sprintf("%q is no authentication scheme that is here", clip(scheme))}})
	}
	return found, nil
}

// policiesFor settles what is asked: the policies in force, or those with one that is not saved.
func (s *Server) policiesFor(ctx context.Context, e *evaluation) (err error) {
	if e.in.Policy == nil {
		e.index, err = s.c.Model.Policies(ctx)
		return err
	}
	k := kindRoutes{kind: mdc.AuthorizationPolicyKind()}
	o, err := k.object(e.in.Policy)
	if err != nil {
		return err
	}
	o.Normalize()
	faults := o.Validate()
	for i := range faults {
		faults[i].Pointer = "/policy" + faults[i].Pointer
	}
	if err := fault.InvalidFields("The policy cannot be accepted.", faults[:min(len(faults), maxFaults)]); err != nil {
		return err
	}
	p, err := mdc.As[*mdc.AuthorizationPolicy](o)
	if err != nil {
		return err
	}
	e.index, err = s.c.Model.PoliciesWith(ctx, p)
	return err
}

// settle asks the policies and words their answer.
func (s *Server) settle(ctx context.Context, e *evaluation) error {
	res, err := policy.Canonical(e.in.Scheme, e.in.Host, e.in.Target)
	if err != nil { // an agent is told no more than this either
		e.out.Decision, e.out.Effect, e.out.Reason = wire.DecisionDeny, string(policy.Deny), fault.CodeOf(err)
		if f, ok := errors.AsType[*fault.Error](err); ok {
			e.out.Notes = append(e.out.Notes, f.Message)
		}
		return nil
	}
	q := s.question(res, &wire.AuthorizeRequest{Method: e.in.Method, ClientAddress: e.in.ClientAddress})
	q.Now, q.DefaultAnyUser = e.out.At, true
	x := e.index.Explain(q, e.subject)
	if err := e.answerable(x); err != nil {
		return err
	}
	e.word(x, res)
	e.discreet(x)
	if e.in.Policy != nil && x.Policy != e.in.Policy.Name {
		e.out.Notes = append(e.out.Notes, "The policy of the question was not asked: another resource covers the request, or something decided before it.")
	}
	if x.Decision.Rule == policy.RuleUnknownMethod {
		e.out.Notes = append(e.out.Notes, "The method has to be one of "+strings.Join(mdc.Methods(), ", ")+", in capitals.")
	}
	if e.subject != nil && mdc.LevelIn(e.subject.Level, e.levelDomain, x.Domain) != e.subject.Level {
		e.out.Notes = append(e.out.Notes, fmt.Sprintf("The authentication scheme belongs to the security domain %q, so its level counts for that domain's applications; here it is worth %d.", e.levelDomain, mdc.LevelElsewhere))
	}
	if x.Decision.Rule == policy.RuleDefaultAnyUser {
		e.out.Notes = append(e.out.Notes, "No application names this host, so every signed-in user may open it.")
	}
	served, err := s.someAgentServes(ctx, res)
	if err == nil && !served {
		e.out.Notes = append(e.out.Notes, "No agent has this origin among its hosts, so no agent asks about such a request.")
	}
	return err
}

func (e *evaluation) word(x policy.Explanation, res policy.Resource) {
	o := &e.out
	o.Effect, o.Reason, o.Level, o.Application, o.Resource, o.Policy, o.Rule, o.Headers = string(x.Effect), x.Decision.Rule, x.Level, x.Application, x.Resource, x.Policy, x.Number, x.Headers
	o.Host, o.Path = res.Host, res.Path
	switch x.Effect {
	case policy.Deny:
		o.Decision = wire.DecisionDeny
	case policy.Challenge:
		o.Decision, o.SignIn = wire.DecisionChallenge, cmp.Or(x.Scheme, mdc.SchemePassword)
	default:
		o.Decision = wire.DecisionAllow
	}
	for _, r := range x.Rules {
		o.Rules = append(o.Rules, wire.PolicyRuleOutcome{Rule: r.Number, Effect: r.Effect, Fits: r.Fits, Who: r.Who, Networks: r.Networks, Times: r.Times, Condition: r.Condition, Cost: r.Cost, Error: r.Error})
	}
}

// someAgentServes looks through the agents for one that has the origin.
func (s *Server) someAgentServes(ctx context.Context, res policy.Resource) (bool, error) {
	for after := ""; ; {
		page, next, err := s.c.Configuration.ListEffective(ctx, configuration.Actor{Rights: mdc.EveryRight()}, mdc.AgentKind(), after, 1000)
		if err != nil {
			return false, err
		}
		for _, it := range page {
			if a, err := mdc.As[*mdc.Agent](it.Object); err == nil && serves(a, res) {
				return true, nil
			}
		}
		if next == "" {
			return false, nil
		}
		after = next
	}
}
