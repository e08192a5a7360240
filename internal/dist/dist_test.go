package main_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

const (
	version = "9.8.7"
	made    = 1700000000 // seconds since 1970, in SOURCE_DATE_EPOCH
	product = "terraform-provider-concord"
)

var platform = runtime.GOOS + "_" + runtime.GOARCH

// TestRelease: two runs in two folders write the same bytes; the names and contents are what a registry wants; Terraform takes
// the archive as it is from a packed mirror.
func TestRelease(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(t.TempDir(), "dist"), filepath.Join(t.TempDir(), "dist")
	home, key := signer(t)
	run(t, here, first, key, "TZ=UTC", "GNUPGHOME="+home)
	run(t, copyOf(t, here), second, "", "TZ=Asia/Tokyo")
	files := []string{"_SHA256SUMS", "_" + platform + ".cdx.json", "_" + platform + ".zip", "_manifest.json"}
	for i, f := range files {
		files[i] = product + "_" + version + f
	}
	if key != "" {
		signed(t, filepath.Join(first, files[0]), home)
	}
	for _, dir := range []string{first, second} {
		if got := names(t, dir); !slices.Equal(got, files) {
			t.Fatalf("made %q, not %q", got, files)
		}
	}
	for _, f := range files {
		if !bytes.Equal(read(t, first, f), read(t, second, f)) {
			t.Errorf("%s differs from run to run", f)
		}
	}
	sums(t, first, files[0], files[2], files[3])
	oneProgram(t, filepath.Join(first, files[2]))
	if !bytes.Equal(read(t, first, files[3]), read(t, here, "terraform-registry-manifest.json")) {
		t.Error("the manifest is not the repository's")
	}
	billOfMaterials(t, read(t, first, files[1]))
	mirror(t, filepath.Join(first, files[2]))
}

// signer makes a key to sign with, in a folder of its own; none where gpg is missing.
func signer(t *testing.T) (home, fingerprint string) {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		return "", ""
	}
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // the path of a socket in it must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // the agent that gpg has started
		_ = os.RemoveAll(home)
	})
	gpg(t, home, "--passphrase", "", "--quick-generate-key", "release@example.com", "rsa2048", "sign", "1d")
	for l := range strings.Lines(gpg(t, home, "--list-secret-keys", "--with-colons")) {
		if rest, ok := strings.CutPrefix(l, "fpr:::::::::"); ok {
			return home, strings.Trim(rest, ":\n")
		}
	}
	t.Fatal("gpg made no key")
	return "", ""
}

// signed verifies the signature beside a file, and takes it away.
func signed(t *testing.T, file, home string) {
	t.Helper()
	gpg(t, home, "--verify", file+".sig", file)
	if err := os.Remove(file + ".sig"); err != nil {
		t.Fatal(err)
	}
}

func gpg(t *testing.T, home string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "gpg", append([]string{"--batch", "--homedir", home}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("gpg %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestRefusals: what would be no release is refused before anything is built, in a sentence that says what to do.
func TestRefusals(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "dist")
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	empty, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ out, version, platform, product, epoch, want string }{
		"version":     {out: empty, version: "v1.2.3", want: "without v"},
		"no version":  {out: empty, want: "-version 1.2.3"},
		"left files":  {out: full, version: version, want: "is not empty"},
		"platform":    {out: empty, version: version, platform: "plan9_amd64", want: "plan9_amd64"},
		"product":     {out: empty, version: version, product: "gate", want: "terraform-provider-concord or concord"},
		"time":        {out: empty, version: version, epoch: "yesterday", want: "SOURCE_DATE_EPOCH"},
		"before 1980": {out: empty, version: version, epoch: "0", want: "1980"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, "-out", c.out, "-version", c.version, "-platforms", c.platform, "-products", c.product)
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+cmp.Or(c.epoch, fmt.Sprint(made)))
			b, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(b), c.want) || bytes.Contains(b, []byte("dist: terraform")) {
				t.Errorf("%v: %s", err, b)
			}
		})
	}
}

// run makes the provider's files for this platform.
func run(t *testing.T, source, out, key string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./internal/dist", "-out", out, "-version", version, "-products", product, "-platforms", platform, "-key", key)
	cmd.Dir = source
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", made)), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
}

// copyOf copies what the provider and this program are made of.
func copyOf(t *testing.T, source string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "elsewhere")
	for _, folder := range []string{"internal", "provider", "tools/sbom"} {
		if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(source, folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "main.go", "terraform-registry-manifest.json"} {
		if err := os.WriteFile(filepath.Join(to, file), read(t, source, file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// sums checks that the file names exactly these, with their sums.
func sums(t *testing.T, dir, name string, files ...string) {
	t.Helper()
	var want strings.Builder
	for _, f := range files {
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(read(t, dir, f)), f)
	}
	if got := string(read(t, dir, name)); got != want.String() {
		t.Errorf("%s has\n%snot\n%s", name, got, want.String())
	}
}

// oneProgram checks that the archive holds the provider's program alone, which may be run, and is dated with the source.
func oneProgram(t *testing.T, file string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 1 {
		t.Fatalf("%d entries", len(z.File))
	}
	suffix := map[bool]string{true: ".exe"}[runtime.GOOS == "windows"]
	f := z.File[0]
	if f.Name != product+"_v"+version+suffix || f.Mode() != 0o755 || !f.Modified.Equal(time.Unix(made, 0)) {
		t.Errorf("the archive holds %s, mode %s, of %s", f.Name, f.Mode(), f.Modified)
	}
}

// billOfMaterials checks that it is of this release, names what the provider is made of, and says nothing of time or machine.
func billOfMaterials(t *testing.T, b []byte) {
	t.Helper()
	var bill struct {
		Format   string `json:"bomFormat"`
		Serial   string `json:"serialNumber"`
		Metadata struct {
			Timestamp string
			Component struct{ Version string }
		}
		Components []struct{ Name string }
	}
	if err := json.Unmarshal(b, &bill); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, c := range bill.Components {
		found[c.Name] = true
	}
	if bill.Format != "CycloneDX" || bill.Metadata.Component.Version != "v"+version || !found["github.com/hashicorp/terraform-plugin-framework"] || !found["std"] {
		t.Errorf("format %s, version %s, parts %v", bill.Format, bill.Metadata.Component.Version, found)
	}
	if found["github.com/stretchr/testify"] || bill.Serial != "" || bill.Metadata.Timestamp != "" {
		t.Errorf("it has what is not in the program, or a serial %q or time %q", bill.Serial, bill.Metadata.Timestamp)
	}
}

// mirror lays the archive as it is where `terraform init -plugin-dir` looks, and lets the provider in it answer.
func mirror(t *testing.T, archive string) {
	t.Helper()
	dir, plugins := t.TempDir(), t.TempDir()
	tf := testkit.NewTerraform(t, dir)
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		folder := filepath.Join(plugins, host, "concord-access", "concord")
		if err := os.MkdirAll(folder, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(archive)), read(t, filepath.Dir(archive), filepath.Base(archive)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := `terraform {
  required_providers {
    concord = {
      source  = "concord-access/concord"
      version = "` + version + `"
    }
  }
}
resource "concord_group" "x" {
  name = "staff"
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tf.Must("init", "-plugin-dir="+plugins, "-no-color"); !strings.Contains(out, version) {
		t.Errorf("init does not say the version:\n%s", out)
	}
	tf.Must("validate", "-no-color")
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		out = append(out, e.Name())
	}
	return out
}

func read(t *testing.T, dir, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
