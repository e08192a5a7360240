package httpapi

import (
	"context"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// Who may read the policies of some security domains asks about their applications only (TAM-11). All others are as hosts that nobody
// has, and of a policy that belongs to no domain its decision is told, which its application gets, and not its rules.

// reads says whether the administrator may read the policies of a security domain; "" = those of none.
func (e *evaluation) reads(domain string) bool {
	return e.by.Rights.Allow(mdc.ActionRead, mdc.AuthorizationPolicyKind().Name, domain)
}

// known refuses a name in a question that stands for what is another domain's, as one that nobody has.
func (s *Server) known(ctx context.Context, e *evaluation, kind mdc.Kind, name, pointer string) error {
	if name == "" || e.reads("") || kind.Name == mdc.IdentityStoreKind().Name && name == mdc.LocalStore || kind.Name == mdc.AuthenticationSchemeKind().Name && name == mdc.SchemePassword {
		return nil
	}
	res, err := s.c.Configuration.Get(ctx, configuration.System(""), kind, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil {
		if domain := mdc.OwnerOf(res.Object); domain == "" || e.reads(domain) {
			return nil
		}
	}
	return fault.InvalidFields("The question cannot be answered.", []fault.Field{{Pointer: pointer, Detail: "names no " + kind.Name + " that is here"}})
}

// answerable refuses an answer about an application that the administrator may not ask about.
func (e *evaluation) answerable(x policy.Explanation) error {
	asked := slices.ContainsFunc(x.Site, e.reads)
	if x.Application != "" {
		asked = e.reads(x.Domain)
	}
	if asked || e.reads("") {
		return nil
	}
	return fault.New(fault.NotFound, "not_found", "No application that this administrator may ask about covers such a request.")
}

// discreet leaves out the rules of a policy that the administrator may not read. One that came with the question is his own.
func (e *evaluation) discreet(x policy.Explanation) {
	if x.Policy == "" || e.reads(x.Owner) || e.in.Policy != nil && e.in.Policy.Name == x.Policy {
		return
	}
	e.out.Rules, e.out.Rule, e.out.Reason = []wire.PolicyRuleOutcome{}, 0, x.Policy
	e.out.Notes = append(e.out.Notes, "The policy belongs to no security domain, and this administrator may not read it: its rules are not told.")
}
