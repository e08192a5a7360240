package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// delegated is a data center with the administrator of the security domain A, who may do everything in it, a user of A, and two others
// who are administrators of more: one by name, one by a group.
func delegated(t *testing.T) (d *testkit.DataCenter, token string) {
	t.Helper()
	d = start(t)
	d.Put("/v1/security-domains/A", wire.SecurityDomain{Name: "A"})
	d.Put("/v1/security-domains/B", wire.SecurityDomain{Name: "B"})
	d.Role("a", wire.AdminRole{SecurityDomain: "A", Permissions: []wire.Permission{{Actions: []string{"read", "write", "operate"}, Kinds: []string{"*"}, SecurityDomains: []string{"A"}}}})
	d.Put("/v1/groups/operators", wire.Group{Name: "operators"})
	d.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	d.Put("/v1/groups/clerks", wire.Group{Name: "clerks", SecurityDomain: "A"})
	d.Role("operators", wire.AdminRole{Groups: []string{"operators"}, Users: []string{"Root", "later"}})
	d.Put("/v1/users/ann", wire.User{Name: "ann", SecurityDomain: "A", Password: testkit.Password})
	d.Put("/v1/users/root", wire.User{Name: "root", SecurityDomain: "A", Password: testkit.Password})
	d.Put("/v1/users/oper", wire.User{Name: "oper", SecurityDomain: "A", Groups: []string{"operators"}, Password: testkit.Password})
	d.Put("/v1/users/bob", wire.User{Name: "bob", SecurityDomain: "B"})
	d.Put("/v1/users/given", wire.User{Name: "given", SecurityDomain: "A", Groups: []string{"staff"}})
	d.Put("/v1/authorization-policies/b", wire.AuthorizationPolicy{Name: "b", SecurityDomain: "B", Rules: []wire.Rule{{Effect: "allow", Users: []string{"Carol"}}}})
	d.Put("/v1/authorization-policies/a", wire.AuthorizationPolicy{Name: "a", SecurityDomain: "A", Rules: []wire.Rule{{Effect: "allow", Users: []string{"dora"}}}})
	return d, d.AdminToken("a", "a")
}

// TAM-11, SEC-61: nobody gives, or takes over, what he does not have; nothing is moved into or out of another's domain; one by one and
// inside of a batch, which then does nothing at all.
func TestNobodyGivesWhatHeDoesNotHave(t *testing.T) {
	d, token := delegated(t)
	const every = `{"actions":["write"],"kinds":["user"]}`
	before := d.View().Digest
	for what, c := range map[string]struct {
		kind, name, method, body string
		status                   int
		code                     string
	}{
		"a role of everything":             {"admin_role", "r", "PUT", `{"name":"r","security_domain":"A","permissions":[` + every + `],"users":["ann"]}`, 403, "forbidden"},
		"a role in two domains":            {"admin_role", "r", "PUT", `{"name":"r","security_domain":"A","permissions":[{"actions":["read"],"kinds":["user"],"security_domains":["A","B"]}]}`, 403, "forbidden"},
		"more for the own role":            {"admin_role", "a", "PATCH", `{"permissions":[` + every + `]}`, 403, "forbidden"},
		"oneself into a greater role":      {"admin_role", "operators", "PATCH", `{"users":["ann"]}`, 404, "not_found"},
		"a greater role's end":             {"admin_role", "operators", "DELETE", ``, 404, "not_found"},
		"a user into a greater group":      {"user", "ann", "PATCH", `{"groups":["operators"]}`, 403, "forbidden"},
		"a new user in a greater group":    {"user", "eve", "PUT", `{"name":"eve","security_domain":"A","groups":["operators"]}`, 403, "forbidden"},
		"a user into a group of no domain": {"user", "ann", "PATCH", `{"groups":["staff"]}`, 403, "forbidden"},
		"a new user in a group of none":    {"user", "eve", "PUT", `{"name":"eve","security_domain":"A","groups":["clerks","staff"]}`, 403, "forbidden"},
		"a user out of a group of none":    {"user", "given", "PATCH", `{"groups":["clerks"]}`, 403, "forbidden"},
		"a new user whom a policy names":   {"user", "carol", "PUT", `{"name":"carol","security_domain":"A","password":"mine, all mine"}`, 403, "forbidden"},
		"a new user whom a role names":     {"user", "later", "PUT", `{"name":"later","security_domain":"A","password":"mine, all mine"}`, 403, "forbidden"},
		"the same in other letters":        {"user", "LATER", "PUT", `{"name":"LATER","security_domain":"A","password":"mine, all mine"}`, 403, "forbidden"},
		"a greater user's password":        {"user", "root", "PATCH", `{"password":"mine, all mine"}`, 403, "forbidden"},
		"a greater user's, by a group":     {"user", "oper", "PATCH", `{"password":"mine, all mine"}`, 403, "forbidden"},
		"a greater user out of the group":  {"user", "oper", "PATCH", `{"groups":null,"password":"mine, all mine"}`, 403, "forbidden"},
		"a greater user's end":             {"user", "root", "DELETE", ``, 403, "forbidden"},
		"into another domain":              {"user", "ann", "PATCH", `{"security_domain":"B"}`, 403, "forbidden"},
		"out of every domain":              {"user", "ann", "PATCH", `{"security_domain":null}`, 403, "forbidden"},
		"another's into one's own":         {"user", "bob", "PATCH", `{"security_domain":"A"}`, 404, "not_found"},
		"another's replaced by one's own":  {"user", "bob", "PUT", `{"name":"bob","security_domain":"A"}`, 403, "forbidden"},
		"another's end":                    {"user", "bob", "DELETE", ``, 404, "not_found"},
		"a new one of no domain":           {"group", "g", "PUT", `{"name":"g"}`, 403, "forbidden"},
		"a token":                          {"admin_token", "t", "PUT", `{"name":"t","roles":["operators"],"token":"0123456789abcdef0123456789abcdef"}`, 403, "forbidden"},
		"values over what is of no domain": {"override", "session_policy/default", "PUT", `{"kind":"session_policy","name":"default","values":{"lifetime":"2h"}}`, 403, "forbidden"},
		"the domain by an override":        {"override", "application/x", "PUT", `{"kind":"application","name":"x","values":{"security_domain":"A"}}`, 400, "invalid_input"},
	} {
		t.Run(what, func(t *testing.T) {
			path := map[string]string{"admin_role": "admin-roles", "user": "users", "group": "groups", "admin_token": "admin-tokens", "override": "overrides"}[c.kind]
			as(t, d, token, c.method, "/v1/"+path+"/"+c.name, c.body).refused(t, c.status, c.code)
			body := ""
			if c.body != "" {
				body = `,"body":` + c.body
			}
			// The first operation is allowed, and is not made either.
			p := as(t, d, token, http.MethodPost, "/v1/batch", fmt.Sprintf(`{"operations":[{"method":"PATCH","kind":"user","name":"ann","body":{"email":"a@example.com"}},{"method":%q,"kind":%q,"name":%q%s}]}`,
				c.method, c.kind, c.name, body)).refused(t, c.status, c.code)
			if len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Pointer, "/operations/1") {
				t.Errorf("the places: %+v", p.Errors)
			}
		})
	}
	if after := d.View().Digest; after != before {
		t.Error("something was changed")
	}
	for _, c := range []struct{ method, path, body string }{ // and what is his he may
		{"PATCH", "/v1/users/ann", `{"groups":["clerks"],"password":"another long one"}`},
		{"PATCH", "/v1/users/given", `{"groups":["clerks","staff"],"email":"given@example.com"}`},
		{"PUT", "/v1/users/dora", `{"name":"dora","security_domain":"A"}`},
		{"PUT", "/v1/admin-roles/readers", `{"name":"readers","security_domain":"A","permissions":[{"actions":["read"],"kinds":["*"],"security_domains":["A"]}],"users":["ann"]}`},
		{"PUT", "/v1/applications/shop", `{"name":"shop","security_domain":"A","hosts":["shop.example"],"resources":{}}`},
		{"PUT", "/v1/overrides/application/shop", `{"kind":"application","name":"shop","values":{"hosts":["shop2.example"]}}`},
		{"DELETE", "/v1/overrides/application/shop", ``},
	} {
		if got := as(t, d, token, c.method, c.path, c.body); got.status >= 400 {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
}

// SEC-61: certificates and join tokens that let their holder do more than who asks for them.
func TestCertificatesGiveNoMoreThanOnesOwn(t *testing.T) {
	d := start(t)
	d.Role("issuers", wire.AdminRole{Permissions: []wire.Permission{{Actions: []string{"read", "write"}, Kinds: []string{"certificate", "join_token"}}}, Certificates: []string{"spiffe://nydc/admin/equal"}})
	d.Role("operators", wire.AdminRole{Certificates: []string{"spiffe://nydc/admin/root"}})
	token := d.AdminToken("issuer", "issuers")
	root := d.Certify("administrator", "root", "")
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/certificates", `{"profile":"node","name":"ny9"}`, 403},
		{"/v1/certificates", `{"profile":"administrator","name":"root"}`, 403},
		{"/v1/certificates/" + root.Serial + "/renew", `{}`, 403},
		{"/v1/trust/join-tokens", `{"purpose":"administrator","name":"root"}`, 403},
		{"/v1/trust/join-tokens", `{"purpose":"node","name":"ny9"}`, 403},
		{"/v1/trust/join-tokens", `{"purpose":"data_center"}`, 403},
		{"/v1/certificates", `{"profile":"administrator","name":"equal"}`, 201},
		{"/v1/certificates", `{"profile":"administrator","name":"nobody"}`, 201},
		{"/v1/certificates", `{"profile":"agent","name":"web"}`, 201},
		{"/v1/trust/join-tokens", `{"purpose":"agent","name":"web"}`, 201},
	} {
		got := as(t, d, token, http.MethodPost, c.path, c.body)
		if got.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.path, c.body, got.status, got.body, c.status)
		}
	}
}

// SEC-61: what another domain has is not told by a list, a reference, a lock, or who is in the way of a deletion.
func TestForeignObjectsAreNotTold(t *testing.T) {
	d, token := delegated(t)
	d.Put("/v1/groups/secret-plan", wire.Group{Name: "secret-plan", SecurityDomain: "B"})
	d.Put("/v1/locks/group/secret-plan", wire.LockRequest{Owner: "b"})
	d.Put("/v1/authorization-policies/common", wire.AuthorizationPolicy{Name: "common", SecurityDomain: "A", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"clerks"}}}})
	d.Put("/v1/applications/b", wire.Application{Name: "b", SecurityDomain: "B", Hosts: []string{"b.example"}})
	d.Put("/v1/overrides/application/b", wire.Override{Kind: "application", Name: "b", Values: []byte(`{"hosts":["c.example"]}`)})
	for path, has := range map[string]string{"/v1/groups": "clerks", "/v1/users": "ann", "/v1/locks": "items", "/v1/overrides": "items", "/v1/applications": "items", "/v1/groups?limit=1": "clerks"} {
		got := as(t, d, token, http.MethodGet, path, "")
		if got.status != http.StatusOK || !strings.Contains(got.body, has) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		for _, foreign := range []string{"secret-plan", "bob", `"b"`, "c.example"} {
			if strings.Contains(got.body, foreign) {
				t.Errorf("%s tells of %s: %s", path, foreign, got.body)
			}
		}
	}
	there := as(t, d, token, http.MethodPut, "/v1/users/new", `{"name":"new","security_domain":"A","groups":["secret-plan"]}`).refused(t, 400, "invalid_input")
	none := as(t, d, token, http.MethodPut, "/v1/users/new", `{"name":"new","security_domain":"A","groups":["nobody-has-it"]}`).refused(t, 400, "invalid_input")
	if strings.ReplaceAll(none.Errors[0].Detail, "nobody-has-it", "secret-plan") != there.Errors[0].Detail {
		t.Errorf("a reference tells: %q, of a name that nobody has %q", there.Errors[0].Detail, none.Errors[0].Detail)
	}
	as(t, d, token, http.MethodGet, "/v1/locks/group/secret-plan", "").refused(t, 404, "not_found")
	for _, tag := range []string{`"wrong"`, `*`} { // a condition tells nothing either
		h := http.Header{"Authorization": {"Bearer " + token}, "If-Match": {tag}}
		send(t, d, ask{method: http.MethodDelete, url: d.Endpoint + "/v1/groups/secret-plan", header: h}).refused(t, 404, "not_found")
	}
	// Only the whole topology's administrator is told who uses what.
	d.Role("of-none", wire.AdminRole{Permissions: []wire.Permission{{Actions: []string{"write"}, Kinds: []string{"group"}}}})
	groups := d.AdminToken("groups", "of-none")
	p := as(t, d, groups, http.MethodDelete, "/v1/groups/clerks", "").refused(t, 409, "in_use")
	if strings.Contains(p.Detail, "common") || !strings.Contains(p.Detail, "may not read") {
		t.Errorf("who is in the way: %s", p.Detail)
	}
}
