package policy_test

import (
	"fmt"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// BenchmarkDecide shows that a decision costs the same with 10 and with 10,000 policies.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			apps, policies := many(n)
			ix := compile(b, apps, policies)
			s := &policy.Subject{User: "user7", Groups: []string{"staff", "group7"}, Level: 1}
			hosts := make([]string, n)
			for i := range hosts {
				hosts[i] = apps[i].Hosts[0]
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if d := ix.Decide(policy.Request{Method: "GET", Host: hosts[i%10], Path: "/orders/7/items"}, s); d.Effect != policy.Allow {
					b.Fatal(d)
				}
				i++
			}
		})
	}
}

// Proves that the index itself, not luck, makes the slope flat: what a decision allocates does not depend on the number.
func TestDecideAllocatesTheSameForAnyNumberOfPolicies(t *testing.T) {
	count := func(n int) float64 {
		apps, policies := many(n)
		ix := compile(t, apps, policies)
		s := &policy.Subject{User: "user7", Groups: []string{"group7"}, Level: 1}
		return testing.AllocsPerRun(100, func() {
			ix.Decide(policy.Request{Method: "GET", Host: apps[0].Hosts[0], Path: "/orders/7/items"}, s)
		})
	}
	if few, lots := count(10), count(2000); lots > few || lots > 2 {
		t.Fatalf("%v allocations with 10 policies, %v with 2,000", few, lots)
	}
}

func many(n int) (apps []*mdc.Application, policies []*mdc.AuthorizationPolicy) {
	for i := range n {
		p := fmt.Sprint("policy", i)
		policies = append(policies, &mdc.AuthorizationPolicy{Name: p, Rules: []mdc.Rule{
			{Effect: mdc.Deny, Users: []string{fmt.Sprint("bad", i)}}, {Effect: mdc.Allow, Groups: []string{"staff", "group7"}}}})
		apps = append(apps, &mdc.Application{Name: fmt.Sprint("app", i), Hosts: []string{fmt.Sprintf("app%d.example", i)},
			Resources: map[string]mdc.Resource{
				"all":    {Paths: []string{"/**"}, Protection: mdc.Public},
				"orders": {Paths: []string{"/orders/*/items", "/orders/**"}, Protection: mdc.Protected, AuthorizationPolicy: p}}})
	}
	return apps, policies
}
