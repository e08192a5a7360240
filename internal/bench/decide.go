package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

const (
	decideRounds = 9
	decideCount  = 20_000 // decisions of a turn
	decideHosts  = 10     // that a turn asks about, so that the sizes of processor caches are not what is measured
)

// decideSlope is a decision with 10,000 policies against one with 10. Each policy has rules for users and groups, one of them on
// networks and one with a condition that is evaluated.
func decideSlope(ctx context.Context, s *stage) error {
	large, err := decider(10_000)
	if err != nil {
		return err
	}
	small, err := decider(10)
	if err != nil {
		return err
	}
	var rounds []pair
	for i := range decideRounds + 1 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("decide: %w", err)
		}
		floor, err := decisions(small)
		if err != nil {
			return err
		}
		ours, err := decisions(large)
		if err != nil {
			return err
		}
		if i > 0 { // the first compiles the conditions
			rounds = append(rounds, pair{ours, floor})
		}
	}
	s.report.add(judge("decide-policies-slope", "us/decision", rounds, goal{false, 1.2}))
	return nil
}

// decider compiles n applications with a policy each.
func decider(n int) (*policy.Index, error) {
	var apps []*mdc.Application
	var policies []*mdc.AuthorizationPolicy
	for i := range n {
		name := fmt.Sprintf("policy-%05d", i)
		policies = append(policies, &mdc.AuthorizationPolicy{Name: name, Rules: []mdc.Rule{
			{Effect: mdc.Deny, Users: []string{fmt.Sprintf("bad-%d", i)}}, {Effect: mdc.Deny, Groups: []string{"suspended"}},
			{Effect: mdc.Deny, Networks: []string{"192.0.2.0/24", "2001:db8::/32"}},
			{Effect: mdc.Allow, Groups: []string{"staff"}, Condition: `attributes.department == "hr" && path.startsWith("/orders/")`},
		}})
		apps = append(apps, &mdc.Application{Name: fmt.Sprintf("app-%05d", i), Hosts: []string{decideHost(i)}, Resources: map[string]mdc.Resource{
			"all": {Paths: []string{"/**"}, Protection: mdc.Public}, "orders": {Paths: []string{"/orders/**"}, Protection: mdc.Protected, AuthorizationPolicy: name}}})
	}
	ix, err := policy.Compile(apps, policies, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("compile %d policies: %w", n, err)
	}
	return ix, nil
}

func decideHost(i int) string { return fmt.Sprintf("app-%05d.example", i) }

// decisions gives the microseconds of one.
func decisions(ix *policy.Index) (float64, error) {
	subject := &policy.Subject{User: "ann", Groups: []string{"staff", "readers"}, Attributes: map[string]string{"department": "hr"}, Level: policy.LevelPassword}
	q := policy.Request{Method: "GET", Scheme: "https", Path: "/orders/7/items", ClientAddress: netip.MustParseAddr("10.1.2.3"), Now: time.Now()}
	hosts := make([]string, decideHosts)
	for i := range hosts {
		hosts[i] = decideHost(i)
	}
	begin := time.Now()
	for i := range decideCount {
		q.Host = hosts[i%decideHosts]
		if d := ix.Decide(q, subject); d.Effect != policy.Allow {
			return 0, fmt.Errorf("decide: %+v", d)
		}
	}
	return float64(time.Since(begin).Microseconds()) / decideCount, nil
}
