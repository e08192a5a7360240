package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestExamplesApply: every example of the documentation applies as it is, next to the provider blocks of its two data
// centers, and is followed by an empty plan. What shows deletion protection is protected.
func TestExamplesApply(t *testing.T) {
	var files []string
	here, err := os.Getwd() // Terraform runs elsewhere
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"resources/*/resource.tf", "data-sources/*/data-source.tf"} {
		found, err := filepath.Glob(filepath.Join("..", "examples", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
			needTerraform(t)
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ny, ldc := twoSites(t)
			step := resource.TestStep{Config: ny.block("concord") + ldc.block("ldc") + strings.NewReplacer("concord.ldc\n", "ldc\n", "${path.module}", filepath.Join(here, filepath.Dir(name))).Replace(string(b))}
			if strings.Contains(string(b), "var.") {
				step.ConfigVariables = config.Variables{}
				for _, v := range []string{"first_password", "agent_secret", "passphrase", "directory_password", "prometheus_token"} {
					if strings.Contains(string(b), "var."+v) {
						step.ConfigVariables[v] = config.StringVariable("a-long-enough-secret-that-nobody-guesses")
					}
				}
			}
			steps := []resource.TestStep{step}
			if strings.Contains(step.Config, protectedLine) { // and is destroyed only when it is not protected any more
				refused, step := step, step
				refused.Destroy, refused.ExpectError = true, regexp.MustCompile(words(`is protected from deletion`))
				step.Config = strings.ReplaceAll(step.Config, protectedLine, "deletion_protection = false")
				steps = append(steps, refused, step)
			}
			acceptance(t, steps...)
		})
	}
}

const protectedLine = "deletion_protection = true"

// TestEphemeralExamplesPlan: what the examples open is opened in a plan, for real. What they hand on to other machines is not.
func TestEphemeralExamplesPlan(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "examples", "ephemeral-resources", "*", "ephemeral-resource.tf"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s, provider := start(t)
			step := resource.TestStep{Config: provider + string(b), PlanOnly: true, ExpectNonEmptyPlan: strings.Contains(string(b), "\nresource ")}
			if strings.Contains(string(b), "var.deploy_password") {
				s.User("deploy")
				s.Role("operators", wire.AdminRole{Users: []string{"deploy"}})
				step.ConfigVariables = config.Variables{"deploy_password": config.StringVariable(testkit.Password)}
			}
			acceptance(t, step)
		})
	}
}

// twoSites runs NYDC and LDC.
func twoSites(t *testing.T) (ny, ldc site) {
	t.Helper()
	needTerraform(t)
	both := testkit.Start(t, "NYDC", "LDC")
	return site{both[0], t}, site{both[1], t}
}
