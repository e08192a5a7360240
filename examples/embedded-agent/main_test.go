package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/concord-access/terraform-provider-concord/agent"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestProgramBehindConcord: the example before a real data center. Who is signed in is greeted by name, nobody else gets in, and a name
// that a browser makes up counts for nothing (SEC-20).
func TestProgramBehindConcord(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.Put("/v1/groups/staff", map[string]string{"name": "staff"})
	d.User("ann", "staff")
	app := d.Application("web", "https://shop.example")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte(d.CACertPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(agent.Config{ClusterID: "NYDC", Name: "web", Secret: agent.Secret(app.Secret), CAFile: roots,
		Servers: []agent.Server{{Node: "nydc1", URL: d.RuntimeURL}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	front := httptest.NewServer(protected(a))
	defer front.Close()
	get := func(cookie string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "shop.example"
		r.Header.Set("Cookie", cookie)
		r.Header.Set("X-Concord-User", "eve")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if status, text := get(""); status != http.StatusUnauthorized {
		t.Errorf("nobody: %d %s", status, text)
	}
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	if status, text := get("__Host-concord_agent_web=" + b.AgentCookie(app)); status != http.StatusOK || text != "Hello, ann of staff.\n" {
		t.Errorf("ann: %d %s", status, text)
	}
}
