package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TAM-11, SEC-61: who reads the policies of one security domain asks what its applications would answer, and learns nothing of others:
// their hosts, users, schemes and stores are as if nobody had them, and the rules of what belongs to no domain are not told.
func TestEvaluateInOnesOwnDomain(t *testing.T) {
	d, token := delegated(t)
	staff := wire.AuthorizationPolicy{Name: "common", Rules: []wire.Rule{{Effect: "deny", Users: []string{"bob"}}, {Effect: "allow", Groups: []string{"staff"}}}}
	d.Put("/v1/authorization-policies/common", staff)
	d.Put("/v1/authorization-policies/mine", wire.AuthorizationPolicy{Name: "mine", SecurityDomain: "A", Rules: []wire.Rule{{Effect: "allow", Users: []string{"ann"}}}})
	level := 7
	for _, domain := range []string{"A", "B"} {
		d.Put("/v1/authentication-schemes/strong-"+domain, wire.AuthenticationScheme{Name: "strong-" + domain, SecurityDomain: domain, Level: &level, Steps: []wire.SchemeStep{{Method: "password"}}})
	}
	d.Put("/v1/identity-stores/theirs", wire.IdentityStore{Name: "theirs", SecurityDomain: "B", URLs: []string{"ldaps://127.0.0.1:1"}, UserSearchBase: "dc=example"})
	d.Put("/v1/applications/mine", wire.Application{Name: "mine", SecurityDomain: "A", Hosts: []string{"mine.example"}, Resources: map[string]wire.Resource{
		"own": {Paths: []string{"/own"}, AuthorizationPolicy: "mine"}, "common": {Paths: []string{"/common"}, AuthorizationPolicy: "common"}}})
	d.Put("/v1/applications/theirs", wire.Application{Name: "theirs", SecurityDomain: "B", Hosts: []string{"theirs.example", "mine.example"}, Resources: map[string]wire.Resource{"r": {Paths: []string{"/theirs"}, Protection: "public"}}})
	d.Put("/v1/applications/all", wire.Application{Name: "all", Hosts: []string{"all.example"}, Resources: map[string]wire.Resource{"r": {Paths: []string{"/**"}, AuthorizationPolicy: "common"}}})
	ask := func(body string) answer { return as(t, d, token, http.MethodPost, "/v1/policies/evaluate", body) }
	verdict := func(body string) (v wire.PolicyVerdict) {
		t.Helper()
		got := ask(body)
		if err := json.Unmarshal([]byte(got.body), &v); err != nil || got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, got.status, got.body)
		}
		return v
	}
	if v := verdict(`{"user":"ann","host":"mine.example","target":"/own"}`); v.Decision != "allow" || v.Reason != "mine/rule/1" || len(v.Rules) != 1 {
		t.Errorf("the own policy: %+v", v)
	}
	if v := verdict(`{"user":"given","host":"mine.example","target":"/common"}`); v.Decision != "allow" || v.Reason != "common" || len(v.Rules) != 0 || v.Rule != 0 {
		t.Errorf("a policy of no domain: %+v", v)
	}
	if v := verdict(`{"user":"ann","host":"mine.example","target":"/common","policy":{"name":"common","rules":[{"effect":"allow"}]}}`); v.Decision != "allow" || len(v.Rules) != 1 {
		t.Errorf("a policy of the question: %+v", v)
	}
	if v := verdict(`{"user":"ann","authentication_scheme":"strong-A","host":"mine.example","target":"/nowhere"}`); v.Decision != "deny" || v.Subject.Level != 7 {
		t.Errorf("a path that nothing covers: %+v", v)
	}
	nobody := ask(`{"host":"nobody.example","target":"/"}`).refused(t, http.StatusNotFound, "not_found")
	for _, host := range []string{"theirs.example", "all.example"} {
		if p := ask(`{"user":"ann","host":"`+host+`","target":"/theirs"}`).refused(t, http.StatusNotFound, "not_found"); p.Detail != nobody.Detail {
			t.Errorf("%s: %s, and for a host that nobody has: %s", host, p.Detail, nobody.Detail)
		}
	}
	ask(`{"host":"mine.example","target":"/theirs"}`).refused(t, http.StatusNotFound, "not_found")
	for _, c := range [][2]string{
		{`{"user":"NAME","host":"mine.example","target":"/own"}`, "bob"},
		{`{"user":"ann","authentication_scheme":"NAME","host":"mine.example","target":"/own"}`, "strong-B"},
		{`{"subject":{"user":"x","identity_store":"NAME"},"host":"mine.example","target":"/own"}`, "theirs"},
	} {
		other := ask(strings.ReplaceAll(c[0], "NAME", c[1])).refused(t, http.StatusBadRequest, "invalid_input")
		none := ask(strings.ReplaceAll(c[0], "NAME", "nobody-has-this")).refused(t, http.StatusBadRequest, "invalid_input")
		if len(other.Errors) != 1 || len(none.Errors) != 1 || strings.ReplaceAll(other.Errors[0].Detail, c[1], "") != strings.ReplaceAll(none.Errors[0].Detail, "nobody-has-this", "") {
			t.Errorf("%s: %+v, and for a name that nobody has %+v", c[1], other.Errors, none.Errors)
		}
	}
	if v, err := (&guarded{t: t, d: d}).evaluate(wire.PolicyEvaluation{User: "bob", Host: "all.example", Target: "/"}); err != nil || len(v.Rules) != 2 {
		t.Errorf("who may read all: %+v, %v", v, err)
	}
}
