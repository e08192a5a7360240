package provider_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

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
			tf := newByHand(t, "")
			if err := os.CopyFS(tf.dir, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			tf.must("get")
			out, code := tf.run("test")
			if code != 0 || !regexp.MustCompile(`Success! [2-9] passed, 0 failed`).MatchString(out) {
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

// TestReplaceOfProtected: -replace and a taint, which no plan shows to the provider, are refused before anything is deleted; what the
// error says to do is what helps.
func TestReplaceOfProtected(t *testing.T) {
	s, connected := start(t)
	t.Parallel()
	tf := newByHand(t, "")
	const at = "concord_partner.x"
	write := func(protected string) {
		t.Helper()
		tf.write("main.tf", required+connected+block(`resource "concord_partner" "x"`, `cluster_id = "LDC"`, `agent_id = "a"`, `primary = ["127.0.0.1:9"]`, "deletion_protection = "+protected))
	}
	refused := func(args ...string) {
		t.Helper()
		out, code := tf.run("apply", append(args, "-auto-approve")...)
		if code == 0 || !regexp.MustCompile(words("It was not deleted. Leave -replace out")).MatchString(out) {
			t.Errorf("%v: %d\n%s", args, code, out)
		}
		if err := s.get("/v1/partners/LDC", nil); err != nil {
			t.Errorf("%v: it is gone: %v", args, err)
		}
	}
	write("true")
	tf.must("apply", "-auto-approve")
	refused("-replace=" + at)
	tf.empty()
	tf.must("taint", at)
	refused()
	tf.must("untaint", at)
	write("false")
	tf.must("apply", "-auto-approve")
	tf.must("apply", "-auto-approve", "-replace="+at)
	tf.must("destroy", "-auto-approve")
	if err := s.get("/v1/partners/LDC", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the destroy: %v", err)
	}
}
