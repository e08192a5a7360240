package console_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/console"
)

// catalogues reads the files as they lie there.
func catalogues(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("catalogue/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("catalogues: %v, %v", files, err)
	}
	out := map[string]map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		phrases := map[string]string{}
		if err := json.Unmarshal(b, &phrases); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = phrases
	}
	return out
}

// TestCataloguesAreComplete: each language has every phrase, with the same places to fill in, and none that is left over.
func TestCataloguesAreComplete(t *testing.T) {
	t.Parallel()
	all := catalogues(t)
	place := regexp.MustCompile(`\{\w+\}`)
	for tag, phrases := range all {
		for key, english := range all["en"] {
			got, there := phrases[key]
			if !there || strings.TrimSpace(got) == "" {
				t.Errorf("%s has no %q", tag, key)
			}
			if len(place.FindAllString(got, -1)) != len(place.FindAllString(english, -1)) {
				t.Errorf("%s: %q fills in other places than English", tag, key)
			}
			if tag != "en" && got == english && key != "date" && len(english) > 12 {
				t.Errorf("%s: %q is still English", tag, key)
			}
		}
		for key := range phrases {
			if _, there := all["en"][key]; !there {
				t.Errorf("%s: nobody says %q", tag, key)
			}
		}
	}
}

// TestEveryPhraseThatPagesSayIsThere reads the templates and httpapi's code for keys.
func TestEveryPhraseThatPagesSayIsThere(t *testing.T) {
	t.Parallel()
	english := catalogues(t)["en"]
	said := regexp.MustCompile(`Say "([\w.]+)"|Say\("([\w.]+)"|"((?:error|login|sessions|signed_in|logout|fault)\.[\w.]+)"`)
	found := 0
	for _, root := range []string{"templates", "../httpapi", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range said.FindAllStringSubmatch(string(b), -1) {
				key := m[1] + m[2] + m[3]
				if strings.HasSuffix(key, ".") { // the rest is put on at run time
					continue
				}
				found++
				if english[key] == "" {
					t.Errorf("%s says %q, which is in no catalogue", path, key)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("only %d phrases were found: this test looks in the wrong place", found)
	}
}

func TestTheBrowserChoosesTheLanguage(t *testing.T) {
	t.Parallel()
	p := pages(t)
	for accept, want := range map[string]string{"": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "fr,de;q=0.5": "de", "fr": "en", "en-US,de;q=0.9": "en", "*": "en",
		"de;q=0,en": "en", strings.Repeat("de,", 200): "en", "\x00\xff;;q=": "en", "DE": "de", "de_DE": "de"} {
		if got := p.Text(accept).Lang(); got != want {
			t.Errorf("%.40q: %s, want %s", accept, got, want)
		}
	}
	at := time.Date(2026, 3, 1, 8, 5, 0, 0, time.FixedZone("x", 3600))
	if got := p.Text("de").Stamp(at); got != "1. März 2026, 07:05 UTC" {
		t.Error(got)
	}
	if got := p.Text("en").Stamp(at); got != "1 March 2026, 07:05 UTC" {
		t.Error(got)
	}
	if got := p.Text("de").Fault("no_such_code", "forbidden"); got != "Das wurde nicht angenommen." {
		t.Error(got)
	}
}

// TestThemes: an organisation's title, style and logo; what could run or break out is refused.
func TestThemes(t *testing.T) {
	t.Parallel()
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
	p, err := console.New(console.Theme{Title: "Example & Sons", CSS: []byte(":root { --accent: #7a1f5c; }"), Logo: svg})
	if err != nil {
		t.Fatal(err)
	}
	page := render(t, func(w io.Writer) error { return p.Login(w, console.Login{Page: console.Page{Text: p.Text("")}}) })
	if img := page.find("img", "", ""); img == nil || attr(img, "src") != "/assets/logo" || !has(img, "alt") || !strings.Contains(inner(page.find("title", "", "")), "Example & Sons") {
		t.Errorf("the theme is not there: %s", page.text)
	}
	if css := string(p.Stylesheet()); !strings.Contains(css, "--accent: #1d4f91") || !strings.HasSuffix(css, "#7a1f5c; }") {
		t.Error("the style sheet is not laid over ours")
	}
	if b, mediaType, ok := p.Logo(); !ok || mediaType != "image/svg+xml" || string(b) != string(svg) {
		t.Errorf("logo %s %t", mediaType, ok)
	}
	inside := render(t, func(w io.Writer) error {
		return p.Error(w, console.Error{Page: console.Page{Text: p.Text(""), Inside: true}, Title: "T", Sentence: "S"})
	})
	if style := inside.find("style", "", ""); style == nil || inside.find("img", "", "") != nil || inner(style) != strings.TrimSpace(string(p.Stylesheet())) {
		t.Error("a page for another host does not carry its style")
	}
	for name, bad := range map[string]console.Theme{
		"breaks out": {CSS: []byte("</style><script>")}, "not UTF-8": {CSS: []byte{0xff}}, "too long": {CSS: make([]byte, console.MaxCSS+1)},
		"HTML as logo": {Logo: []byte("<html>")}, "a long logo": {Logo: append(svg, make([]byte, console.MaxLogo)...)}, "a long title": {Title: strings.Repeat("x", 81)},
	} {
		if _, err := console.New(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
