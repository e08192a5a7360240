package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// command is a command line of concord in a page: behind a backtick, or where a shell would begin one.
var command = regexp.MustCompile("(?:`|^ {0,8}|[$]\\(|&& |; |\\| )concord ((?:[^`#|;&<>\\\\)]|\\\\\n)+)")

// word is what a verb looks like; a name, a flag, a path or a placeholder is none.
var word = regexp.MustCompile(`^[a-z]+$`)

// TestVerbsInPages: every command that a page shows is one, with the flags that the page gives it.
func TestVerbsInPages(t *testing.T) {
	t.Parallel()
	root, seen := filepath.Join("..", ".."), 0
	for _, page := range pages(t, root) {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.ReplaceAll(string(b), "\\\n", " "), "\n") {
			for _, m := range command.FindAllStringSubmatch(line, -1) {
				seen++
				if why := wrong(strings.Fields(m[1])); why != "" {
					t.Errorf("%s: concord %s: %s", strings.TrimPrefix(page, root+"/"), m[1], why)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

// wrong follows the verbs down, and then looks for the flags in the help of the last one.
func wrong(words []string) string {
	var verbs []string
	help := helpOf(nil)
	for len(words) > 0 && word.MatchString(words[0]) && strings.Contains(help, "Available Commands:") {
		if !strings.Contains(help, "\n  "+words[0]+" ") {
			return "no verb " + words[0]
		}
		verbs, words = append(verbs, words[0]), words[1:]
		help = helpOf(verbs)
	}
	for _, w := range words {
		if flag, _, _ := strings.Cut(strings.TrimRight(w, ".,:\"'"), "="); strings.HasPrefix(flag, "--") && flag != "--" && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(help) {
			return "no flag " + flag
		}
	}
	return ""
}

func helpOf(verbs []string) string {
	code, out, errs := run(nil, append(append([]string{}, verbs...), "--help")...)
	if code != cli.ExitFine {
		return errs
	}
	return out
}

// pages are what people read, but for what is generated from elsewhere.
func pages(t *testing.T, root string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "openapi"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md") && d.Name() != "CHANGELOG.md":
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWrongVerbInAPage is the negative control.
func TestWrongVerbInAPage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"status -o json": "", "trust rotate --all": "", "replication conflicts show ID --at NYDC": "", "validate": "", "session end -- -aB3": "",
		"migrate oam": "no verb migrate", "trust bogus": "no verb bogus", "status --all": "no flag --all", "trust token mak": "no verb mak", "promote --forc": "no flag --forc",
	} {
		if got := wrong(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, not %q", line, got, want)
		}
	}
}
