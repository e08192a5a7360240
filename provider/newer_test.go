package provider_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// newer is acceptance for a Terraform of at least some version; with an older one the test is skipped.
func newer(t *testing.T, least tfversion.TerraformVersionCheck, steps ...resource.TestStep) {
	t.Helper()
	acceptanceCase(t, resource.TestCase{Steps: steps, TerraformVersionChecks: []tfversion.TerraformVersionCheck{least}})
}

// TestTerraformImportsByIdentity: the real Terraform keeps the identity that the import id has the parts of, imports by it, and
// plans nothing after that.
func TestTerraformImportsByIdentity(t *testing.T) {
	_, provider := start(t)
	config := provider + block(`resource "concord_group" "x"`, `name = "staff"`) +
		block(`resource "concord_override" "x"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ sign_in_url = "https://login.example" })`)
	exactly := func(s string) knownvalue.Check { return knownvalue.StringExact(s) }
	newer(t, tfversion.SkipBelow(tfversion.Version1_12_0),
		resource.TestStep{Config: config, ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectIdentity("concord_group.x", map[string]knownvalue.Check{"id": exactly("staff")}),
			statecheck.ExpectIdentity("concord_override.x", map[string]knownvalue.Check{"kind": exactly("session_policy"), "name": exactly("default")}),
		}},
		resource.TestStep{ResourceName: "concord_group.x", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		resource.TestStep{ResourceName: "concord_override.x", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	)
}

// TestTerraformQueries: the real Terraform lists, with every example of the documentation, and each object has its identity.
func TestTerraformQueries(t *testing.T) {
	ny, ldc := twoSites(t)
	furnish(ny, ldc)
	ny.batch("group", map[string]any{"team-a": wire.Group{Name: "team-a"}, "team-b": wire.Group{Name: "team-b"}})
	one := func(id string) map[string]knownvalue.Check {
		return map[string]knownvalue.Check{"id": knownvalue.StringExact(id)}
	}
	newer(t, tfversion.SkipBelow(tfversion.Version1_14_0),
		resource.TestStep{Config: ny.block("concord") + ldc.block("ldc")},
		resource.TestStep{Query: true, Config: examples(t, "list-resources/*/list-resource.tfquery.hcl"), QueryResultChecks: []querycheck.QueryResultCheck{
			querycheck.ExpectLength("concord_group.all", 2), querycheck.ExpectIdentity("concord_group.all", one("team-b")),
			querycheck.ExpectIdentity("concord_override.all", map[string]knownvalue.Check{"kind": knownvalue.StringExact("application"), "name": knownvalue.StringExact("app")}),
			querycheck.ExpectLength("concord_data_center.this", 1), querycheck.ExpectIdentity("concord_data_center.this", one("NYDC")),
			querycheck.ExpectIdentity("concord_partner.all", one("LDC")), querycheck.ExpectLength("concord_replication_agreement.all", 1),
			querycheck.ExpectIdentity("concord_session_policy.this", one("default")),
		}},
	)
}

// TestTerraformPlansActions: the examples of the actions are configurations, and an action that an apply triggers is done.
func TestTerraformPlansActions(t *testing.T) {
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	testkit.InStep(ny.DataCenter, ldc.DataCenter)
	providers := ny.block("concord") + ldc.block("ldc")
	shown := strings.ReplaceAll(examples(t, "actions/*/action.tf"), "concord.ldc #", "ldc #")
	newer(t, tfversion.SkipBelow(tfversion.Version1_14_0),
		resource.TestStep{Config: providers + shown, PlanOnly: true, ExpectNonEmptyPlan: true},
		resource.TestStep{Config: providers + `
resource "terraform_data" "serviced" {
  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.concord_test_partner.ldc, action.concord_pull.ldc, action.concord_promote.ldc]
    }
  }
}
action "concord_test_partner" "ldc" {
  config {
    cluster_id = "LDC"
  }
}
action "concord_pull" "ldc" {
  config {
    agreement = "NYDC-LDC"
  }
}
action "concord_promote" "ldc" {
  provider = ldc
  config {
    cluster_id = "LDC"
    wait       = "20s"
  }
}
`, PostApplyFunc: func() {
			if role := ldc.View().Role; role != "master" {
				t.Errorf("LDC is %s", role)
			}
		}},
	)
}

// examples reads every file that a pattern below the folder of examples names.
func examples(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "examples", pattern))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
		all.WriteByte('\n')
	}
	return all.String()
}

// TestTerraformOfAnyVersionKeepsState: an object that vanished after a Terraform of any version wrote the state is made anew, also
// where that version keeps no identity.
func TestTerraformOfAnyVersionKeepsState(t *testing.T) {
	s, provider := start(t)
	config := provider + block(`resource "concord_group" "x"`, `name = "staff"`) + block(`resource "concord_setting" "x"`, `name = "banner"`, `value = "hello"`)
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{PreConfig: func() { s.remove("/v1/groups/staff")(); s.remove("/v1/settings/banner")() }, Config: config, Check: func(*terraform.State) error {
			var g wire.GroupView
			return errors.Join(s.get("/v1/groups/staff", &g), named(g.Name, "staff"))
		}},
	)
}

func named(got, want string) error {
	if got != want {
		return fmt.Errorf("it is named %q, want %q", got, want)
	}
	return nil
}
