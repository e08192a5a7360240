package app_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestLooksAreReadAgain: SIGHUP takes a changed style sheet and logo over without a restart; one that cannot be used changes nothing.
func TestLooksAreReadAgain(t *testing.T) {
	p := testkit.NewProcess(t, program(t), "NYDC")
	css, logo := filepath.Join(t.TempDir(), "theme.css"), filepath.Join(t.TempDir(), "logo.svg")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(css, ":root { --accent: #111111; }")
	write(logo, "<svg id=\"first\"/>")
	node, err := os.ReadFile(p.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	write(p.ConfigFile, string(node)+"\npages {\n  css_file  = \""+css+"\"\n  logo_file = \""+logo+"\"\n}\n")
	p.Start()
	get := func(path string) string {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: p.TLS(), DisableKeepAlives: true}}
		res, err := client.Get(p.RuntimeURL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if !strings.Contains(get("/assets/console.css"), "#111111") || !strings.Contains(get("/assets/logo"), "first") {
		t.Fatal("the looks of the start are not there")
	}
	write(css, ":root { --accent: #222222; }")
	write(logo, "<svg id=\"second\"/>")
	p.Signal(syscall.SIGHUP)
	p.Within(testkit.Limit, "the new looks", func() bool {
		return strings.Contains(get("/assets/console.css"), "#222222") && strings.Contains(get("/assets/logo"), "second")
	})
	write(css, "</style><script>")
	p.Signal(syscall.SIGHUP)
	p.Within(testkit.Limit, "the refusal in the log", func() bool { return strings.Contains(p.Log(), "the pages keep their former looks") })
	if got := get("/assets/console.css"); !strings.Contains(got, "#222222") || strings.Contains(got, "<script>") {
		t.Error("a style sheet that is none was taken over, or the former one lost")
	}
}
