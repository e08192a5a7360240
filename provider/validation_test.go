package provider_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// checked expects one check of a plan to end in a status.
type checked struct{ status tfjson.CheckStatus }

func (c checked) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	if i := slices.IndexFunc(req.Plan.Checks, func(s tfjson.CheckResultStatic) bool {
		return s.Address.Name == "configuration" && s.Status == c.status
	}); i < 0 {
		resp.Error = fmt.Errorf("no check is %s: %+v", c.status, req.Plan.Checks)
	}
}

// TestValidationSource: a sound pair passes a check block; what goes wrong fails it, with subject, hint and edge; filters leave out what
// is known and never change the result (OAM-07).
func TestValidationSource(t *testing.T) {
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	config := ny.block("concord") + `
data "concord_validation" "all" {}
data "concord_validation" "warnings" { severity = "warning" }
data "concord_validation" "known" { ignore_codes = ["wrong_agent_id", "management_not_allowed"] }
check "configuration" {
  assert {
    condition     = data.concord_validation.all.clean
    error_message = join(" ", [for f in data.concord_validation.all.findings : "${f.subject}: ${f.detail} ${f.hint}"])
  }
}
`
	const at = "data.concord_validation."
	has := resource.TestCheckResourceAttr
	spoil := func() {
		ldc.patch("/v1/partner-profile", map[string]any{"agent_id": "another", "allow_management": false})()
	}
	becomes := func(s tfjson.CheckStatus) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{checked{s}}}
	}
	acceptance(t,
		resource.TestStep{Config: config, ConfigPlanChecks: becomes(tfjson.CheckStatusPass), Check: resource.ComposeTestCheckFunc(
			has(at+"all", "id", "NYDC"), has(at+"all", "result", "pass"), has(at+"all", "clean", "true"), has(at+"all", "findings.#", "0"), has(at+"all", "edges.#", "0"))},
		resource.TestStep{PreConfig: spoil, Config: config, ConfigPlanChecks: becomes(tfjson.CheckStatusFail), Check: resource.ComposeTestCheckFunc(
			has(at+"all", "result", "fail"), has(at+"all", "clean", "false"), has(at+"all", "findings.#", "2"),
			resource.TestCheckTypeSetElemNestedAttrs(at+"all", "findings.*", map[string]string{"code": "wrong_agent_id", "severity": "error", "subject": "partner LDC", "hint": "Register it with the agent_id of its profile."}),
			has(at+"all", "edges.#", "1"), has(at+"all", "edges.0.from", "NYDC"), has(at+"all", "edges.0.to", "LDC"), has(at+"all", "edges.0.result", "fail"), has(at+"all", "edges.0.codes.#", "2"),
			has(at+"warnings", "result", "fail"), has(at+"warnings", "findings.#", "1"), has(at+"warnings", "findings.0.code", "management_not_allowed"), has(at+"warnings", "edges.0.result", "pass"),
			has(at+"known", "result", "fail"), has(at+"known", "clean", "true"), has(at+"known", "edges.#", "0"))},
	)
}
