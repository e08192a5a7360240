package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestCurlThroughTheGate: curl -u works in front of an application whose scheme is HTTP Basic (RFC 7617); the application gets the user's name and
// never the password, and what it asks for by itself is left alone. A script in a browser is not asked in this way (SEC-15, SEC-20).
func TestCurlThroughTheGate(t *testing.T) {
	p := program(t)
	d := testkit.Start(t, "NYDC")[0]
	d.User("ann")
	d.Scheme("api", 1, "basic")
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, sent := r.BasicAuth()
		ours := r.URL.Path == "/api" && !sent && r.Header.Get(wire.HeaderUser) == "ann"
		if own := r.URL.Path == "/own" && user == "app" && password == "secret" && r.Header.Get(wire.HeaderUser) == ""; !ours && !own {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(application.Close)
	g := testkit.StartGate(t, p, d, "web", "1h", application.URL)
	d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{strings.TrimPrefix(g.Origin, "https://")}, Resources: map[string]wire.Resource{
		"api": {Paths: []string{"/api"}, AuthenticationScheme: "api"}, "own": {Paths: []string{"/own"}, Protection: "excluded"}}})
	const offered = `Basic realm="api", charset="UTF-8"`
	for name, c := range map[string]struct {
		args                 []string
		status, authenticate string
	}{
		"nobody":            {[]string{g.Origin + "/api"}, "401", offered},
		"ann":               {[]string{"-u", "ann:" + testkit.Password, g.Origin + "/api"}, "200", ""},
		"ann by POST":       {[]string{"-u", "ann:" + testkit.Password, "-d", "x=1", g.Origin + "/api"}, "200", ""},
		"wrong":             {[]string{"-u", "ann:x", g.Origin + "/api"}, "401", offered},
		"a script":          {[]string{"-H", "Sec-Fetch-Mode: cors", "-u", "ann:" + testkit.Password, g.Origin + "/api"}, "401", `Concord realm="web"`},
		"the application's": {[]string{"-u", "app:secret", g.Origin + "/own"}, "200", ""},
		"a person":          {[]string{"-H", "Sec-Fetch-Mode: navigate", g.Origin + "/api"}, "302", ""},
	} {
		if status, authenticate := testkit.Curl(t, d.CACertPEM, c.args...); status != c.status || authenticate != c.authenticate {
			t.Errorf("%s: %s, WWW-Authenticate %q", name, status, authenticate)
		}
	}
	if n := len(d.Sessions("ann")); n != 1 {
		t.Errorf("ann has %d sessions", n)
	}
}
