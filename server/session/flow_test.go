package session_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// A code issued at A, redeemed at B, replayed at A and at B; and one redeemed at A, replayed at B.
func TestCodeIsUsedOnce(t *testing.T) {
	for _, first := range []string{"NYDC", "LDC"} {
		t.Run("first at "+first, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			b := w.browser()
			b.signIn("NYDC", "ann")
			f := b.begin("shop", "NYDC")
			kept := b.flows("shop")
			out, err := b.redeem("shop", first, f)
			must(t, err)
			if out.Session == nil {
				t.Fatalf("redeem: %s", out.Rule)
			}
			for _, at := range []string{"NYDC", "LDC"} {
				again, err := w.centers[at].Redeem(context.Background(), agents["shop"], session.RedeemInput{Scheme: "https",
					Host: "shop.example.com", Code: f.code, State: f.state, FlowCookies: kept})
				want(t, "kind at "+at, fault.KindOf(err), fault.Forbidden)
				want(t, "rule at "+at, again.Rule, session.ChallengeCodeUsed)
			}
		})
	}
}

// The issuer cannot be asked whether the code was used: as in Find.
func TestCodeWithIssuerAway(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC") // LDC has a session already
	f, g := b.begin("shop", "NYDC"), b.begin("shop", "NYDC")
	w.part("NYDC", "LDC", true)
	out, err := b.redeem("shop", "LDC", f)
	must(t, err)
	want(t, "strict", out.Rule, session.ChallengeUnreachable)
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	out, err = b.redeem("shop", "LDC", g)
	must(t, err)
	want(t, "going on", out.Rule, session.FoundIndex)
}

// Everything that must fit at the callback, varied one by one; none of it spends the code.
func TestRedeemRefuses(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b, attacker := w.browser(), w.browser()
	b.signIn("NYDC", "ann")
	attacker.signIn("NYDC", "bob")
	f := b.begin("shop", "NYDC")
	planted := attacker.begin("shop", "NYDC")
	flows := b.flows("shop")
	good := session.RedeemInput{Scheme: "https", Host: "shop.example.com", Code: f.code, State: f.state, FlowCookies: flows}
	cases := []struct {
		name  string
		agent string
		edit  func(*session.RedeemInput)
	}{
		{"no flow cookie", "shop", func(in *session.RedeemInput) { in.FlowCookies = nil }},
		{"flow cookie sent twice", "shop", func(in *session.RedeemInput) { in.FlowCookies = append(flows, flows...) }},
		{"another's code planted", "shop", func(in *session.RedeemInput) { in.Code = planted.code }},
		{"another's code and state planted", "shop", func(in *session.RedeemInput) { in.Code, in.State = planted.code, planted.state }},
		{"another's flow cookie", "shop", func(in *session.RedeemInput) { in.FlowCookies = attacker.flows("shop") }},
		{"another state", "shop", func(in *session.RedeemInput) { in.State = planted.state }},
		{"no state", "shop", func(in *session.RedeemInput) { in.State = "" }},
		{"SEC-08 another agent on the same host", "other", func(*session.RedeemInput) {}},
		{"SEC-14 a host that is not the agent's", "shop", func(in *session.RedeemInput) { in.Host = "evil.example.com" }},
		{"http instead of https", "shop", func(in *session.RedeemInput) { in.Scheme = "http" }},
		{"sign-in cookie as code", "shop", func(in *session.RedeemInput) { in.Code = b.sso() }},
		{"flow cookie as code", "shop", func(in *session.RedeemInput) { _, in.Code, _ = strings.Cut(flows[0], "=") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := good
			c.edit(&in)
			_, err := w.centers["NYDC"].Redeem(context.Background(), agents[c.agent], in)
			want(t, "kind", fault.KindOf(err), fault.Forbidden)
		})
	}
	out, err := w.centers["NYDC"].Redeem(context.Background(), agents["shop"], good)
	must(t, err)
	want(t, "in the end", out.Rule, session.FoundLocal)
}

func TestCodeExpires(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	f := b.begin("shop", "NYDC")
	w.clock.Advance(time.Minute)
	_, err := b.redeem("shop", "NYDC", f)
	want(t, "kind", fault.KindOf(err), fault.Forbidden)
}

// A cookie of the agent on one host name serves its other port: cookies ignore ports. Another host name does not.
func TestTwoPortsOneHost(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("wiki", "NYDC", "NYDC")
	for host, rule := range map[string]string{"wiki.example.com:8443": session.FoundLocal, "WIKI.example.com": session.FoundLocal,
		"wiki.example.com:9999": session.ChallengeHost, "evil.example.com": session.ChallengeHost} {
		d, err := w.centers["NYDC"].Authorize(context.Background(), agents["wiki"], session.AuthorizeInput{Scheme: "https", Host: host, Cookie: b.agentCookie("wiki")})
		must(t, err)
		want(t, host, d.Rule, rule)
	}
}

// SEC-27: only an address on the agent's own origin is a place to return to.
func TestReturnAddress(t *testing.T) {
	const start = "https://shop.example.com/start"
	cases := map[string]string{
		"/a/b?c=d":                      "https://shop.example.com/a/b?c=d",
		"//evil.example.com/":           "https://shop.example.com//evil.example.com/",
		`/\evil.example.com`:            `https://shop.example.com/%5Cevil.example.com`,
		"@evil.example.com/":            start,
		".evil.example.com/":            start,
		":443@evil.example.com/":        start,
		"https://evil.example.com":      start,
		"javascript:alert(1)":           start,
		"/a\r\nSet-Cookie: x=y":         start,
		"":                              start,
		"/.concord/callback?a":          start,
		"/" + strings.Repeat("a", 2000): start,
	}
	for target, back := range cases {
		t.Run(target[:min(len(target), 30)], func(t *testing.T) {
			w := newWorld(t, "NYDC")
			c, b := w.centers["NYDC"], w.browser()
			b.signIn("NYDC", "ann")
			location, cookies, err := c.BeginFlow(agents["shop"], session.Flow{Scheme: "https", Host: "shop.example.com", Target: target})
			must(t, err)
			b.keep("shop.example.com", cookies)
			r, err := c.OpenRequest(strings.TrimPrefix(location, "https://login.example.com/login?request="))
			must(t, err)
			callback, err := c.IssueCode(b.visit("NYDC"), agents["shop"], r)
			must(t, err)
			code, state, _ := strings.Cut(strings.TrimPrefix(callback, "https://shop.example.com/.concord/callback?code="), "&state=")
			out, err := b.redeem("shop", "NYDC", flow{code, state})
			must(t, err)
			want(t, "location", out.Location, back)
		})
	}
}

// A host that is none of the agent's gets the start page and no cookie; five open flows are enough.
func TestBeginFlowRefuses(t *testing.T) {
	w := newWorld(t, "NYDC")
	location, cookies, err := w.centers["NYDC"].BeginFlow(agents["shop"], session.Flow{Scheme: "https", Host: "evil.example.com", Target: "/"})
	must(t, err)
	want(t, "location", location, "https://shop.example.com/start")
	want(t, "cookies", len(cookies), 0)
	_, _, err = w.centers["NYDC"].BeginFlow(agents["shop"], session.Flow{Scheme: "https", Host: "shop.example.com", Target: "/", OpenFlows: 5})
	want(t, "sixth flow", fault.CodeOf(err), "too_many_sign_ins")
}

// SEC-13: every cookie is bound to its host, out of reach of scripts, never sent in clear, and small.
func TestCookieAttributes(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	c := w.centers["NYDC"]
	all := b.signIn("NYDC", "ann").SetCookies
	_, cookies, err := c.BeginFlow(agents["shop"], session.Flow{Scheme: "https", Host: "shop.example.com", Target: "/" + strings.Repeat("x", 1400)})
	must(t, err)
	all = append(all, cookies...)
	out, err := b.redeem("shop", "NYDC", b.begin("shop", "NYDC"))
	must(t, err)
	all = append(all, out.SetCookies...)
	all = append(all, w.signOut("NYDC", b).SetCookies...)
	_, cookies, err = c.BeginForm("")
	must(t, err)
	for _, set := range append(all, cookies...) {
		if !strings.HasPrefix(set, "__Host-concord_") || strings.Contains(set, "Domain") || len(set) > 4096 {
			t.Errorf("cookie %.40s", set)
		}
		for _, attribute := range []string{"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"} {
			if !strings.Contains(set, attribute) {
				t.Errorf("cookie %.40s lacks %q", set, attribute)
			}
		}
	}
}

// OAM-15, OAM-27: the agent's cookie is half the idle time-out long and not changed by authorization; its end is a silent
// way through the sign-in host.
func TestAgentCookieLife(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	w.clock.Advance(15*time.Minute - time.Millisecond)
	want(t, "young", b.authorize("shop", "NYDC").Rule, session.FoundLocal)
	w.clock.Advance(time.Millisecond)
	want(t, "old", b.authorize("shop", "NYDC").Rule, session.ChallengeExpired)
	b.enter("shop", "NYDC", "NYDC")
	want(t, "renewed", b.authorize("shop", "NYDC").Rule, session.FoundLocal)
}

// SEC-15: a form belongs to one browser and to an hour.
func TestFormToken(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	nydc := w.centers["NYDC"]
	token, set, err := nydc.BeginForm("")
	must(t, err)
	pair, _, _ := strings.Cut(set[0], ";")
	_, cookie, _ := strings.Cut(pair, "=")
	must(t, w.centers["LDC"].CheckForm(token, cookie)) // posted to another data center
	_, again, err := nydc.BeginForm(cookie)
	must(t, err)
	want(t, "cookies of a second form", len(again), 0)
	for name, pair := range map[string][2]string{"another browser": {token, "AAAAAAAAAAAAAAAAAAAAAA"}, "no cookie": {token, ""}, "no token": {"", cookie}} {
		want(t, name, fault.KindOf(nydc.CheckForm(pair[0], pair[1])), fault.Forbidden)
	}
	w.clock.Advance(time.Hour)
	want(t, "old", fault.KindOf(nydc.CheckForm(token, cookie)), fault.Forbidden)
}

// flow is one way of a browser to an agent's cookie.
type flow struct{ code, state string }

// begin goes from the agent to the sign-in host at a data center, where a session must be found.
func (b *browser) begin(agent, at string) flow {
	b.w.t.Helper()
	a, c := agents[agent], b.w.centers[at]
	location, cookies, err := c.BeginFlow(a, session.Flow{Scheme: "https", Host: agent + ".example.com", Target: "/page?x=1"})
	must(b.w.t, err)
	b.keep(agent+".example.com", cookies)
	text, ok := strings.CutPrefix(location, "https://login.example.com/login?request=")
	if !ok {
		b.w.t.Fatalf("location %q is not the sign-in page", location)
	}
	r, err := c.OpenRequest(text)
	must(b.w.t, err)
	callback, err := c.IssueCode(b.visit(at), a, r)
	must(b.w.t, err)
	return parseCallback(callback)
}

func parseCallback(callback string) flow {
	_, query, _ := strings.Cut(callback, "?")
	values, _ := url.ParseQuery(query)
	return flow{values.Get("code"), values.Get("state")}
}

func (b *browser) redeem(agent, at string, f flow) (session.Redeemed, error) {
	out, err := b.w.centers[at].Redeem(context.Background(), agents[agent], session.RedeemInput{Scheme: "https", Host: agent + ".example.com",
		Code: f.code, State: f.state, FlowCookies: b.flows(agent)})
	b.keep(agent+".example.com", out.SetCookies)
	return out, err
}

// enter gets the agent's cookie: signed in at one data center, the agent in another.
func (b *browser) enter(agent, signInAt, agentAt string) {
	b.w.t.Helper()
	out, err := b.redeem(agent, agentAt, b.begin(agent, signInAt))
	must(b.w.t, err)
	if out.Session == nil || out.Location != "https://"+agent+".example.com/page?x=1" {
		b.w.t.Fatalf("redeem at %s: rule %s, location %q", agentAt, out.Rule, out.Location)
	}
}
