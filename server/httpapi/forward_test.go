package httpapi_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// asWebServer is what a web server sends about GET https://shop.example/cart by a browser that wants a page.
func asWebServer(app testkit.Application) http.Header {
	return http.Header{"X-Concord-Agent": {app.Agent}, "X-Concord-Secret": {app.Secret}, "X-Forwarded-Method": {"GET"}, "X-Forwarded-Proto": {"https"},
		"X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Uri": {"/cart?n=1"}, "Sec-Fetch-Mode": {"navigate"}}
}

func forward(t *testing.T, d *testkit.DataCenter, path string, h http.Header) answer {
	t.Helper()
	return send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + path, header: h})
}

// TestForwardAuthBelievesItsWebServerOnly: without the agent's name and secret, once each, everything is 403 whatever else is sent;
// with them each part of the address has to be there exactly once, in one form, and belong to the agent (SEC-08, SEC-14, SEC-20,
// SEC-22, SEC-28).
func TestForwardAuthBelievesItsWebServerOnly(t *testing.T) {
	d, app := signInHost(t)
	other := d.Application("bank", "https://bank.example")
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	mine := "__Host-concord_agent_shop=" + b.AgentCookie(app)
	for name, c := range map[string]struct {
		change http.Header // nil value: the header is not sent
		code   string
	}{
		"no agent":          {http.Header{"X-Concord-Agent": nil}, "wrong_agent"},
		"no secret":         {http.Header{"X-Concord-Secret": nil}, "wrong_agent"},
		"basic instead":     {http.Header{"X-Concord-Secret": nil, "Authorization": {basic(app.Agent, app.Secret)}}, "wrong_agent"},
		"wrong secret":      {http.Header{"X-Concord-Secret": {"x"}}, "wrong_agent"},
		"another's secret":  {http.Header{"X-Concord-Secret": {other.Secret}}, "wrong_agent"},
		"two secrets":       {http.Header{"X-Concord-Secret": {app.Secret, app.Secret}}, "wrong_agent"},
		"two agents":        {http.Header{"X-Concord-Agent": {app.Agent, other.Agent}}, "wrong_agent"},
		"unknown agent":     {http.Header{"X-Concord-Agent": {"nobody"}}, "wrong_agent"},
		"odd agent":         {http.Header{"X-Concord-Agent": {"a b"}}, "wrong_agent"},
		"no method":         {http.Header{"X-Forwarded-Method": nil}, "forwarded_headers"},
		"no scheme":         {http.Header{"X-Forwarded-Proto": nil}, "forwarded_headers"},
		"no host":           {http.Header{"X-Forwarded-Host": nil}, "forwarded_headers"},
		"no path":           {http.Header{"X-Forwarded-Uri": nil}, "forwarded_headers"},
		"empty path":        {http.Header{"X-Forwarded-Uri": {""}}, "forwarded_headers"},
		"two methods":       {http.Header{"X-Forwarded-Method": {"GET", "GET"}}, "forwarded_headers"},
		"two hosts":         {http.Header{"X-Forwarded-Host": {"shop.example", "shop.example"}}, "forwarded_headers"},
		"two paths":         {http.Header{"X-Forwarded-Uri": {"/cart", "/"}}, "forwarded_headers"},
		"hosts in a list":   {http.Header{"X-Forwarded-Host": {"shop.example, evil.example"}}, "bad_host"},
		"schemes in a list": {http.Header{"X-Forwarded-Proto": {"https, http"}}, "forwarded_headers"},
		"scheme in capital": {http.Header{"X-Forwarded-Proto": {"HTTPS"}}, "forwarded_headers"},
		"both forms":        {http.Header{"X-Original-Url": {"https://shop.example/cart"}}, "forwarded_headers"},
		"another's host":    {http.Header{"X-Forwarded-Host": {"bank.example"}}, "host_not_of_agent"},
		"another scheme":    {http.Header{"X-Forwarded-Proto": {"http"}}, "host_not_of_agent"},
		"another port":      {http.Header{"X-Forwarded-Host": {"shop.example:8443"}}, "host_not_of_agent"},
		"userinfo":          {http.Header{"X-Forwarded-Host": {"shop.example@evil.example"}}, "bad_host"},
		"whole address":     {http.Header{"X-Forwarded-Uri": {"https://shop.example/cart"}}, "ambiguous_path"},
		"dots":              {http.Header{"X-Forwarded-Uri": {"/a/../cart"}}, "ambiguous_path"},
		"an encoded slash":  {http.Header{"X-Forwarded-Uri": {"/a%2fb"}}, "ambiguous_path"},
		"two slashes":       {http.Header{"X-Forwarded-Uri": {"//evil.example/x"}}, "ambiguous_path"},
		"a fragment":        {http.Header{"X-Forwarded-Uri": {"/cart#/public"}}, "ambiguous_path"},
		"an unknown method": {http.Header{"X-Forwarded-Method": {"FOO"}, "Sec-Fetch-Mode": {"cors"}}, "denied"},
		"a small method":    {http.Header{"X-Forwarded-Method": {"get"}, "Sec-Fetch-Mode": {"cors"}}, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			h := asWebServer(app)
			h.Set("Cookie", mine)
			for k, v := range c.change {
				delete(h, k)
				if v != nil {
					h[k] = v
				}
			}
			for _, path := range []string{"/forward-auth", "/forward-auth?status=401"} {
				got := forward(t, d, path, h)
				if p := got.problem(t); got.status != http.StatusForbidden || p.Code != c.code {
					t.Errorf("%d %s, want %s", got.status, p.Code, c.code)
				}
				if len(got.header.Values("Set-Cookie")) > 0 || got.header.Get("X-Concord-User") != "" || got.header.Get("Location") != "" {
					t.Errorf("a refusal with %v", got.header)
				}
			}
		})
	}
}

// TestForwardAuthAnswers in each of its forms: allow with every identity header, so that none of a browser's is left, and with the
// browser's own cookies; a person is sent to sign in, in the status that the web server takes; a program is told (SEC-13, SEC-23).
func TestForwardAuthAnswers(t *testing.T) {
	d, app := signInHost(t)
	d.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example"},
		Resources: map[string]wire.Resource{"open": {Paths: []string{"/open"}, Protection: "public"}, "all": {Paths: []string{"/**"}}}})
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	signedIn := asWebServer(app)
	signedIn.Set("Cookie", `a="1 2"; __Host-concord_agent_shop=`+b.AgentCookie(app)+"; __Host-concord_flow_bank_00000001=x; concord_sso=y; b=2")
	with := func(h http.Header, more ...string) http.Header {
		h = h.Clone()
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = []string{more[i+1]}
			if more[i+1] == "" {
				delete(h, more[i])
			}
		}
		return h
	}
	original := with(signedIn, "X-Forwarded-Proto", "", "X-Forwarded-Host", "", "X-Forwarded-Uri", "", "X-Forwarded-Method", "", "X-Original-Url", "https://shop.example/cart", "X-Original-Method", "POST")
	for name, h := range map[string]http.Header{"forwarded": signedIn, "original": original, "POST": with(signedIn, "X-Forwarded-Method", "POST")} {
		got := forward(t, d, "/forward-auth", h)
		if got.status != http.StatusOK || got.header.Get("X-Concord-User") != "ann" || got.header.Get("X-Concord-Level") != "1" || got.header.Get("Cookie") != `a="1 2"; b=2` || got.body != "" {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
	}
	open := forward(t, d, "/forward-auth", with(asWebServer(app), "X-Forwarded-Uri", "/open"))
	for _, name := range append(wire.IdentityHeaders(), "Cookie") {
		if v, there := open.header[name]; !there || v[0] != "" {
			t.Errorf("nobody is named, but %s is %q", name, v)
		}
	}
	for _, c := range []struct {
		name, path string
		header     http.Header
		status     int
		location   bool
	}{
		{"a person", "/forward-auth", asWebServer(app), http.StatusFound, true},
		{"for nginx", "/forward-auth?status=401", asWebServer(app), http.StatusUnauthorized, true},
		{"a program", "/forward-auth", with(asWebServer(app), "Sec-Fetch-Mode", "cors"), http.StatusUnauthorized, false},
		{"a program, for nginx", "/forward-auth?status=401", with(asWebServer(app), "Sec-Fetch-Mode", "", "Accept", "*/*"), http.StatusUnauthorized, false},
		{"an old browser", "/forward-auth", with(asWebServer(app), "Sec-Fetch-Mode", "", "Accept", "text/html"), http.StatusFound, true},
		{"an old browser's form", "/forward-auth", with(asWebServer(app), "Sec-Fetch-Mode", "", "Accept", "text/html", "X-Forwarded-Method", "POST"), http.StatusUnauthorized, false},
		{"another status", "/forward-auth?status=200", asWebServer(app), http.StatusForbidden, false},
		{"another query", "/forward-auth?x=1", asWebServer(app), http.StatusForbidden, false},
		{"status twice", "/forward-auth?status=401&status=401", asWebServer(app), http.StatusForbidden, false},
		{"no reserved path", "/forward-auth/callback", signedIn, http.StatusForbidden, false},
	} {
		pool := send(t, d, ask{method: http.MethodHead, url: d.RuntimeURL + c.path, header: c.header})
		if pool.status != c.status || (pool.header.Get("Location") != "") != c.location || len(pool.header.Values("Set-Cookie")) > 1 || (len(pool.header.Values("Set-Cookie")) == 1) != c.location {
			t.Errorf("%s: %d %v", c.name, pool.status, pool.header)
		}
	}
	d.Put("/v1/authorization-policies/none", wire.AuthorizationPolicy{Name: "none", Rules: []wire.Rule{{Effect: "allow", Users: []string{"bob"}}}})
	d.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthorizationPolicy: "none"}}})
	if got := forward(t, d, "/forward-auth", signedIn); got.status != http.StatusForbidden || !strings.Contains(got.body, "You are signed in, but") || strings.Contains(got.body, "/assets/") ||
		!strings.Contains(got.header.Get("Content-Security-Policy"), "style-src 'sha256-") {
		t.Errorf("who may not: %d %v %.200s", got.status, got.header, got.body)
	}
}

// TestForwardAuthCallback finishes a sign-in in two answers of one cookie each, for the browser that began it only, once
// (OAM-36, SEC-03, SEC-27, SEC-28).
func TestForwardAuthCallback(t *testing.T) {
	d, app := signInHost(t)
	b := testkit.NewBrowser(t, d)
	begun := forward(t, d, "/forward-auth", asWebServer(app))
	flow, _, _ := strings.Cut(begun.header.Get("Set-Cookie"), ";")
	back := b.Submit(b.Get(begun.header.Get("Location")), url.Values{"user": {"ann"}, "password": {testkit.Password}})
	at, err := url.Parse(back.Location)
	if err != nil || at.Path != "/.concord/callback" {
		t.Fatalf("sent back to %q", back.Location)
	}
	call := func(route, target, cookie string) answer {
		h := asWebServer(app)
		h.Set("X-Forwarded-Uri", target)
		if cookie != "" {
			h.Set("Cookie", cookie)
		}
		return forward(t, d, route, h)
	}
	query, state := at.RawQuery, at.Query().Get("state")
	for name, c := range map[string][2]string{
		"without the flow cookie": {query, ""}, "another flow cookie": {query, strings.Replace(flow, "=c1.", "=c1.X", 1)}, "the flow cookie twice": {query, flow + "; " + flow},
		"another state": {"code=" + at.Query().Get("code") + "&state=AAAAAAAAAAAAAAAAAAAAAA", flow}, "no state": {"code=" + at.Query().Get("code"), flow},
		"two states": {query + "&state=" + state, flow}, "two codes": {query + "&code=x", flow}, "an empty code": {"code=&state=" + state, flow}, "a cut code": {strings.Replace(query, "code=c1", "code=c", 1), flow},
		"the way back without the flow cookie": {"state=" + state, ""},
	} {
		if got := call("/forward-auth", "/.concord/callback?"+c[0], c[1]); got.status != http.StatusForbidden || len(got.header.Values("Set-Cookie")) > 0 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	one := call("/forward-auth/callback", at.RequestURI(), flow)
	cookie, _, _ := strings.Cut(one.header.Get("Set-Cookie"), ";")
	if one.status != http.StatusSeeOther || one.header.Get("Location") != shop+"/.concord/callback?state="+state || !strings.HasPrefix(cookie, "__Host-concord_agent_shop=c1.") || len(one.header.Values("Set-Cookie")) != 1 {
		t.Fatalf("first: %d %v", one.status, one.header)
	}
	two := call("/forward-auth", "/.concord/callback?state="+state, flow+"; "+cookie)
	name, _, _ := strings.Cut(flow, "=")
	if two.status != http.StatusSeeOther || two.header.Get("Location") != shop+"/cart?n=1" || !strings.HasPrefix(two.header.Get("Set-Cookie"), name+"=;") || len(two.header.Values("Set-Cookie")) != 1 {
		t.Errorf("second: %d %v", two.status, two.header)
	}
	h := asWebServer(app)
	h.Set("Cookie", cookie)
	if got := forward(t, d, "/forward-auth", h); got.status != http.StatusOK || got.header.Get("X-Concord-User") != "ann" {
		t.Errorf("then: %d %v", got.status, got.header)
	}
	if got := call("/forward-auth", at.RequestURI(), flow); got.status != http.StatusForbidden {
		t.Errorf("replayed: %d", got.status)
	}
	for target, status := range map[string]int{"/.concord": 404, "/.concord/": 404, "/.concord/other": 404, "/%2econcord/other": 404, "/.concord/logout": 303} {
		for _, route := range []string{"/forward-auth", "/forward-auth/callback"} {
			if got := call(route, target, cookie); got.status != status {
				t.Errorf("%s at %s: %d", target, route, got.status)
			}
		}
	}
}

// TestForwardAuthForEnvoy: the request itself is the browser's, behind a prefix (SEC-20, SEC-22, SEC-24).
func TestForwardAuthForEnvoy(t *testing.T) {
	d, app := signInHost(t)
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	base := http.Header{"X-Concord-Agent": {app.Agent}, "X-Concord-Secret": {app.Secret}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Uri": {"/open"}, "X-Forwarded-Method": {"OPTIONS"},
		"Cookie": {"__Host-concord_agent_shop=" + b.AgentCookie(app)}}
	for _, c := range []struct {
		method, target, host string
		change               http.Header
		status               int
	}{
		{"GET", "/cart?n=1", "shop.example", nil, 200},
		{"POST", "/cart", "shop.example", nil, 200},
		{"HEAD", "/", "shop.example", nil, 200},
		{"OPTIONS", "/cart", "shop.example", http.Header{"Cookie": {"a=b"}}, 401},
		{"GET", "/cart", "shop.example", http.Header{"Cookie": {"a=b"}, "Accept": {"text/html"}}, 302},
		{"POST", "/cart", "shop.example", http.Header{"Cookie": {"a=b"}, "Accept": {"text/html"}}, 401},
		{"GET", "/cart", "evil.example", nil, 403},
		{"GET", "/cart", "shop.example", http.Header{"X-Forwarded-Proto": {"http"}}, 403},
		{"GET", "/cart", "shop.example", http.Header{"X-Forwarded-Proto": {"https", "https"}}, 403},
		{"GET", "/cart", "shop.example", http.Header{"X-Concord-Secret": {"x"}}, 403},
		{"GET", "/a/../cart", "shop.example", nil, 403},
		{"GET", "//cart", "shop.example", nil, 403},
		{"GET", "/a%2fb", "shop.example", nil, 403},
		{"GET", "/.concord/x", "shop.example", nil, 404},
		{"TRACE", "/cart", "shop.example", nil, 405},
		{"FOO", "/cart", "shop.example", nil, 405},
	} {
		t.Run(fmt.Sprint(c.method, c.target, c.host, c.status), func(t *testing.T) {
			h := maps.Clone(base)
			maps.Copy(h, c.change)
			if got := envoy(t, d, c.method, c.target, c.host, h); got.status != c.status || c.status == 200 && got.header.Get("X-Concord-User") != "ann" {
				t.Errorf("%d %v", got.status, got.header)
			}
		})
	}
}

// envoy asks as Envoy does: with the browser's method, Host and path as it was sent.
func envoy(t *testing.T, d *testkit.DataCenter, method, target, host string, h http.Header) answer {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: d.TLS(), DisableCompression: true}
	defer pool.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, d.RuntimeURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header, req.Host = h, host
	req.URL.Opaque = "/forward-auth/ext-authz" + target // as it is, without cleaning
	res, err := pool.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return answer{status: res.StatusCode, header: res.Header}
}

// TestForwardAuthByCertificate: a web server may show a certificate in the place of the secret, as long as its agent lists it; one
// that shows another is 403, and a wrong secret is not made good by a certificate (SEC-20, SEC-41).
func TestForwardAuthByCertificate(t *testing.T) {
	d, app := signInHost(t)
	agent := wire.Agent{Name: "shop", Hosts: []string{shop}, CertificateIdentities: []string{"spiffe://nydc/agent/shop"}}
	d.Put("/v1/agents/shop", agent)
	own := d.Certify("agent", "shop", "").Pair
	bare := asWebServer(app)
	delete(bare, "X-Concord-Agent")
	delete(bare, "X-Concord-Secret")
	call := func(c tls.Certificate, h http.Header) answer {
		return send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/forward-auth", header: h, tls: withCertificate(d, c)})
	}
	if got := call(own, bare); got.status != http.StatusFound || len(got.header.Values("Set-Cookie")) != 1 {
		t.Errorf("its own: %d %s", got.status, got.body)
	}
	wrong := asWebServer(app)
	wrong.Set("X-Concord-Secret", "x")
	call(own, wrong).refused(t, http.StatusForbidden, "wrong_agent")
	call(d.Certify("agent", "other", "").Pair, bare).refused(t, http.StatusForbidden, "certificate_not_listed")
	call(d.Certify("administrator", "shop", "").Pair, bare).refused(t, http.StatusForbidden, "wrong_identity")
	call(madeUp(t, "spiffe://nydc/agent/shop"), bare).refused(t, http.StatusForbidden, "untrusted_certificate")
	agent.CertificateIdentities = []string{"spiffe://ldc/agent/shop"}
	d.Put("/v1/agents/shop", agent)
	call(own, bare).refused(t, http.StatusForbidden, "certificate_not_listed")
}
