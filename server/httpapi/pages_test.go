package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const shop = "https://shop.example"

// signIn is a data center with one application and two people.
func signInHost(t *testing.T) (*testkit.DataCenter, testkit.Application) {
	t.Helper()
	d := start(t)
	d.User("ann")
	d.User("bob")
	return d, d.Application("shop", shop)
}

// TestFormsOfOtherSitesAreRefused: what another site makes the browser send changes nothing, whether it says so in Origin
// or in Sec-Fetch-Site, and whatever type it gives the body (SEC-15).
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	d, app := signInHost(t)
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	form := b.Get(d.RuntimeURL + "/logout")
	cookies := cookieHeader(t, b, d)
	good := url.Values{"token": {form.Hidden.Get("token")}}
	host := strings.TrimPrefix(d.RuntimeURL, "https://")
	for _, c := range []struct {
		name, path, body string
		header           http.Header
		status           int
	}{
		{"other origin", "/logout", good.Encode(), http.Header{"Origin": {"https://evil.example"}}, 403},
		{"other port", "/logout", good.Encode(), http.Header{"Origin": {"https://127.0.0.1:1"}}, 403},
		{"no origin", "/logout", good.Encode(), http.Header{"Origin": {"null"}}, 403},
		{"cross-site", "/logout", good.Encode(), http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"same site, other host", "/logout", good.Encode(), http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"login cross-site", "/login", good.Encode() + "&request=&user=bob&password=x", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"JSON as text", "/logout", `{"token":"` + form.Hidden.Get("token") + `"}`, http.Header{"Content-Type": {"text/plain"}}, 400},
		{"no token", "/logout", "", nil, 403},
		{"wrong token", "/logout", "token=c1.NYDC.AAAA", nil, 403},
		{"token twice", "/logout", good.Encode() + "&" + good.Encode(), nil, 400},
		{"unknown field", "/logout", good.Encode() + "&everywhere=1", nil, 400},
		{"not UTF-8", "/login", good.Encode() + "&request=&user=%ff&password=x", nil, 400},
		{"broken escape", "/logout", "token=%zz", nil, 400},
		{"too long", "/logout", good.Encode() + strings.Repeat("&", 20_000), nil, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"Cookie": {cookies}, "Content-Type": {"application/x-www-form-urlencoded"}, "Host": {host}}
			for k, v := range c.header {
				h[k] = v
			}
			got := send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + c.path, body: c.body, header: h})
			if got.status != c.status || len(got.header.Values("Set-Cookie")) > 0 {
				t.Errorf("status %d, want %d; cookies %v", got.status, c.status, got.header.Values("Set-Cookie"))
			}
			if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				t.Errorf("a person gets %s", got.header.Get("Content-Type"))
			}
		})
	}
	for _, header := range []http.Header{{"Origin": {"https://evil.example"}}, {"Sec-Fetch-Site": {"cross-site"}}} {
		header.Set("Content-Type", "application/json")
		send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: `{"user":"bob","password":"` + testkit.Password + `"}`, header: header}).
			refused(t, http.StatusForbidden, "cross_origin")
	}
	thief := testkit.NewBrowser(t, d)
	thief.Get(d.RuntimeURL + "/login")
	if p := thief.Submit(form, url.Values{}); p.Status != http.StatusForbidden {
		t.Errorf("a token of another browser: %d", p.Status)
	}
	b.Get(d.RuntimeURL + "/logout")
	if n := len(d.Sessions("ann")); n != 1 {
		t.Fatalf("ann has %d sessions after all that", n)
	}
	if p := b.SignOut(d); p.Status != http.StatusOK || len(d.Sessions("ann")) != 0 {
		t.Errorf("the real form: %d, %d sessions are left", p.Status, len(d.Sessions("ann")))
	}
}

// TestSignInIgnoresPlantedIDs: whatever cookie was there before, a sign-in makes new ids, and what was planted never
// becomes a session (SEC-01). Another person's sign-in in the same browser ends the first one's (SEC-02).
func TestSignInIgnoresPlantedIDs(t *testing.T) {
	d, app := signInHost(t)
	attacker := testkit.NewBrowser(t, d)
	attacker.Open(app, "bob", testkit.Password)
	planted := attacker.Copy(d) // the victim's browser with the attacker's cookies
	planted.ForgetAgents()
	thief := attacker.Copy(d)
	before := d.Sessions("bob")[0]
	page := planted.Get(d.RuntimeURL + "/login") // the attacker's session: the victim signs out of it by signing in
	if page.Form != nil {
		t.Fatal("the planted cookie is not what this test thinks")
	}
	form := planted.Get(d.RuntimeURL + "/logout")
	form.Action = "/login"
	if p := planted.Submit(form, url.Values{"request": {""}, "user": {"ann"}, "password": {testkit.Password}}); p.Status != http.StatusSeeOther {
		t.Fatalf("sign-in: %d %s", p.Status, p.Body)
	}
	after := d.Sessions("ann")
	if len(after) != 1 || after[0].ID == before.ID || after[0].SSOID == before.SSOID {
		t.Errorf("ann's session %+v, bob's was %+v", after, before)
	}
	if left := d.Sessions("bob"); len(left) != 0 {
		t.Errorf("bob's session outlives ann's sign-in in that browser: %+v", left)
	}
	if v := thief.Open(app, "", ""); !v.Asked {
		t.Errorf("the attacker's own cookies still open the application as %q", v.User)
	}
	for _, cookie := range []string{"x", "c1.NYDC.AAAA", before.ID} {
		victim := testkit.NewBrowser(t, d)
		u, _ := url.Parse(d.RuntimeURL)
		victim.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-concord_sso", Value: cookie, Path: "/", Secure: true}})
		if v := victim.Open(app, "ann", testkit.Password); !v.Asked || v.User != "ann" {
			t.Errorf("with the planted cookie %q: %+v", cookie, v)
		}
	}
}

// TestBrokenSignInCookiesAreNone: cut, extended, quoted, repeated, or of another slot (SEC-07, SEC-08).
func TestBrokenSignInCookiesAreNone(t *testing.T) {
	d, app := signInHost(t)
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	u, err := url.Parse(d.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	good := ""
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == "__Host-concord_sso" {
			good = c.Value
		}
	}
	cases := map[string]string{"nothing": "", "padded": good + "=", "a space": good + " x", "quoted": `"` + good + `"`, "the agent's": b.AgentCookie(app),
		"another issuer": strings.Replace(good, "c1.NYDC.", "c1.LDC.", 1), "another version": "c2" + good[2:], "in capitals": strings.ToUpper(good)}
	for n := 1; n < len(good); n += 1 + len(good)/12 {
		cases[fmt.Sprint("without the last ", n)] = good[:len(good)-n]
	}
	headers := map[string]string{"sent twice": "__Host-concord_sso=" + good + "; __Host-concord_sso=" + good, "twice, one empty": "__Host-concord_sso=; __Host-concord_sso=" + good,
		"without its prefix": "concord_sso=" + good}
	for name, value := range cases {
		headers[name] = "__Host-concord_sso=" + value
	}
	for name, cookie := range headers {
		got := send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/login", header: http.Header{"Cookie": {cookie}}})
		if got.status != http.StatusOK || !strings.Contains(got.body, `type="password"`) {
			t.Errorf("%s: %d without a form", name, got.status)
		}
	}
	if got := send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/login", header: http.Header{"Cookie": {"__Host-concord_sso=" + good}}}); strings.Contains(got.body, `type="password"`) {
		t.Error("the good one is asked again")
	}
}

// TestAgentCookiesAreForTheirAgentOnly: at another agent, on another host, in part, or in another's slot they are nothing
// (SEC-07, SEC-08, SEC-14).
func TestAgentCookiesAreForTheirAgentOnly(t *testing.T) {
	d, app := signInHost(t)
	other := d.Application("bank", "https://bank.example")
	d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{shop, "https://shop2.example"}})
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	cookie := b.AgentCookie(app)
	if got := app.Authorize(cookie); got.Decision != wire.DecisionAllow || got.Headers["X-Concord-User"] != "ann" {
		t.Fatalf("its own: %+v", got)
	}
	second := app
	second.Origin = "https://shop2.example"
	for name, got := range map[string]wire.AuthorizeAnswer{
		"another agent": other.Authorize(cookie), "another host": second.Authorize(cookie), "none": app.Authorize(""), "cut": app.Authorize(cookie[:len(cookie)-1]),
		"the sign-in cookie": app.Authorize(strings.TrimPrefix(cookieHeader(t, b, d), "__Host-concord_sso=")),
	} {
		if got.Decision != wire.DecisionChallenge || got.User != "" || len(got.Headers) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	stranger := app
	stranger.Origin = "https://evil.example"
	d.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example", "evil.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
	if got := stranger.Authorize(cookie); got.Decision == wire.DecisionAllow || strings.Contains(got.Location, "evil") {
		t.Errorf("a host that is none of the agent's: %+v", got)
	}
}

// TestAgentsMustProveThemselves: no, wrong and foreign credentials are one refusal, whether the agent exists or not (SEC-31).
func TestAgentsMustProveThemselves(t *testing.T) {
	d, app := signInHost(t)
	other := d.Application("bank", "https://bank.example")
	for name, c := range map[string]struct{ authorization, code string }{
		"none": {"", "no_agent"}, "a token": {"Bearer " + d.Token, "no_agent"}, "broken": {"Basic %%%", "no_agent"}, "an odd name": {basic("a b", "x"), "no_agent"},
		"wrong secret": {basic(app.Agent, "wrong"), "wrong_agent"}, "no secret": {basic(app.Agent, ""), "wrong_agent"}, "another's secret": {basic(app.Agent, other.Secret), "wrong_agent"},
		"unknown": {basic("nobody", app.Secret), "wrong_agent"}, "another case": {basic("SHOP", app.Secret), "wrong_agent"}, "the token as secret": {basic(app.Agent, d.Token), "wrong_agent"},
	} {
		for _, path := range []string{"authorize", "redeem", "logout"} {
			h := http.Header{"Content-Type": {"application/json"}}
			if c.authorization != "" {
				h.Set("Authorization", c.authorization)
			}
			got := send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/" + path, body: `{}`, header: h})
			if p := got.problem(t); got.status != http.StatusUnauthorized || p.Code != c.code {
				t.Errorf("%s at %s: %d %s", name, path, got.status, p.Code)
			}
		}
	}
	d.Delete("/v1/agents/bank")
	got := send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/logout", body: `{"cookie":""}`,
		header: http.Header{"Content-Type": {"application/json"}, "Authorization": {basic(other.Agent, other.Secret)}}})
	got.refused(t, http.StatusUnauthorized, "wrong_agent")
}

// TestReturnAddressesStayOnTheAgentsHosts: nothing that a browser can be made to open leads elsewhere afterwards (SEC-27).
func TestReturnAddressesStayOnTheAgentsHosts(t *testing.T) {
	d, app := signInHost(t)
	d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{shop}, StartPage: shop + "/home"})
	b := testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	agent := http.Header{"Content-Type": {"application/json"}, "Authorization": {basic(app.Agent, app.Secret)}}
	for _, target := range []string{"//evil.example", `/\evil.example`, "/%09//evil.example", "https://evil.example/", "https:evil.example", "javascript:alert(1)",
		"@evil.example/", ".evil.example/", "/\r\nLocation: https://evil.example", "", "evil", "/../..//evil.example", "/.concord/callback?code=x", "/" + strings.Repeat("a", 5000)} {
		body := fmt.Sprintf(`{"method":"GET","scheme":"https","host":"shop.example","navigation":true,"target":%q}`, target)
		got := send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authorize", body: body, header: agent})
		if got.status == http.StatusBadRequest || strings.Contains(got.body, `"deny"`) {
			continue // a path that has no canonical form
		}
		location := b.Walk(app, got.body)
		if location != shop+"/home" && !strings.HasPrefix(location, shop+"/") {
			t.Errorf("target %q leads to %q", target, location)
		}
		if u, err := url.Parse(location); err != nil || u.Host != "shop.example" || strings.ContainsAny(location, "\r\n\\") {
			t.Errorf("target %q leads to %q", target, location)
		}
	}
	for _, request := range []string{"https://evil.example", "c1.NYDC.AAAA", strings.Repeat("A", 4000), "x&request=y"} {
		p := b.Get(d.RuntimeURL + "/login?request=" + request)
		if p.Status < 400 || p.Location != "" || strings.Contains(p.Body, "evil") {
			t.Errorf("request %q: %d to %q", request, p.Status, p.Location)
		}
	}
	for _, host := range []string{"evil.example", "a.example:443@evil.example"} {
		got := send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/login", header: http.Header{"X-Forwarded-Host": {host}, "Forwarded": {"host=" + host}, "X-Forwarded-Proto": {"http"}}})
		if strings.Contains(got.body, "evil") || strings.Contains(fmt.Sprint(got.header), "evil") {
			t.Errorf("a forwarded header is believed (SEC-14): %v", got.header)
		}
	}
}

// TestPagesAndCookiesCarryTheirHeaders looks at every answer of a whole walk (SEC-13, STD-06, STD-07).
func TestPagesAndCookiesCarryTheirHeaders(t *testing.T) {
	d, app := signInHost(t)
	b := testkit.NewBrowser(t, d)
	answer := app.Authorize("")
	cookies := answer.SetCookies
	form := b.Get(answer.Location)
	wrong := b.Submit(form, url.Values{"user": {"ann"}, "password": {"wrong"}})
	back := b.Submit(wrong, url.Values{"user": {"ann"}, "password": {testkit.Password}})
	at, err := url.Parse(back.Location)
	if err != nil {
		t.Fatal(err)
	}
	flow, _, _ := strings.Cut(cookies[0], ";")
	redeemed, err := app.Redeem(at.Query().Get("code"), at.Query().Get("state"), []string{flow})
	if err != nil {
		t.Fatal(err)
	}
	cookies = append(cookies, redeemed.SetCookies...)
	pages := []testkit.Page{form, wrong, b.Get(d.RuntimeURL + "/login"), b.Get(d.RuntimeURL + "/login?request=x"), b.Get(d.RuntimeURL + "/logout"), b.SignOut(d), b.Get(d.RuntimeURL + "/signed-out")}
	for _, p := range append(pages, back) {
		cookies = append(cookies, p.Header.Values("Set-Cookie")...)
		if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("X-Content-Type-Options") != "nosniff" || p.Header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", p.URL.Path, p.Header)
		}
	}
	for _, p := range pages {
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || p.Header.Get("Strict-Transport-Security") != "max-age=31536000; includeSubDomains" {
			t.Errorf("%s: headers %v", p.URL.Path, p.Header)
		}
	}
	names := map[string]bool{}
	for _, text := range cookies {
		c, err := http.ParseSetCookie(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		names[strings.TrimRight(c.Name, "0123456789abcdef")] = true
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || len(text) > 4096 {
			t.Errorf("cookie %q", text)
		}
	}
	if len(names) != 5 {
		t.Errorf("the walk showed %v; the sign-in, device, form, flow and agent's cookies were expected", names)
	}
}

// TestWrongPasswordsAllLookTheSame: an unknown, a disabled and a known user differ in nothing that is shown (SEC-31).
func TestWrongPasswordsAllLookTheSame(t *testing.T) {
	d, _ := signInHost(t)
	off := false
	d.Put("/v1/users/cid", wire.User{Name: "cid", Password: testkit.Password, Enabled: &off})
	d.Put("/v1/users/dan", wire.User{Name: "dan"})
	seen := map[string][]string{}
	for _, c := range [][2]string{{"ann", "wrong"}, {"nobody", "wrong"}, {"cid", testkit.Password}, {"dan", ""}, {"dan", "x"}, {"ann", strings.Repeat("x", 900)}, {"", ""}} {
		body := fmt.Sprintf(`{"user":%q,"password":%q}`, c[0], c[1])
		got := send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: body, header: http.Header{"Content-Type": {"application/json"}}})
		p := got.problem(t)
		p.RequestID = ""
		key := fmt.Sprintf("%d %+v", got.status, p)
		seen[key] = append(seen[key], c[0])
		if len(got.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s gets a cookie", c[0])
		}
	}
	if len(seen) != 1 {
		t.Errorf("they differ: %v", seen)
	}
}
