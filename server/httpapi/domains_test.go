package httpapi_test

import (
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestSecurityDomainsHoldTheSameEverywhere: a domain's digest is that of all it owns, the same at the master and at its clone; it moves with any
// object of the domain and with no other, and validation names the domain that holds something else (CAMS-04).
func TestSecurityDomainsHoldTheSameEverywhere(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	of := func(d *testkit.DataCenter, name string) (v wire.SecurityDomainView) {
		d.Get("/v1/security-domains/"+name, &v)
		return v
	}
	ny.Put("/v1/security-domains/finance", wire.SecurityDomain{Name: "finance"})
	ny.Put("/v1/security-domains/people", wire.SecurityDomain{Name: "people"})
	empty := of(ny, "finance")
	ny.Put("/v1/groups/clerks", wire.Group{Name: "clerks", SecurityDomain: "finance"})
	ny.Put("/v1/authentication-schemes/ledger", wire.AuthenticationScheme{Name: "ledger", SecurityDomain: "finance", Steps: []wire.SchemeStep{{Method: "certificate"}}})
	ny.Put("/v1/groups/all", wire.Group{Name: "all"})
	testkit.InStep(both...)
	full, people := of(ny, "finance"), of(ny, "people")
	if empty.Digest == "" || empty.Objects != 0 || full.Objects != 2 || full.Digest == empty.Digest || people.Objects != 0 || people.Digest == full.Digest {
		t.Errorf("empty %+v, full %+v, people %+v", empty, full, people)
	}
	for _, name := range []string{"finance", "people"} {
		if here, there := of(ny, name), of(ldn, name); here != there {
			t.Errorf("%s: %+v in NYDC, %+v in LDC", name, here, there)
		}
	}
	ny.Put("/v1/groups/all", wire.Group{Name: "all", Description: "everybody"})
	if of(ny, "finance") != full {
		t.Error("an object of no domain moves the digest of one")
	}
	differs := func(d *testkit.DataCenter) (out []wire.Finding) {
		var v wire.Validation
		d.Get("/v1/validate", &v)
		for _, f := range v.Findings {
			if f.Code == "domain_differs" {
				out = append(out, f)
			}
		}
		return out
	}
	testkit.InStep(both...)
	if found := append(differs(ny), differs(ldn)...); len(found) > 0 {
		t.Fatalf("in step: %+v", found)
	}
	on := true
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", WriteEnabled: &on})
	ldn.Put("/v1/groups/clerks", wire.Group{Name: "clerks", SecurityDomain: "finance", Description: "changed on the clone"})
	for _, d := range both {
		if found := differs(d); len(found) != 1 || found[0].Severity != "error" || found[0].Subject != "security_domain finance" || !strings.Contains(found[0].Detail, "2 objects") {
			t.Errorf("%s: %+v", d.ClusterID, found)
		}
	}
}
