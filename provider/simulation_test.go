package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// OAM-31, OAM-32, OAM-L1: a plan knows what the loss of a data center would mean under the policy in force and under one that is not
// applied yet, a check holds it against what is wanted, a condition stops the plan, and what cannot be asked is refused at its attribute.
func TestFailoverSimulation(t *testing.T) {
	ny, ldc := twoSites(t)
	base := linked(ny, ldc) + agreementBlock()
	ask := func(name string, lines ...string) string {
		return block(`data "concord_failover_simulation" "`+name+`"`, append([]string{`depends_on = [concord_replication_agreement.x]`}, lines...)...)
	}
	const down, at, wanted = `fault = { kind = "data_center", cluster_id = "NYDC" }`, "data.concord_failover_simulation.now", "data.concord_failover_simulation.wanted"
	now := ask("now", down)
	what := ask("wanted", down, `session_policy = { continue_on_sync_failure = true, max_degraded_age = "5m" }`)
	check := block(`check "somebody_takes_over"`, `assert {`, `condition = anytrue([for p in `+at+`.administration.promotions : p.possible])`, `error_message = "nobody"`, `}`)
	stop := ask("now", down, `lifecycle {`, `postcondition {`, `condition = self.outcome == "served"`, `error_message = join(" ", [for p in self.people : p.sentence if p.outcome != "served"])`, `}`, `}`)
	acceptance(t,
		resource.TestStep{Config: base + now + what + check, Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(at, "id", "NYDC"), resource.TestCheckResourceAttr(at, "outcome", "challenged"), resource.TestCheckResourceAttr(at, "people.#", "2"),
			resource.TestCheckTypeSetElemNestedAttrs(at, "people.*", map[string]string{"origin": "NYDC", "at": "LDC", "outcome": "challenged", "rule": "challenge_unreachable", "row": "OAM-31", "sign_in": "new_sign_on", "lost.0.what": "session"}),
			resource.TestCheckTypeSetElemNestedAttrs(at, "people.*", map[string]string{"origin": "LDC", "at": "LDC", "rule": "found_local"}),
			resource.TestCheckResourceAttr(at, "administration.writes_possible", "false"), resource.TestCheckResourceAttr(at, "administration.agreements.0.stops", "true"),
			resource.TestCheckResourceAttr(at, "administration.promotions.0.cluster_id", "LDC"), resource.TestCheckResourceAttr(at, "administration.promotions.0.forced", "true"),
			resource.TestCheckResourceAttr(at, "identity_stores.0.affected", "no"), resource.TestCheckResourceAttr(at, "data_centers.0.answers", "false"), resource.TestCheckResourceAttr(at, "present.#", "0"),
			resource.TestCheckResourceAttr(wanted, "outcome", "served"),
			resource.TestCheckTypeSetElemNestedAttrs(wanted, "people.*", map[string]string{"origin": "NYDC", "at": "LDC", "rule": "adopted_alone", "row": "OAM-32", "lasts": "5m", "then": "challenge_degraded", "lost.#": "3"}))},
		resource.TestStep{Config: base + stop, PlanOnly: true, ExpectError: regexp.MustCompile(words(`continue_on_sync_failure is off`))},
		resource.TestStep{Config: base + ask("now", `fault = { kind = "data_center", cluster_id = "XDC" }`), PlanOnly: true, ExpectError: regexp.MustCompile(words(`fault.cluster_id: is neither this data center nor a registered partner`))},
		resource.TestStep{Config: base + ask("now", `fault = { kind = "link", cluster_id = "NYDC" }`), PlanOnly: true, ExpectError: regexp.MustCompile(words(`fault.other: is missing`))},
		resource.TestStep{Config: base},
	)
}
