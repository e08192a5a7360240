package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// pairOf gives name=value of the cookie of that name among Set-Cookie values.
func pairOf(setCookies []string, name string) string {
	for _, c := range setCookies {
		if pair, _, _ := strings.Cut(c, ";"); strings.HasPrefix(pair, name+"=") {
			return pair
		}
	}
	return ""
}

// TestOwnSignOnsOfWhoWasBusyElsewhere: a person who used the sign-on at another data center, which cannot tell, is not idle for the
// page of their own sign-ons either: the inactivity cookie says so (OAM-16, OAM-36, SEC-10).
func TestOwnSignOnsOfWhoWasBusyElsewhere(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	both := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	app := nydc.Application("shop", "https://shop.example.com")
	p := policyOf(nydc)
	p.SignInURL, p.GitoCookieDomain = "https://login.example.com", "example.com"
	nydc.Put("/v1/session-policy", p)
	nydc.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{app.Origin}, Secret: app.Secret, CookieLifetime: "12h"})
	testkit.InStep(both...)

	signedIn := send(t, nydc, ask{method: http.MethodPost, url: nydc.RuntimeURL + "/session/v1/authenticate", header: http.Header{"Content-Type": {"application/json"}},
		body: `{"user":"ann","password":"` + testkit.Password + `"}`})
	sso := pairOf(signedIn.header.Values("Set-Cookie"), "__Host-concord_sso")
	challenge := app.Authorize("")
	back := send(t, nydc, ask{method: http.MethodGet, url: strings.Replace(challenge.Location, p.SignInURL, nydc.RuntimeURL, 1), header: http.Header{"Cookie": {sso}}})
	callback, err := url.Parse(back.header.Get("Location"))
	if err != nil || back.status != http.StatusSeeOther {
		t.Fatalf("the sign-in host answers %d %s, %v", back.status, back.body, err)
	}
	out, err := app.Redeem(callback.Query().Get("code"), callback.Query().Get("state"), []string{pairOf(challenge.SetCookies, flowName(challenge.SetCookies))})
	if err != nil {
		t.Fatal(err)
	}
	_, agent, _ := strings.Cut(pairOf(out.SetCookies, "__Host-concord_agent_shop"), "=")
	if a := app.Through(ldc).Authorize(agent); a.User != "ann" {
		t.Fatalf("at LDC: %s %s", a.Decision, a.Reason)
	}
	nydc.Stop()
	now.Advance(20 * time.Minute)
	used := app.Through(ldc).Authorize(agent)
	gito := pairOf(used.SetCookies, "__Secure-concord_gito")
	if used.User != "ann" || gito == "" {
		t.Fatalf("later at LDC: %+v", used)
	}
	now.Advance(15 * time.Minute)
	ldc.Stop()
	nydc.Start()
	for _, c := range []struct { // in this order: with the cookie the sign-on is in use again
		cookies string
		want    int
	}{{sso, http.StatusSeeOther}, {sso + "; " + gito, http.StatusOK}} {
		if got := send(t, nydc, ask{method: http.MethodGet, url: nydc.RuntimeURL + "/account/sessions", header: http.Header{"Cookie": {c.cookies}}}); got.status != c.want {
			t.Errorf("with the inactivity cookie %t: %d, want %d", strings.Contains(c.cookies, "gito"), got.status, c.want)
		}
	}
}

func policyOf(d *testkit.DataCenter) (p wire.SessionPolicy) {
	var v wire.SessionPolicyView
	d.Get("/v1/session-policy", &v)
	return v.SessionPolicy
}

func flowName(setCookies []string) string {
	name, _, _ := strings.Cut(setCookies[0], "=")
	return name
}
