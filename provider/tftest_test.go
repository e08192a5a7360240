package provider_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// TestMain makes the test program the provider where Terraform starts it as one: for a Terraform that is run by hand there needs to be
// a program, and building another one would take longer than all that is tested with it.
func TestMain(m *testing.M) {
	if os.Getenv("TF_PLUGIN_MAGIC_COOKIE") != "" { // go-plugin's sign for a program that is started as a plugin
		if err := providerserver.Serve(context.Background(), provider.New("test"), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestTerraformTests: `terraform test` passes in every example that has tests. No data center runs and no registry is asked.
func TestTerraformTests(t *testing.T) {
	needTerraform(t)
	folders := testFolders(t)
	if len(folders) != 3 {
		t.Errorf("tests in %v", folders)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			env := overridden(t)
			if out, err := runTerraform(t, dir, env, "get"); err != nil {
				t.Fatal(err, out)
			}
			out, err := runTerraform(t, dir, env, "test")
			if err != nil || !regexp.MustCompile(`Success! [2-9] passed, 0 failed`).MatchString(out) {
				t.Error(out)
			}
		})
	}
}

// testFolders finds the examples that have tests.
func testFolders(t *testing.T) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", "examples"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "tests" {
			folders = append(folders, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// overridden is an environment in which Terraform takes this program for the provider, and asks nobody on the network.
func overridden(t *testing.T) []string {
	t.Helper()
	dir, rc := t.TempDir(), filepath.Join(t.TempDir(), "terraformrc")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "terraform-provider-concord")); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  filesystem_mirror { path = %q }\n}\n", "concord-access/concord", dir, t.TempDir())
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
}

// runTerraform runs it and gives what it said.
func runTerraform(t *testing.T, dir string, env []string, verb string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", append([]string{verb, "-no-color"}, args...)...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestReplaceOfProtected: -replace and a taint, which no plan shows to the provider, are refused before anything is deleted; what the
// error says to do is what helps.
func TestReplaceOfProtected(t *testing.T) {
	s, connected := start(t)
	t.Parallel()
	dir, env := t.TempDir(), overridden(t)
	const at = "concord_partner.x"
	write := func(protected string) {
		t.Helper()
		text := block("terraform", "required_providers {", `concord = { source = "concord-access/concord" }`, "}") + connected +
			block(`resource "concord_partner" "x"`, `cluster_id = "LDC"`, `agent_id = "a"`, `primary = ["127.0.0.1:9"]`, "deletion_protection = "+protected)
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	does := func(verb string, args ...string) {
		t.Helper()
		if out, err := runTerraform(t, dir, env, verb, args...); err != nil {
			t.Fatalf("%s %v: %v\n%s", verb, args, err, out)
		}
	}
	refused := func(args ...string) {
		t.Helper()
		out, err := runTerraform(t, dir, env, "apply", append(args, "-auto-approve")...)
		if err == nil || !regexp.MustCompile(words("It was not deleted. Leave -replace out")).MatchString(out) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		if err := s.get("/v1/partners/LDC", nil); err != nil {
			t.Errorf("%v: it is gone: %v", args, err)
		}
	}
	write("true")
	does("apply", "-auto-approve")
	refused("-replace=" + at)
	does("plan", "-detailed-exitcode")
	does("taint", at)
	refused()
	does("untaint", at)
	write("false")
	does("apply", "-auto-approve")
	does("apply", "-auto-approve", "-replace="+at)
	does("destroy", "-auto-approve")
	if err := s.get("/v1/partners/LDC", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the destroy: %v", err)
	}
}
