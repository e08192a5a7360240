package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// TAM-11, SEC-61: the level of a scheme that belongs to a security domain counts for that domain's applications. To all others it is worth
// one that proves who somebody is: for the level that a resource asks for, in conditions and in what applications are told.
func TestLevelsOfADomainCountThereAlone(t *testing.T) {
	resources := map[string]mdc.Resource{
		"any":    {Paths: []string{"/any"}, Protection: mdc.Protected},
		"strong": {Paths: []string{"/strong"}, Protection: mdc.Protected, AuthenticationScheme: "strong"},
		"level":  {Paths: []string{"/level"}, Protection: mdc.Protected, AuthorizationPolicy: "level"},
	}
	ix, err := policy.Compile(
		[]*mdc.Application{{Name: "all", Hosts: []string{"all.example"}, Resources: resources}, {Name: "a", Hosts: []string{"a.example", "both.example"}, Resources: resources, SecurityDomain: "A"},
			{Name: "b", Hosts: []string{"b.example"}, Resources: resources, SecurityDomain: "B"},
			{Name: "c", Hosts: []string{"both.example"}, Resources: map[string]mdc.Resource{"level": {Paths: []string{"/level"}, Protection: mdc.Public}}, SecurityDomain: "B"}},
		[]*mdc.AuthorizationPolicy{{Name: "level", Rules: []mdc.Rule{{Effect: mdc.Allow, Condition: "level >= 5"}}, Responses: &mdc.Responses{Headers: map[string]string{"X-Level": "level"}}}},
		[]*mdc.AuthenticationScheme{{Name: "strong", Level: 5}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ of, host, path, want string }{
		{"", "all.example", "/strong", "allow any_user "},
		{"", "a.example", "/level", "allow level/rule/1 7"},
		{"A", "a.example", "/strong", "allow any_user "},
		{"A", "a.example", "/level", "allow level/rule/1 7"},
		{"A", "both.example", "/level", "allow level/rule/1 7"},
		{"A", "b.example", "/strong", "challenge level_too_low "},
		{"A", "b.example", "/level", "deny level/none_fits "},
		{"A", "b.example", "/any", "allow any_user "},
		{"A", "all.example", "/strong", "challenge level_too_low "},
		{"A", "all.example", "/level", "deny level/none_fits "},
		{"A", "all.example", "/any", "allow any_user "},
		{"A", "new.example", "/", "allow default_any_user "},
	} {
		r := policy.Request{Method: "GET", Host: c.host, Path: c.path, DefaultAnyUser: true}
		s := &policy.Subject{User: "ann", Level: 7, LevelDomain: c.of, IdentityStore: "local"}
		d := ix.Decide(r, s)
		if got := string(d.Effect) + " " + d.Rule + " " + d.Headers["X-Level"]; got != c.want {
			t.Errorf("level of %q at %s%s: %q, want %q", c.of, c.host, c.path, got, c.want)
		}
		if diff := cmp.Diff(d, ix.Explain(r, s).Decision); diff != "" {
			t.Errorf("it is explained otherwise: %s", diff)
		}
	}
}
