package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// TestPagesBlock: paths count from the file's folder, what is written is read back, and faults are found where they stand.
func TestPagesBlock(t *testing.T) {
	t.Parallel()
	file := write(t, good+"pages {\n  title     = \"Example Corp\"\n  css_file  = \"theme.css\"\n  logo_file = \"/etc/concord/logo.svg\"\n}\n")
	n, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := (config.Pages{Title: "Example Corp", CSSFile: filepath.Join(filepath.Dir(file), "theme.css"), LogoFile: "/etc/concord/logo.svg"}); n.Pages != want {
		t.Errorf("got %+v", n.Pages)
	}
	again := filepath.Join(t.TempDir(), "concord.hcl")
	if err := config.WriteNode(again, n); err != nil {
		t.Fatal(err)
	}
	if back, err := config.Load(again); err != nil || back.Pages != n.Pages {
		t.Errorf("read back %+v, %v", back, err)
	}
	for name, c := range map[string][2]string{"unknown key": {"colour = \"red\"", "colour"}, "long title": {"title = \"" + strings.Repeat("x", 81) + "\"", "80 bytes"}, "a number": {"css_file = true", "css_file"}} {
		if _, err := config.Load(write(t, good+"pages {\n  "+c[0]+"\n}\n")); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
