package provider_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// linked is the configuration of NYDC as master and LDC as clone, without the agreement.
func linked(ny, ldc site) string {
	return ny.block("concord") + ldc.block("ldc") + `
resource "concord_data_center" "ny" {
  cluster_id = "NYDC"
  role       = "master"
}
resource "concord_data_center" "ldc" {
  provider   = ldc
  cluster_id = "LDC"
  role       = "clone"
}
resource "concord_partner_profile" "ny" {
  agent_id         = "of-nydc"
  allow_management = true
}
resource "concord_partner_profile" "ldc" {
  provider         = ldc
  agent_id         = "of-ldc"
  allow_management = true
}
data "concord_trust_bundle" "ny" {}
data "concord_trust_bundle" "ldc" {
  provider = ldc
}
resource "concord_trusted_certificate" "at_ny" {
  name            = "ldc"
  certificate_pem = data.concord_trust_bundle.ldc.certificate_pem
  partner         = "LDC"
}
resource "concord_trusted_certificate" "at_ldc" {
  provider        = ldc
  name            = "nydc"
  certificate_pem = data.concord_trust_bundle.ny.certificate_pem
  partner         = "NYDC"
}
resource "concord_partner" "at_ny" {
  cluster_id = "LDC"
  agent_id   = concord_partner_profile.ldc.agent_id
  primary    = ["` + ldc.PeerAddress + `"]
}
resource "concord_partner" "at_ldc" {
  provider   = ldc
  cluster_id = "NYDC"
  agent_id   = concord_partner_profile.ny.agent_id
  primary    = ["` + ny.PeerAddress + `"]
  rest_endpoint = "` + ny.Endpoint + `"
}
`
}

func agreementBlock(lines ...string) string {
	return block(`resource "concord_replication_agreement" "x"`, append([]string{`name = "to-ldc"`, `source = concord_data_center.ny.cluster_id`, `target = concord_data_center.ldc.cluster_id`,
		`depends_on = [concord_partner.at_ny, concord_partner.at_ldc, concord_trusted_certificate.at_ny, concord_trusted_certificate.at_ldc]`}, lines...)...)
}

// TestAgreementLifecycle: an agreement is ready when it is created, changes in place on both sides, is noticed when it
// drifts or is gone, imports by identifier, and is disabled before it is deleted (OAM-46..55).
//
// In part or whole also MSS-L1.
func TestAgreementLifecycle(t *testing.T) {
	ny, ldc := twoSites(t)
	const at = "concord_replication_agreement.x"
	base := linked(ny, ldc)
	slow := base + agreementBlock(`follow = false`, `poll_interval = "120s"`)
	does := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, a)}}
	}
	first := ""
	acceptance(t,
		resource.TestStep{Config: base + agreementBlock(), Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(at, "state", "ready"), resource.TestCheckResourceAttr(at, "poll_interval", "15m"),
			func(s *terraform.State) error {
				first = s.RootModule().Resources[at].Primary.ID
				return nil
			})},
		resource.TestStep{Config: slow, ConfigPlanChecks: does(plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: strings.Replace(slow, "120s", "2m", 1), PlanOnly: true},
		resource.TestStep{PreConfig: func() { ny.patch("/v1/replication/agreements/"+first, map[string]any{"enabled": false})() }, Config: slow, ConfigPlanChecks: does(plancheck.ResourceActionUpdate)},
		resource.TestStep{Config: slow, ResourceName: at, ImportState: true, ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"timeouts", "poll_interval", "last_sequence", "lag_entries", "state", "overwrite"}},
		resource.TestStep{Config: slow, ResourceName: at, ImportState: true, ImportStateId: "to-ldc", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"timeouts", "poll_interval", "last_sequence", "lag_entries", "state", "overwrite"}},
		resource.TestStep{Config: slow + strings.Replace(agreementBlock(), `" "x" {`, "\" \"again\" {", 1), ExpectError: regexp.MustCompile(`Cannot create replication agreement`)},
		resource.TestStep{PreConfig: func() { ny.endAgreement(first) }, Config: slow, ConfigPlanChecks: does(plancheck.ResourceActionCreate)},
	)
}

// endAgreement disables and deletes an agreement behind Terraform's back.
func (s site) endAgreement(id string) {
	s.t.Helper()
	path := "/v1/replication/agreements/" + id
	s.patch(path, map[string]any{"enabled": false})()
	s.remove(path)()
}

// TestWriteOnClone: a plan that would write at a clone is refused with the master's address, and says to point the provider alias there.
func TestWriteOnClone(t *testing.T) {
	ny, ldc := twoSites(t)
	config := linked(ny, ldc) + agreementBlock()
	group := block(`resource "concord_group" "x"`, `provider = ldc`, `name = "a"`)
	many := block(`resource "concord_group_collection" "x"`, `provider = ldc`, `groups = { a = {} }`)
	policy := block(`resource "concord_session_policy" "x"`, `provider = ldc`)
	refused := func(config string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(words(`Point this resource's provider alias at the master: endpoint = "` + ny.Endpoint + `"`))}
	}
	acceptance(t,
		resource.TestStep{Config: config},
		refused(config+group), refused(config+many), refused(config+policy),
		resource.TestStep{Config: config, Check: func(*terraform.State) error {
			if err := ldc.get("/v1/groups/a", nil); !fault.Is(err, fault.NotFound) {
				return fmt.Errorf("the group is there: %w", err)
			}
			return nil
		}},
	)
}

// TestRoles: standalone becomes master or clone and back; between master and clone only a promotion moves, and the plan
// says so (OAM-02, OAM-03).
func TestRoles(t *testing.T) {
	_, provider := start(t)
	role := func(r string) string {
		return provider + block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`, `role = "`+r+`"`)
	}
	open := func(v string) resource.TestCheckFunc {
		return resource.TestCheckResourceAttr("concord_data_center.x", "write_enabled", v)
	}
	acceptance(t,
		resource.TestStep{Config: role("master"), Check: open("true")},
		resource.TestStep{Config: role("clone"), PlanOnly: true, ExpectError: regexp.MustCompile(words(`promote the clone that shall be master`))},
		resource.TestStep{Config: strings.Replace(role("master"), `"NYDC"`, `"LDC"`, 1), PlanOnly: true, ExpectError: regexp.MustCompile(`This is another data center`)},
		resource.TestStep{Config: role("standalone")},
		resource.TestStep{Config: role("clone"), Check: open("false")},
		resource.TestStep{Config: role("master"), PlanOnly: true, ExpectError: regexp.MustCompile(words(`A clone does not become a master`))},
		resource.TestStep{Config: role("standalone"), Check: open("true")},
	)
}

// TestReset: destroying a singleton puts its defaults back.
func TestReset(t *testing.T) {
	s, provider := start(t)
	acceptance(t,
		resource.TestStep{Config: provider + block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`, `role = "master"`) +
			block(`resource "concord_session_policy" "x"`, `lifetime = "1h"`)},
		resource.TestStep{Config: provider + `data "concord_data_center" "x" {}`, Check: func(*terraform.State) error {
			var d wire.DataCenterView
			var p wire.SessionPolicyView
			if err := s.get("/v1/data-center", &d); err != nil || d.Role != "standalone" || d.ClusterID != "NYDC" {
				return fmt.Errorf("data center %+v, %w", d, err)
			}
			if err := s.get("/v1/session-policy", &p); err != nil || p.Lifetime != "12h" {
				return fmt.Errorf("session policy %+v, %w", p, err)
			}
			return nil
		}},
	)
}

// TestDataCenterSource: the data source shows what the resource declares of sessions and users (CAMS-10).
func TestDataCenterSource(t *testing.T) {
	_, provider := start(t)
	const at = "data.concord_data_center.x"
	source := block(`data "concord_data_center" "x"`, `depends_on = [concord_data_center.x]`)
	acceptance(t,
		resource.TestStep{Config: provider + block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`) + source, Check: resource.TestCheckResourceAttr(at, "session_capacity", "0")},
		resource.TestStep{Config: provider + block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`, `session_capacity = 1000`, `availability = "passive"`) + source,
			Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(at, "session_capacity", "1000"), resource.TestCheckResourceAttr(at, "availability", "passive"))},
	)
}

// TestInUse: what others refer to is not deleted, and the error names them.
func TestInUse(t *testing.T) {
	s, provider := start(t)
	group := provider + block(`resource "concord_group" "x"`, `name = "staff"`)
	user := func() {
		if _, err := s.Admin().Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/users/zoe", In: wire.User{Name: "zoe", Groups: []string{"staff"}}}); err != nil {
			t.Fatal(err)
		}
	}
	acceptance(t,
		resource.TestStep{Config: group},
		resource.TestStep{PreConfig: user, Config: provider + `data "concord_data_center" "x" {}`, ExpectError: regexp.MustCompile(`(?s)in\s+use.*zoe.*create_before_destroy`)},
		resource.TestStep{PreConfig: s.remove("/v1/users/zoe"), Config: group},
	)
}

// TestPlacedErrors: the server's word on one field stands at that attribute.
func TestPlacedErrors(t *testing.T) {
	_, provider := start(t)
	cases := map[string]struct{ config, want string }{
		"top":    {block(`resource "concord_agent" "x"`, `name = "a"`, `hosts = ["https://a"]`, `start_page = "https://b/"`), `start_page = "https://b/"`},
		"nested": {block(`resource "concord_application" "x"`, `name = "a"`, `hosts = ["a"]`, `resources = {`, `r = {`, `paths = ["/"]`, `authorization_policy = "nobody"`, `}`, `}`), `nobody`},
		"list":   {block(`resource "concord_authorization_policy" "x"`, `name = "a"`, `rules = [`, `{ effect = "allow", groups = ["nobody"] }`, `]`), `groups.*: there\s+is\s+no\s+group.*Correct\s+the\s+name`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			acceptance(t, resource.TestStep{Config: provider + tc.config, ExpectError: regexp.MustCompile(`(?s)with concord_.*on terraform_plugin_test.tf line.*` + tc.want)})
		})
	}
}
