package httpapi_test

import (
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TAM-11, SEC-61, OAM-33: whoever manages a security domain chooses the levels of its schemes. Such a sign-in opens what it likes of that domain,
// in every data center and also where only a cookie tells of it; an application of another one asks for its own scheme, and then
// lets the person in. What applications are told is the level that counts for them.
func TestALevelOfADomainOpensNothingElsewhere(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	off := false
	ny.Put("/v1/session-policy", wire.SessionPolicy{RetrieveOnDemand: &off})
	ny.User("ann")
	ny.Put("/v1/security-domains/A", wire.SecurityDomain{Name: "A"})
	ny.Put("/v1/security-domains/B", wire.SecurityDomain{Name: "B"})
	top := 100
	ny.Put("/v1/authentication-schemes/top", wire.AuthenticationScheme{Name: "top", SecurityDomain: "A", Level: &top, Steps: []wire.SchemeStep{{Method: "password"}}})
	ny.Scheme("strong", 2, "password")
	app := func(name, domain, scheme string) testkit.Application {
		a := ny.Application(name, "https://"+name+".example")
		ny.Put("/v1/applications/"+name, wire.Application{Name: name, SecurityDomain: domain, Hosts: []string{name + ".example"},
			Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthenticationScheme: scheme}}})
		return a
	}
	top1, top2, wiki, safe := app("ledger", "A", "top"), app("vault-of-a", "A", "strong"), app("wiki", "B", ""), app("vault", "B", "strong")
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	if v := b.Open(top1, "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("the ledger of A: %+v", v)
	}
	if s := ny.Sessions("ann"); len(s) != 1 || s[0].Level != 100 || s[0].LevelDomain != "A" {
		t.Errorf("the session: %+v", s)
	}
	level := func(a testkit.Application) string { return a.Authorize(b.AgentCookie(a)).Headers[wire.HeaderLevel] }
	for _, at := range both {
		for name, a := range map[string]testkit.Application{"the ledger": top1, "another scheme of the same domain": top2, "the wiki of B": wiki} {
			if v := b.Open(a.Through(at), "", ""); v.Asked || v.User != "ann" {
				t.Errorf("%s at %s: %+v", name, at.ClusterID, v)
			}
		}
		if own, other := level(top1.Through(at)), level(wiki.Through(at)); own != "100" || other != "1" {
			t.Errorf("%s: told levels %s and %s", at.ClusterID, own, other)
		}
		if v := b.Open(safe.Through(at), "", ""); !v.Asked {
			t.Errorf("the vault of B at %s: %+v", at.ClusterID, v)
		}
	}
	if s := ldn.Sessions("ann"); len(s) != 1 || s[0].Level != 100 || s[0].LevelDomain != "A" {
		t.Errorf("the session from the cookie: %+v", s)
	}
	if v := b.Open(safe, "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("the vault of B: %+v", v)
	}
	for name, a := range map[string]testkit.Application{"the wiki": wiki, "the vault of A": top2, "the vault of B": safe} {
		if v := b.Open(a, "", ""); v.Asked || v.User != "ann" {
			t.Errorf("%s after the step-up: %+v", name, v)
		}
	}
	if v := b.Open(top1, "", ""); !v.Asked {
		t.Errorf("the ledger needs more than that: %+v", v)
	}
}
