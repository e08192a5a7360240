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
			runTerraform(t, dir, env, "get", "-no-color")
			out := runTerraform(t, dir, env, "test", "-no-color")
			if !regexp.MustCompile(`Success! [2-9] passed, 0 failed`).MatchString(out) {
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
func runTerraform(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform %v: %v\n%s", args, err, out)
	}
	return string(out)
}
