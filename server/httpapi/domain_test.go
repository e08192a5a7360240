package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TAM-11, SEC-61: applications with one host share its paths, and the more specific path decides. So the administrator of a security
// domain puts no application on the host of another one, in whatever spelling, by an override or in a batch; what he was given he keeps.
func TestHostsOfOthersAreNotTaken(t *testing.T) {
	d, token := delegated(t)
	d.Put("/v1/applications/b", wire.Application{Name: "b", SecurityDomain: "B", Hosts: []string{"pay.example", "*.b.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
	d.Put("/v1/applications/all", wire.Application{Name: "all", Hosts: []string{"all.example"}})
	d.Put("/v1/agents/b", wire.Agent{Name: "b", SecurityDomain: "B", Hosts: []string{"https://gate.example"}, Secret: "a secret of agents"})
	d.Put("/v1/agents/all", wire.Agent{Name: "all", Hosts: []string{"https://shared.example"}, Secret: "a secret of agents"})
	d.Put("/v1/applications/given", wire.Application{Name: "given", SecurityDomain: "A", Hosts: []string{"all.example"}})
	d.Put("/v1/applications/c", wire.Application{Name: "c", SecurityDomain: "B", Hosts: []string{"stored.example"}})
	d.Put("/v1/overrides/application/c", wire.Override{Kind: "application", Name: "c", Values: []byte(`{"hosts":["laid.example"]}`)})
	d.Put("/v1/applications/own", wire.Application{Name: "own", SecurityDomain: "A", Hosts: []string{"own.example"}})
	body := func(name, host string) string {
		return fmt.Sprintf(`{"name":%q,"security_domain":"A","hosts":["own.example",%q],"resources":{"x":{"paths":["/admin/**"],"protection":"excluded"}}}`, name, host)
	}
	for _, host := range []string{"pay.example", "pay.example:443", "pay.example.:80", "*.b.example", "one.b.example", "all.example", "gate.example", "stored.example", "laid.example"} {
		as(t, d, token, http.MethodPut, "/v1/applications/new", body("new", host)).refused(t, http.StatusForbidden, "forbidden")
		as(t, d, token, http.MethodPatch, "/v1/applications/own", fmt.Sprintf(`{"hosts":["own.example",%q]}`, host)).refused(t, http.StatusForbidden, "forbidden")
		as(t, d, token, http.MethodPut, "/v1/overrides/application/own", fmt.Sprintf(`{"kind":"application","name":"own","values":{"hosts":[%q]}}`, host)).refused(t, http.StatusForbidden, "forbidden")
		as(t, d, token, http.MethodPost, "/v1/batch", fmt.Sprintf(`{"operations":[{"method":"PUT","kind":"application","name":"new","body":%s}]}`, body("new", host))).refused(t, http.StatusForbidden, "forbidden")
	}
	for _, host := range []string{"new.example", "pay.example:8443", "two.labels.b.example", "shared.example", "*.example"} {
		if got := as(t, d, token, http.MethodPut, "/v1/applications/own", body("own", host)); got.status >= 300 {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPatch, "/v1/applications/given", `{"resources":{"x":{"paths":["/x"]}}}`}, // on a host that he was given
		{http.MethodPut, "/v1/overrides/application/given", `{"kind":"application","name":"given","values":{"resources":{"x":{"paths":["/y"]}}}}`},
	} {
		if got := as(t, d, token, c.method, c.path, c.body); got.status >= 300 {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
	d.Put("/v1/applications/beside", wire.Application{Name: "beside", SecurityDomain: "A", Hosts: []string{"pay.example"}}) // who may write both may
}

// CAMS-04, TAM-11, SEC-61: the administrator of a security domain says who is in its identity stores. To applications of others nobody in
// them is anybody, also under the name of somebody who may do there what he likes.
func TestAStoreOfADomainMakesNobodyElsewhere(t *testing.T) {
	d, token := delegated(t)
	dir := testkit.Slapd(t, testkit.DirectoryPerson("root")+testkit.DirectoryGroup("operators", testkit.PersonDN("root")))
	store := dir.Store("mine")
	store.SecurityDomain = "A"
	body, err := json.Marshal(store)
	if err != nil {
		t.Fatal(err)
	}
	if got := as(t, d, token, http.MethodPut, "/v1/identity-stores/mine", string(body)); got.status != http.StatusCreated {
		t.Fatalf("%d %s", got.status, got.body)
	}
	d.Put("/v1/authorization-policies/root", wire.AuthorizationPolicy{Name: "root", Rules: []wire.Rule{{Effect: "allow", Users: []string{"root"}, Groups: []string{"operators"}}}})
	everything, own, open, loose := d.Application("all", "https://all.example"), d.Application("own", "https://own.example"), d.Application("open", "https://open.example"), d.Application("loose", "https://loose.example")
	paths := []string{"/**"}
	d.Put("/v1/applications/all", wire.Application{Name: "all", Hosts: []string{"all.example"}, Resources: map[string]wire.Resource{"all": {Paths: paths, AuthorizationPolicy: "root"}}})
	d.Put("/v1/applications/own", wire.Application{Name: "own", SecurityDomain: "A", Hosts: []string{"own.example"}, Resources: map[string]wire.Resource{"all": {Paths: paths, AuthorizationPolicy: "root"}}})
	d.Put("/v1/applications/open", wire.Application{Name: "open", Hosts: []string{"open.example"}, Resources: map[string]wire.Resource{"all": {Paths: paths, Protection: "public"}}})
	d.Delete("/v1/applications/loose")
	b := testkit.NewBrowser(t, d)
	if status, code := b.SignInTo(d, "mine", "root", testkit.Password); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	asked := func(app testkit.Application) wire.AuthorizeAnswer {
		b.Open(app, "", "")
		return app.Authorize(b.AgentCookie(app))
	}
	if got := asked(own); got.Decision != wire.DecisionAllow || got.User != "root" {
		t.Errorf("the own application: %+v", got)
	}
	if got := asked(everything); got.Decision != wire.DecisionDeny || got.Reason != "foreign_store" {
		t.Errorf("an application of all: %+v", got)
	}
	if got := asked(loose); got.Decision != wire.DecisionDeny || got.Reason != "foreign_store" {
		t.Errorf("an agent without an application: %+v", got)
	}
	if got := asked(open); got.Decision != wire.DecisionAllow || got.User != "" || got.Headers[wire.HeaderUser] != "" || got.Headers[wire.HeaderAssertion] != "" {
		t.Errorf("a public application: %+v", got)
	}
}

// TAM-11: who acts in one security domain reads that domain, what it holds included, and no other; to change or delete it takes a
// permission that is not limited to domains.
func TestOwnSecurityDomainIsRead(t *testing.T) {
	d, token := delegated(t)
	var own wire.SecurityDomainView
	got := as(t, d, token, http.MethodGet, "/v1/security-domains/A", "")
	if err := json.Unmarshal([]byte(got.body), &own); err != nil || got.status != http.StatusOK || own.Name != "A" || own.Objects == 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
	var page wire.Page[wire.SecurityDomainView]
	got = as(t, d, token, http.MethodGet, "/v1/security-domains", "")
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Items) != 1 || page.Items[0].Name != "A" {
		t.Errorf("list: %d %s", got.status, got.body)
	}
	as(t, d, token, http.MethodGet, "/v1/security-domains/B", "").refused(t, http.StatusNotFound, "not_found")
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPatch, "/v1/security-domains/A", `{"description":"mine"}`}, {http.MethodDelete, "/v1/security-domains/A", ""}, {http.MethodPut, "/v1/security-domains/C", `{"name":"C"}`},
	} {
		as(t, d, token, c.method, c.path, c.body).refused(t, http.StatusForbidden, "forbidden")
	}
	as(t, d, token, http.MethodPost, "/v1/batch", `{"operations":[{"method":"PATCH","kind":"security_domain","name":"A","body":{"description":"mine"}}]}`).refused(t, http.StatusForbidden, "forbidden")
}
