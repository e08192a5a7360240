package app_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestACloneDecidesAsItsMaster: what one data center answers, the other does, down to the rule, the headers and what became of each
// rule (SEC-25, CAMS-04).
func TestACloneDecidesAsItsMaster(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dcs[0], dcs[1])
	master := dcs[0]
	master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	master.Put("/v1/authorization-policies/p", wire.AuthorizationPolicy{Name: "p", Rules: []wire.Rule{
		{Effect: "deny", Condition: `attributes.locked == "yes"`},
		{Effect: "deny", Users: []string{"eve"}, Networks: []string{"192.0.2.0/24"}},
		{Effect: "allow", Groups: []string{"staff"}, Times: []wire.TimeWindow{{Days: []string{"sat", "sun"}, From: "22:00", To: "04:00", TimeZone: "Europe/Berlin"}, {TimeZone: "Asia/Tokyo", To: "12:00"}}},
		{Effect: "allow", Networks: []string{"10.0.0.0/8", "2001:db8::/32"}, Condition: `path.startsWith("/orders/") && level >= 1`},
	}, Responses: &wire.Responses{Headers: map[string]string{"X-Hour": `now.getHours("Europe/Berlin")`, "X-Groups": "groups", "X-Odd": "attributes.odd"}}})
	master.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"*.shop.example"}, Resources: map[string]wire.Resource{
		"open": {Paths: []string{"/**"}, Protection: "public"}, "orders": {Paths: []string{"/orders/**", "/*/mine"}, AuthorizationPolicy: "p"}}})
	testkit.InStep(dcs...)
	begin := time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC) // the night in which an hour comes twice
	seen := map[string]int{}
	for i := range 300 {
		at := begin.Add(time.Duration(i) * 7 * time.Minute)
		in := wire.PolicyEvaluation{Host: []string{"eu.shop.example", "EU.shop.example.:443", "shop.example"}[i%3], Target: []string{"/orders/7", "/x/mine", "/orders//7", "/", "/orders/%61"}[i%5], At: &at,
			ClientAddress: []string{"", "10.1.2.3", "192.0.2.7", "2001:db8::1"}[i%4]}
		if i%7 > 0 {
			in.Subject = &wire.PolicySubject{User: []string{"ann", "Eve"}[i%2], Attributes: map[string]string{"odd": "ü", "locked": []string{"no", "yes"}[i/2%2]}}
			if i%11 == 0 {
				in.Subject.Attributes = nil
			}
			if i%4 < 2 {
				in.Subject.Groups = []string{"staff"}
			}
		}
		var answers []wire.PolicyVerdict
		for _, d := range dcs {
			var v wire.PolicyVerdict
			if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/policies/evaluate", In: in, Out: &v}); err != nil {
				t.Fatal(err)
			}
			answers = append(answers, v)
		}
		if diff := cmp.Diff(answers[0], answers[1]); diff != "" {
			t.Fatalf("%+v: the clone answers otherwise: %s", in, diff)
		}
		seen[answers[0].Effect]++
		seen[fmt.Sprintf("rule %d", answers[0].Rule)]++
	}
	for _, want := range []string{"deny", "allow", "public", "challenge", "rule 1", "rule 3", "rule 4"} {
		if seen[want] == 0 {
			t.Errorf("no question gave %s: %v", want, seen)
		}
	}
}
