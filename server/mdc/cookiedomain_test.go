package mdc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// OAM-25, SEC-13: a domain is one that browsers keep a cookie for, and that has one owner.
func TestCookieDomain(t *testing.T) {
	t.Parallel()
	for domain, says := range map[string]string{
		"example.com": "", "sso.example.co.uk": "", "corp.internal": "", "a.b.c.example.com": "",
		"com": "public suffix", "co.uk": "public suffix", "github.io": "public suffix", "internal": "public suffix", "localhost": "public suffix",
		".example.com": "starts with a dot", "Example.com": "is no domain", "exa mple.com": "is no domain", "example.com:443": "is no domain", "https://example.com": "is no domain",
		"192.0.2.1": "is no domain", "::1": "is no domain", "example..com": "is no domain", "-a.example.com": "is no domain", "example.com.": "is no domain",
		strings.Repeat("a.", 127) + "com": "is no domain", "exämple.com": "is no domain", "x;y.com": "is no domain",
	} {
		got := mdc.CookieDomainFault(domain)
		if says == "" && got != "" || says != "" && !strings.Contains(got, says) {
			t.Errorf("%q: %q, want %q", domain, got, says)
		}
	}
}

func TestUnderDomain(t *testing.T) {
	t.Parallel()
	for host, under := range map[string]bool{"example.com": true, "a.example.com": true, "a.b.example.com": true, "badexample.com": false, "com": false, "": false, "example.com.evil.org": false} {
		if mdc.UnderDomain(host, "example.com") != under {
			t.Errorf("%q: %v", host, !under)
		}
	}
}

// OAM-16, OAM-19, OAM-26, OAM-27: what contradicts itself is refused, each with its own reason.
func TestContradictoryPolicies(t *testing.T) {
	t.Parallel()
	agent := func(host string, lifetime time.Duration) []*mdc.Agent {
		return []*mdc.Agent{{Name: "shop", Hosts: []string{host}, CookieLifetime: mdc.Duration(lifetime)}}
	}
	for name, c := range map[string]struct {
		edit    func(*mdc.SessionPolicy)
		agents  []*mdc.Agent
		runtime string
		at      string // pointer of the one fault; "" = none
	}{
		"defaults":                   {func(*mdc.SessionPolicy) {}, agent("https://shop.example.com", 0), "", ""},
		"anchored without retrieval": {func(p *mdc.SessionPolicy) { p.Anchored, p.RetrieveOnDemand = true, false }, nil, "", "/anchored"},
		"anchored":                   {func(p *mdc.SessionPolicy) { p.Anchored = true }, nil, "", ""},
		"idle not below lifetime":    {func(p *mdc.SessionPolicy) { p.IdleTimeout = p.Lifetime }, nil, "", "/idle_timeout"},
		"domain is a suffix":         {func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "co.uk" }, nil, "", "/gito_cookie_domain"},
		"domain without the sign-in host": {func(p *mdc.SessionPolicy) {
			p.GitoCookieDomain, p.SignInURL = "example.com", "https://login.example.org"
		}, nil, "", "/gito_cookie_domain"},
		"domain without the runtime": {func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "example.com" }, nil, "https://127.0.0.1:7401", "/gito_cookie_domain"},
		"domain with the sign-in host": {func(p *mdc.SessionPolicy) {
			p.GitoCookieDomain, p.SignInURL = "example.com", "https://login.example.com:8443"
		}, nil, "https://127.0.0.1:7401", ""},
		"domain of no agent":                {func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "example.com" }, agent("https://shop.example.org", 0), "", "/gito_cookie_domain"},
		"domain of an agent":                {func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "example.com" }, agent("https://shop.example.com:444", 0), "", ""},
		"agent's cookie outlives idleness":  {func(*mdc.SessionPolicy) {}, agent("https://shop.example.com", 30*time.Minute), "", "/idle_timeout"},
		"agent's cookie, but with a domain": {func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "example.com" }, agent("https://shop.example.com", time.Hour), "", ""},
		"agent's cookie below":              {func(*mdc.SessionPolicy) {}, agent("https://shop.example.com", 29*time.Minute), "", ""},
		"negative limit":                    {func(p *mdc.SessionPolicy) { p.MaxSessionsPerUser = -1 }, nil, "", "/max_sessions_per_user"},
		"action":                            {func(p *mdc.SessionPolicy) { p.MaxSessionsAction = "ask" }, nil, "", "/max_sessions_action"},
		"partition":                         {func(p *mdc.SessionPolicy) { p.MaxSessionsWhenPartitioned = "x" }, nil, "", "/max_sessions_when_partitioned"},
		"recheck":                           {func(p *mdc.SessionPolicy) { p.IdentityRecheck = 0 }, nil, "", "/identity_recheck"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mdc.DefaultSessionPolicy()
			c.edit(p)
			fields := append(p.Validate(), p.AgentsFit(c.agents, c.runtime)...)
			if len(fields) > 1 || len(fields) == 1 && fields[0].Pointer != c.at || len(fields) == 0 && c.at != "" {
				t.Errorf("faults %+v, want one at %q", fields, c.at)
			}
		})
	}
	a := agent("https://shop.example.com", 30*time.Minute)[0]
	p := mdc.DefaultSessionPolicy()
	if f := a.FitsPolicy(p); len(f) != 1 || f[0].Pointer != "/cookie_lifetime" {
		t.Errorf("agent: %+v", f)
	}
	p.GitoCookieDomain = "example.com"
	if f := a.FitsPolicy(p); len(f) != 0 {
		t.Errorf("agent under a domain: %+v", f)
	}
}
