package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// fenced is a block of a page: its language and its text.
var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// applied are the guides whose configurations are applied too, and the data centers that they are about.
var applied = map[string][]string{
	"adopt-existing.md":    {"NYDC"},
	"ci.md":                {"NYDC"},
	"migrate-from-cams.md": {"NYDC"},
	"migrate-from-mss.md":  {"NYDC", "LDC"},
	"migrate-from-oam.md":  {"NYDC"},
	"quick-start.md":       {"HOME"},
	"two-data-centers.md":  {"NYDC", "LDC"},
}

// TestGuides: the configurations of a guide are one that Terraform finds valid as they stand, those of one page together, and
// applies where they are whole; a block of a node's or a gate's file, whose first line names it, is one that the program reads.
func TestGuides(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join("templates", "guides", "*.md"))
	if err != nil || len(all) == 0 {
		t.Fatal("no guides", err)
	}
	plugins, err := testkit.BuildProvider(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range all {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			var configuration, tests strings.Builder
			rc := ""
			for _, block := range fenced.FindAllStringSubmatch(string(b), -1) {
				switch name, _, _ := strings.Cut(block[2], "\n"); {
				case block[1] == "terraform" && needsMore(block[2]):
					// Not for the oldest Terraform that is served, or not without what plan -generate-config-out writes.
				case block[1] == "terraform" && strings.HasPrefix(block[2], "run "): // of a test file
					tests.WriteString(block[2] + "\n")
				case block[1] == "terraform":
					configuration.WriteString(block[2] + "\n")
				case block[1] == "hcl" && strings.Contains(name, "concord.hcl"):
					read(t, config.Load, block[2])
				case block[1] == "hcl" && strings.Contains(name, "gate.hcl"):
					read(t, gate.Load, block[2])
				case block[1] == "hcl" && strings.Contains(name, "terraform.rc"):
					rc = strings.ReplaceAll(block[2], "/usr/share/terraform/mirror", plugins)
				case block[1] == "hcl":
					t.Errorf("whose file is this? Write terraform as the language, or its name in the first line:\n%s", block[2])
				}
			}
			if configuration.Len() > 0 {
				tf := valid(t, plugins, rc, configuration.String(), tests.String())
				if ids := applied[filepath.Base(page)]; ids != nil {
					apply(t, tf, testkit.Start(t, ids...))
				}
			}
		})
	}
}

// needsMore says that a block is a query's or an action, which a newer Terraform takes, or has imports alone: Terraform writes
// the resources to them.
func needsMore(block string) bool {
	return strings.HasPrefix(block, "list ") || strings.HasPrefix(block, "action ") || strings.HasPrefix(block, "import {") && !strings.Contains(block, "\nresource ")
}

// read gives a block to whoever reads such files. Secrets and certificates that it names are not there: nothing else may be wrong.
func read[C any](t *testing.T, load func(string) (C, error), text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(file); err != nil {
		for line := range strings.Lines(err.Error()) {
			if !strings.Contains(line, "no such file") {
				t.Errorf("%s\n%s", line, text)
			}
		}
	}
}

// valid lets the real Terraform judge, with the modules of the examples beside the configuration. A page that says nothing of
// the provider's source means the reader's configuration, which says it; one with a file of the command line's is installed by that.
func valid(t *testing.T, plugins, rc, text, tests string) *testkit.Terraform {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "modules"), os.DirFS(filepath.Join("examples", "modules"))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "required_providers") {
		text = "terraform {\n  required_providers {\n    concord = { source = \"concord-access/concord\" }\n  }\n}\n" + text
	}
	for name, text := range map[string]string{"main.tf": text, "page.tftest.hcl": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tf := testkit.NewTerraform(t, dir)
	init := []string{"init", "-backend=false", "-no-color", "-plugin-dir=" + plugins}
	if rc != "" {
		file := filepath.Join(dir, "terraform.rc")
		if err := os.WriteFile(file, []byte(rc), 0o600); err != nil {
			t.Fatal(err)
		}
		tf.Env, init = append(tf.Env, "TF_CLI_CONFIG_FILE="+file), init[:3]
	}
	tf.Must(init...)
	if out := tf.Must("validate", "-no-color"); strings.Contains(out, "Warning") {
		t.Errorf("valid, with warnings:\n%s", out)
	}
	return tf
}

// apply lets Terraform make at real data centers what a page declares, and wants an empty plan after it. The addresses are theirs,
// the roots lie where the guides put them, and the first one is that of the environment.
func apply(t *testing.T, tf *testkit.Terraform, centers []*testkit.DataCenter) {
	t.Helper()
	main, err := os.ReadFile(filepath.Join(tf.Dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	machine := map[string]string{"NYDC": "ny1.example.com", "LDC": "ld1.example.com"}
	files, tokens := map[string]string{"setup.msi": "what an emulator installs"}, map[string]string{}
	for _, d := range centers {
		tokens[d.ClusterID], files[strings.ToLower(d.ClusterID)+"-ca.pem"] = d.Token, d.CACertPEM
		if at := machine[d.ClusterID]; at != "" {
			main = []byte(strings.NewReplacer("https://"+at+":7400", d.Endpoint, at+":7402", d.PeerAddress).Replace(string(main)))
		}
	}
	files["main.tf"] = string(main)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(tf.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const secret = "a-long-enough-secret-that-nobody-guesses"
	first := centers[0]
	first.Put("/v1/groups/by-hand", wire.Group{Name: "by-hand"}) // for a page that adopts
	tf.Env = append(tf.Env, "CONCORD_ENDPOINT="+first.Endpoint, "CONCORD_TOKEN="+first.Token, "CONCORD_CACERT="+strings.ToLower(first.ClusterID)+"-ca.pem",
		"TF_VAR_tokens="+variable(t, tokens), "TF_VAR_ci_passwords="+variable(t, map[string]string{"plan": secret, "apply": secret}))
	for _, name := range []string{"passphrase", "agent_secret", "first_password"} {
		tf.Env = append(tf.Env, "TF_VAR_"+name+"="+secret)
	}
	tf.Must("apply", "-auto-approve", "-no-color")
	if out, code := tf.Run("plan", "-detailed-exitcode", "-no-color"); code != 0 {
		t.Errorf("the plan after the apply is not empty:\n%s", out)
	}
}

// variable is a value as the environment hands it to Terraform.
func variable(t *testing.T, of map[string]string) string {
	t.Helper()
	b, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	link    = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile("[^a-z0-9 _-]")
)

// repository is how a page that a registry shows links what it does not show: pages by hand.
const repository = "https://github.com/concord-access/terraform-provider-concord/blob/main/"

// TestLinksOfGuides: what a guide links in the repository is there, heading included. A guide is read in the repository and in a registry, which has
// the guides and the reference alone, so a link to any other page has its whole address.
func TestLinksOfGuides(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join("templates", "guides", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range all {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			target, whole := strings.CutPrefix(m[1], repository)
			if !whole && strings.Contains(m[1], ":") {
				continue // of somebody else
			}
			if !whole {
				target = filepath.Join("docs", "guides", m[1])
			}
			if strings.HasPrefix(m[1], "../") && filepath.Dir(m[1]) == ".." && m[1] != "../index.md" {
				t.Errorf("%s: no registry has %s: write %sdocs/%s", page, m[1], repository, filepath.Base(m[1]))
			}
			if m[1] == "" {
				target = page
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			found := m[2] == ""
			for _, h := range heading.FindAllStringSubmatch(string(there), -1) {
				found = found || "#"+strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-") == m[2]
			}
			if !found {
				t.Errorf("%s: %s has no heading %s", page, m[1], m[2])
			}
		}
	}
}

// TestGuidesAreLinked: every guide is in the table of contents.
func TestGuidesAreLinked(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join("templates", "guides", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range all {
		if name := filepath.Base(page); !strings.Contains(string(readme), "docs/guides/"+name) {
			t.Errorf("README.md does not link docs/guides/%s", name)
		}
	}
}
