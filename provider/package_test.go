package provider_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestPackageFollowsItsFile: another content of the file is a change of the package, uploaded by the apply and there at the
// clone too; a file that is gone or empty is refused at plan, and still may be destroyed (MSS-11).
func TestPackageFollowsItsFile(t *testing.T) {
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	file := filepath.Join(t.TempDir(), "setup.msi")
	write := func(content string) func() {
		return func() {
			t.Helper()
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("one")()
	config := ny.block("concord") + block(`resource "concord_package" "p"`, `name = "setup"`, fmt.Sprintf("source = %q", file), `users = ["ann"]`)
	size := func(n string) resource.TestCheckFunc {
		return resource.ComposeAggregateTestCheckFunc(resource.TestCheckResourceAttr("concord_package.p", "size", n), resource.TestCheckResourceAttr("concord_package.p", "format", "raw"),
			resource.TestCheckResourceAttr("concord_package.p", "file_name", "setup.msi"), func(*terraform.State) error { return ldc.holds("setup", n) })
	}
	update := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("concord_package.p", plancheck.ResourceActionUpdate)}}
	acceptance(t,
		resource.TestStep{Config: config, Check: size("3")},
		resource.TestStep{PreConfig: write("three and more"), Config: config, ConfigPlanChecks: update, Check: size("14")},
		resource.TestStep{PreConfig: write(""), Config: config, ExpectError: regexp.MustCompile(`(?s)source = .*has 0\s+bytes`)},
		resource.TestStep{PreConfig: func() { _ = os.Remove(file) }, Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)source = .*There\s+is\s+no\s+file`)},
		resource.TestStep{Config: ny.block("concord")},
	)
}

// holds says whether the content of a package, of that size, comes to the data center.
func (s site) holds(name, size string) error {
	s.t.Helper()
	s.Within(testkit.Limit, "the content of "+name+" is here", func() bool {
		var p wire.PackageView
		if s.get("/v1/packages/"+name, &p) != nil || fmt.Sprint(p.Size) != size {
			return false
		}
		return s.get("/v1/blobs/"+p.SHA256, nil) == nil
	})
	return nil
}

// TestPackageRefused: what the server finds in the file is told: a hostile archive with its entry (SEC-66), a content of another
// format at plan, and, at a clone, the master.
func TestPackageRefused(t *testing.T) {
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("../evil"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"evil.zip": b.Bytes(), "text.tgz": []byte("text"), "text.txt": []byte("text")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := func(s site, name string) string {
		return s.block("concord") + block(`resource "concord_package" "p"`, `name = "p"`, fmt.Sprintf("source = %q", filepath.Join(dir, name)))
	}
	acceptance(t,
		resource.TestStep{Config: config(ny, "evil.zip"), ExpectError: regexp.MustCompile(`(?s)The\s+archive\s+is\s+refused:\s+the\s+entry\s+"\.\./evil"`)},
		resource.TestStep{Config: config(ny, "text.tgz"), ExpectError: regexp.MustCompile(`(?s)cannot\s+be\s+read\s+as\s+tar\.gz`), PlanOnly: true},
		resource.TestStep{Config: config(ldc, "text.txt"), ExpectError: regexp.MustCompile(`(?s)endpoint = "` + regexp.QuoteMeta(ny.Endpoint))},
	)
}
