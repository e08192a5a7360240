package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// TestPolicyAndAgentsFit: a policy that contradicts agents is refused at plan, and so is an agent (OAM-16, OAM-26, OAM-27).
// What is declared together, with depends_on, is judged together: nobody has to apply twice.
func TestPolicyAndAgentsFit(t *testing.T) {
	s, provider := start(t)
	agent := func(name, host, lifetime string) string {
		return block(`resource "concord_agent" "`+name+`"`, `name = "`+name+`"`, `hosts = ["`+host+`"]`, `cookie_lifetime = "`+lifetime+`"`)
	}
	policy := func(lines ...string) string { return block(`resource "concord_session_policy" "x"`, lines...) }
	const url, depends = `sign_in_url = "https://login.example.com"`, `depends_on = [concord_agent.wiki]`
	refused := func(config, says string) resource.TestStep {
		return resource.TestStep{Config: provider + config, PlanOnly: true, ExpectError: regexp.MustCompile(words(says))}
	}
	empty := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	shop := agent("shop", "https://shop.example.org", "20m")
	acceptance(t,
		refused(agent("shop", "https://shop.example.org", "30m"), `is not below the session policy's idle_timeout`),
		resource.TestStep{Config: provider + shop},
		refused(shop+policy(`idle_timeout = "20m"`), `cookie outlives the idle time-out`),
		refused(shop+policy(url, `gito_cookie_domain = "example.com"`), `No agent has a host under "example.com"`),
		resource.TestStep{Config: provider + shop + agent("wiki", "https://wiki.example.com", "2h") + policy(url, `gito_cookie_domain = "example.com"`, `anchored = true`, depends), ConfigPlanChecks: empty,
			ExpectError: regexp.MustCompile(words(`let the agent depend on the session policy`))}, // both ways at once cannot be
		resource.TestStep{Config: provider + shop + agent("wiki", "https://wiki.example.com", "10m") + policy(url, `gito_cookie_domain = "example.com"`, `anchored = true`, depends), ConfigPlanChecks: empty},
		resource.TestStep{Config: provider + shop + agent("wiki", "https://wiki.example.com", "2h") + policy(url, `gito_cookie_domain = "example.com"`, `anchored = true`, depends), ConfigPlanChecks: empty},
	)
	if err := s.get("/v1/agents/shop", nil); err == nil {
		t.Error("the destroy left an agent")
	}
}
