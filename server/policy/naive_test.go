package policy_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// naive decides as the documentation says, by looking at everything: no index, no early end.
func naive(apps []*mdc.Application, policies []*mdc.AuthorizationPolicy, r policy.Request, s *policy.Subject) policy.Effect {
	if !slices.Contains(mdc.Methods(), r.Method) {
		return policy.Deny
	}
	covering := naming(apps, r.Host)
	if len(covering) == 0 {
		if !r.DefaultAnyUser {
			return policy.Deny
		}
		return signedIn(s)
	}
	var best []int
	var resources []mdc.Resource
	for _, a := range covering {
		for _, res := range a.Resources {
			for _, p := range res.Paths {
				rank, ok := matches(p, r.Path)
				if !ok {
					continue
				}
				c := slices.Compare(rank, best)
				if best == nil || c < 0 {
					best, resources = rank, []mdc.Resource{res}
				} else if c == 0 {
					resources = append(resources, res)
				}
			}
		}
	}
	return strictestOf(resources, policies, r, s)
}

func naming(apps []*mdc.Application, host string) []*mdc.Application {
	pick := func(fits func(string) bool) (out []*mdc.Application) {
		for _, a := range apps {
			if slices.ContainsFunc(a.Hosts, fits) {
				out = append(out, a)
			}
		}
		return out
	}
	if exact := pick(func(h string) bool { return h == host }); len(exact) > 0 {
		return exact
	}
	_, parent, _ := strings.Cut(host, ".")
	return pick(func(h string) bool { return h == "*."+parent })
}

// matches gives, for each segment of the pattern, 0 literal, 1 "*", 2 "**".
func matches(pattern, path string) (rank []int, ok bool) {
	p, s := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	for i, x := range p {
		switch {
		case x == "**":
			return append(rank, 2), len(s) >= i
		case i >= len(s), x == "*" && s[i] == "", x != "*" && x != s[i]:
			return nil, false
		case x == "*":
			rank = append(rank, 1)
		default:
			rank = append(rank, 0)
		}
	}
	return append(rank, -1), len(p) == len(s) // the end of a pattern comes before "**"
}

func strictestOf(resources []mdc.Resource, policies []*mdc.AuthorizationPolicy, r policy.Request, s *policy.Subject) policy.Effect {
	order := []policy.Effect{policy.Deny, policy.Challenge, policy.Allow, policy.Public, policy.Excluded}
	var found []policy.Effect
	for _, res := range resources {
		if len(res.Methods) == 0 || slices.Contains(res.Methods, r.Method) {
			found = append(found, effectOf(res, policies, r, s))
		}
	}
	if len(found) == 0 {
		return policy.Deny
	}
	return slices.MinFunc(found, func(a, b policy.Effect) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
}

func effectOf(res mdc.Resource, policies []*mdc.AuthorizationPolicy, r policy.Request, s *policy.Subject) policy.Effect {
	i := slices.IndexFunc(policies, func(p *mdc.AuthorizationPolicy) bool { return p.Name == res.AuthorizationPolicy })
	switch {
	case res.AuthorizationPolicy != "" && i < 0:
		return policy.Deny
	case res.Protection == mdc.Public:
		return policy.Public
	case res.Protection == mdc.Excluded:
		return policy.Excluded
	case signedIn(s) != policy.Allow || res.AuthorizationPolicy == "":
		return signedIn(s)
	}
	allowed := false
	for _, rule := range policies[i].Rules {
		switch fit := fitsNaively(rule, r, s); {
		case rule.Effect == mdc.Deny && fit != policy.DoesNotFit:
			return policy.Deny
		case rule.Effect == mdc.Allow && fit == policy.Fits:
			allowed = true
		}
	}
	if allowed {
		return policy.Allow
	}
	return policy.Deny
}

func signedIn(s *policy.Subject) policy.Effect {
	if s == nil || s.Level < policy.LevelPassword {
		return policy.Challenge
	}
	return policy.Allow
}
