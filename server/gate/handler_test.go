package gate_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

func simple(t testing.TB) (*house, *concord) {
	t.Helper()
	c := newConcord(t, "NYDC", "ny1")
	return newHouse(t, []*concord{c}, nil, nil), c
}

// Proves what the gate asks about a request: the origin form undecoded, its own cookie only and only when it is there once
// (SEC-07, SEC-08), the agent's credentials, and no header that names another client or path (SEC-20).
func TestAuthorizeRequest(t *testing.T) {
	h, c := simple(t)
	host := strings.TrimPrefix(h.front.URL, "http://")
	base := wire.AuthorizeRequest{Method: "GET", Scheme: "http", Host: host, Target: "/", ClientAddress: "127.0.0.1"}
	cases := map[string]struct {
		method, target string
		headers        []string
		change         func(*wire.AuthorizeRequest)
	}{
		"plain":                  {"GET", "/", nil, func(*wire.AuthorizeRequest) {}},
		"target as it was sent":  {"POST", "/a%2Fb/../c?x=%2e;y", nil, func(r *wire.AuthorizeRequest) { r.Method, r.Target = "POST", "/a%2Fb/../c?x=%2e;y" }},
		"its cookie":             {"GET", "/", []string{"Cookie", "a=b; concord_agent_portal=c1.NYDC.x; c=d"}, func(r *wire.AuthorizeRequest) { r.Cookie = "c1.NYDC.x" }},
		"cookie twice":           {"GET", "/", []string{"Cookie", "concord_agent_portal=x; concord_agent_portal=x"}, func(*wire.AuthorizeRequest) {}},
		"cookie in two headers":  {"GET", "/", []string{"Cookie", "concord_agent_portal=x", "Cookie", "concord_agent_portal=y"}, func(*wire.AuthorizeRequest) {}},
		"quotes stay":            {"GET", "/", []string{"Cookie", `concord_agent_portal="x"`}, func(r *wire.AuthorizeRequest) { r.Cookie = `"x"` }},
		"cookie too long":        {"GET", "/", []string{"Cookie", "concord_agent_portal=" + strings.Repeat("x", 5000)}, func(*wire.AuthorizeRequest) {}},
		"other agent's cookie":   {"GET", "/", []string{"Cookie", "concord_agent_other=x; concord_agent_portal2=y"}, func(*wire.AuthorizeRequest) {}},
		"prefixed name on http":  {"GET", "/", []string{"Cookie", "__Host-concord_agent_portal=x"}, func(*wire.AuthorizeRequest) {}},
		"inactivity":             {"GET", "/", []string{"Cookie", "concord_gito=g"}, func(r *wire.AuthorizeRequest) { r.InactivityCookie = "g" }},
		"inactivity twice":       {"GET", "/", []string{"Cookie", "concord_gito=g; concord_gito=h"}, func(*wire.AuthorizeRequest) {}},
		"flow cookies":           {"GET", "/", []string{"Cookie", "concord_flow_portal_00000001=x; concord_flow_portal_00000002=y; concord_flow_other_1=z"}, func(r *wire.AuthorizeRequest) { r.FlowCookies = 2 }},
		"navigation":             {"GET", "/", []string{"Sec-Fetch-Mode", "navigate"}, func(r *wire.AuthorizeRequest) { r.Navigation = true }},
		"script that wants html": {"GET", "/", []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, func(*wire.AuthorizeRequest) {}},
		"two modes":              {"GET", "/", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Mode", "navigate"}, func(*wire.AuthorizeRequest) {}},
		"old browser":            {"GET", "/", []string{"Accept", "text/html,*/*"}, func(r *wire.AuthorizeRequest) { r.Navigation = true }},
		"old browser's post":     {"POST", "/", []string{"Accept", "text/html"}, func(r *wire.AuthorizeRequest) { r.Method = "POST" }},
		"forwarding headers":     {"GET", "/", []string{"X-Forwarded-Uri", "/public", "X-Forwarded-Method", "OPTIONS", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil", "X-Original-Url", "/x"}, func(*wire.AuthorizeRequest) {}},
		"method override":        {"POST", "/", []string{"X-Http-Method-Override", "GET"}, func(r *wire.AuthorizeRequest) { r.Method = "POST" }},
		"probe":                  {"OPTIONS", "/healthz", []string{"User-Agent", "kube-probe/1.29"}, func(r *wire.AuthorizeRequest) { r.Method, r.Target = "OPTIONS", "/healthz" }},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			h.do(x.method, x.target, x.headers...)
			want := base
			x.change(&want)
			calls := c.taken()
			if len(calls) != 1 || calls[0].path != "POST /session/v1/authorize" || calls[0].user != "portal" || calls[0].password != secret {
				t.Fatalf("calls: %+v", calls)
			}
			if d := cmp.Diff(want, calls[0].authorize); d != "" {
				t.Fatal(d)
			}
		})
	}
}

// Proves ASVS 16.5.3: a person is sent to sign in, a program gets 401, and the application sees neither.
func TestChallenge(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionChallenge, Location: "https://login.example/login?request=R", SetCookies: []string{"concord_flow_portal_1=F; Path=/", "x=y"}})
	res, _ := h.get("/", "Sec-Fetch-Mode", "navigate")
	h.wantStatus(res, http.StatusFound)
	if res.Header.Get("Location") != "https://login.example/login?request=R" || len(res.Header.Values("Set-Cookie")) != 2 || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", res.Header)
	}
	res, body := h.get("/")
	h.wantStatus(res, http.StatusUnauthorized)
	if p := problem(t, res, body); p.Code != "not_signed_in" || res.Header.Get("Location") != "" || res.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("got %+v %v", p, res.Header)
	}
	c.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionChallenge})
	res, body = h.get("/", "Sec-Fetch-Mode", "navigate")
	h.wantStatus(res, http.StatusUnauthorized)
	if !strings.Contains(body, "<h1>Sign in first</h1>") {
		t.Errorf("no page: %s", body)
	}
	if n := h.app.count(); n != 0 {
		t.Errorf("the application got %d requests", n)
	}
}

func TestDeny(t *testing.T) {
	h, c := simple(t)
	for _, word := range []string{wire.DecisionDeny, "", "Allow", "allow ", "maybe"} {
		c.say(200, wire.AuthorizeAnswer{Decision: word, Reason: "p/rule/1", Location: "https://evil.example"})
		res, body := h.get("/", "Sec-Fetch-Mode", "navigate")
		h.wantStatus(res, http.StatusForbidden)
		if !strings.Contains(body, "You may not open this page") || strings.Contains(body, "rule/1") {
			t.Errorf("%q: page %s", word, body)
		}
		res, body = h.get("/")
		h.wantStatus(res, http.StatusForbidden)
		if p := problem(t, res, body); p.Code != "denied" {
			t.Errorf("%q: %+v", word, p)
		}
	}
	if n := h.app.count(); n != 0 {
		t.Errorf("the application got %d requests", n)
	}
}

// Proves that the gate never fails open: whatever comes instead of an allow, the application sees nothing.
func TestNeverFailsOpen(t *testing.T) {
	allow := wire.AuthorizeAnswer{Decision: wire.DecisionAllow}
	cases := map[string]struct {
		status        int
		body          any
		cluster, node string
		want          int
	}{
		"other cluster (CAMS-05)": {200, allow, "LDC", "ny1", 503},
		"other node (CAMS-05)":    {200, allow, "NYDC", "ny2", 503},
		"cluster in other case":   {200, allow, "nydc", "ny1", 503},
		"no names":                {200, allow, "", "", 503},
		"internal error":          {500, allow, "NYDC", "ny1", 503},
		"not ready":               {503, allow, "NYDC", "ny1", 503},
		"too many":                {429, allow, "NYDC", "ny1", 503},
		"redirect":                {302, allow, "NYDC", "ny1", 503},
		"secret not accepted":     {401, wire.Problem{Code: "wrong_secret", Detail: "no"}, "NYDC", "ny1", 503},
		"agent not allowed":       {403, wire.Problem{Code: "wrong_host", Detail: "no"}, "NYDC", "ny1", 403},
		"ambiguous path":          {400, wire.Problem{Code: "ambiguous_path", Detail: "The address can be read in two ways."}, "NYDC", "ny1", 400},
		"refusal by a stranger":   {400, wire.Problem{Code: "ambiguous_path", Detail: "x"}, "LDC", "ny1", 503},
		"not JSON":                {200, "<html>allow</html>", "NYDC", "ny1", 503},
		"empty":                   {200, "", "NYDC", "ny1", 503},
		"no content":              {204, "", "NYDC", "ny1", 403},
		"null":                    {200, "null", "NYDC", "ny1", 403},
		"bare page 404":           {404, "no such page", "NYDC", "ny1", 503},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			h, c := simple(t)
			c.say(x.status, x.body)
			c.rename(x.cluster, x.node)
			res, body := h.get("/")
			h.wantStatus(res, x.want)
			problem(t, res, body)
			if x.want == 503 && res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if n := h.app.count(); n != 0 {
				t.Errorf("the application got %d requests", n)
			}
		})
	}
}

func TestUnreachableConcordShowsAPage(t *testing.T) {
	h, c := simple(t)
	c.Close()
	res, body := h.get("/", "Accept", "text/html")
	h.wantStatus(res, http.StatusServiceUnavailable)
	for _, want := range []string{"Access cannot be checked", "<html lang=\"en\">", "Request <code>" + res.Header.Get(wire.HeaderRequestID)} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in %s", want, body)
		}
	}
	csp := res.Header.Get("Content-Security-Policy")
	_, rest, _ := strings.Cut(body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	if !strings.Contains(csp, "default-src 'none'; img-src data:; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || len(style) < 100 {
		t.Errorf("the policy %q does not fit the style %q", csp, style)
	}
}

// Proves that the reserved paths never reach the application, in any spelling, and are not asked about.
func TestReservedPaths(t *testing.T) {
	h, c := simple(t)
	for _, target := range []string{"/.concord", "/.concord/", "/.concord/x", "/%2econcord/x", "/.concord%2fx", "/.conc%6Frd/x", "/.concord/callback/x", "/.concord//logout"} {
		res, _ := h.get(target)
		h.wantStatus(res, http.StatusNotFound)
	}
	if len(c.taken()) != 0 || h.app.count() != 0 {
		t.Error("a reserved path went on")
	}
}

func TestCookieNamesFollowTheScheme(t *testing.T) {
	c := newConcord(t, "NYDC", "ny1")
	h := newHouse(t, []*concord{c}, nil, func(c *gate.Config) { c.ExternalScheme = "https" })
	h.get("/", "Cookie", "__Host-concord_agent_portal=x; concord_agent_portal=y; __Secure-concord_gito=g; __Host-concord_flow_portal_1=f")
	got := c.taken()[0].authorize
	if got.Cookie != "x" || got.InactivityCookie != "g" || got.FlowCookies != 1 || got.Scheme != "https" {
		t.Fatalf("got %+v", got)
	}
}
