package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// bySharing is the configuration of two data centers in mode simple, from nothing and without a certificate, with their agreement.
func bySharing(ny, ldc site, passphrase string, version int) string {
	shared := fmt.Sprintf("passphrase_wo = %q\n  passphrase_wo_version = %d", passphrase, version)
	return ny.block("concord") + ldc.block("ldc") + fmt.Sprintf(`
resource "concord_data_center" "ny" {
  cluster_id    = "NYDC"
  role          = "master"
  security_mode = "simple"
}
resource "concord_data_center" "ldc" {
  provider      = ldc
  cluster_id    = "LDC"
  role          = "clone"
  security_mode = "simple"
}
resource "concord_partner_profile" "ny" {
  agent_id         = "of-nydc"
  allow_management = true
  %[1]s
}
resource "concord_partner_profile" "ldc" {
  provider         = ldc
  agent_id         = "of-ldc"
  allow_management = true
  %[1]s
}
resource "concord_partner" "at_ny" {
  cluster_id    = concord_data_center.ldc.cluster_id
  agent_id      = concord_partner_profile.ldc.agent_id
  primary       = [%[2]q]
  security_mode = concord_data_center.ny.security_mode
  %[1]s
}
resource "concord_partner" "at_ldc" {
  provider   = ldc
  cluster_id = concord_data_center.ny.cluster_id
  agent_id   = concord_partner_profile.ny.agent_id
  primary    = [%[3]q]
  depends_on = [concord_data_center.ldc]
  %[1]s
}
resource "concord_replication_agreement" "x" {
  name       = "to-ldc"
  source     = concord_data_center.ny.cluster_id
  target     = concord_data_center.ldc.cluster_id
  depends_on = [concord_partner.at_ny, concord_partner.at_ldc]
}
`, shared, ldc.PeerAddress, ny.PeerAddress)
}

// TestModeSimpleFromNothing: one apply links two data centers by a passphrase alone; another passphrase with another version is
// taken while they run, both sides pair anew, and the plan after each is empty. The passphrases are nowhere in the state (OAM-41, MSS-07).
func TestModeSimpleFromNothing(t *testing.T) {
	ny, ldc := twoSites(t)
	first, second := "k7m2xq4tz-w3n6bv5rd-hj2sp7fgc", "c4v7rn2tq-m6hx3kd5w-b2zj7gsp4"
	one, two := bySharing(ny, ldc, first, 1), bySharing(ny, ldc, second, 2)
	const at = "concord_partner.at_ny"
	hidden := func(s *terraform.State) error {
		if text := s.String(); strings.Contains(text, first) || strings.Contains(text, second) {
			return fmt.Errorf("the state holds a passphrase")
		}
		return nil
	}
	var before, now wire.PartnerView
	paired := func() {
		ny.Within(testkit.Limit, "the two have paired under the present passphrase", func() bool {
			var here, there wire.PartnerView
			ny.Get("/v1/partners/LDC", &here)
			ldc.Get("/v1/partners/NYDC", &there)
			now = here
			return here.Paired && there.Paired && here.PairingError == "" && there.PairingError == "" && (before.PairedAt == nil || here.PairedAt.After(*before.PairedAt))
		})
		before = now
		var test wire.PartnerTest
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil || test.Result != wire.ResultPass {
			t.Errorf("%+v %v", test, err)
		}
	}
	updates := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, plancheck.ResourceActionUpdate)}}
	acceptance(t,
		resource.TestStep{Config: one, Check: resource.ComposeTestCheckFunc(hidden, resource.TestCheckResourceAttr("concord_replication_agreement.x", "state", "ready"),
			resource.TestCheckResourceAttr(at, "security_mode", "simple"), resource.TestCheckNoResourceAttr(at, "passphrase_wo"), resource.TestCheckResourceAttr(at, "passphrase_wo_version", "1"))},
		resource.TestStep{PreConfig: paired, Config: one, PlanOnly: true},
		resource.TestStep{Config: two, ConfigPlanChecks: updates, Check: hidden},
		resource.TestStep{PreConfig: paired, Config: two, PlanOnly: true},
	)
}
