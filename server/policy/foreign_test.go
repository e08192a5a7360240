package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// CAMS-04, TAM-11, SEC-61: whoever manages a security domain says who is in its identity stores, by which name and in which groups. Those
// people are somebody to its own applications and to no others, whatever their names and groups are.
func TestStoresOfADomainCountThereAlone(t *testing.T) {
	resources := map[string]mdc.Resource{
		"any":  {Paths: []string{"/any"}, Protection: mdc.Protected},
		"root": {Paths: []string{"/root"}, Protection: mdc.Protected, AuthorizationPolicy: "root"},
		"open": {Paths: []string{"/open"}, Protection: mdc.Public},
	}
	ix, err := policy.Compile(
		[]*mdc.Application{{Name: "all", Hosts: []string{"all.example"}, Resources: resources}, {Name: "a", Hosts: []string{"a.example"}, Resources: resources, SecurityDomain: "A"},
			{Name: "b", Hosts: []string{"b.example"}, Resources: resources, SecurityDomain: "B"}},
		[]*mdc.AuthorizationPolicy{{Name: "root", Rules: []mdc.Rule{{Effect: mdc.Allow, Users: []string{"root"}}, {Effect: mdc.Allow, Groups: []string{"operators"}}},
			Responses: &mdc.Responses{Headers: map[string]string{"X-Who": "user"}}}},
		nil, []*mdc.IdentityStore{{Name: "corp"}, {Name: "a-people", SecurityDomain: "A"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		store, host, path, want string
	}{
		{"local", "all.example", "/root", "allow policy root"},
		{"corp", "b.example", "/root", "allow policy root"},
		{"a-people", "a.example", "/root", "allow policy root"},
		{"a-people", "a.example", "/any", "allow any_user "},
		{"a-people", "a.example", "/open", "public public "},
		{"a-people", "all.example", "/root", "deny foreign_store "},
		{"a-people", "all.example", "/any", "deny foreign_store "},
		{"a-people", "b.example", "/root", "deny foreign_store "},
		{"a-people", "b.example", "/any", "deny foreign_store "},
		{"a-people", "b.example", "/open", "public public stranger"},
		{"a-people", "new.example", "/", "deny foreign_store "},
		{"a-people", "new.a.example", "/", "allow default_any_user "},
		{"local", "new.example", "/", "allow default_any_user "},
	} {
		r := policy.Request{Method: "GET", Host: c.host, Path: c.path, DefaultAnyUser: true}
		if c.host == "new.a.example" {
			r.Domain = "A"
		}
		s := &policy.Subject{User: "root", Groups: []string{"operators"}, Level: mdc.MaxLevel, IdentityStore: c.store}
		d := ix.Decide(r, s)
		rule, told := d.Rule, d.Headers["X-Who"]
		if rule == "root/rule/1" {
			rule = "policy"
		}
		if d.Stranger {
			told += "stranger"
		}
		if got := string(d.Effect) + " " + rule + " " + told; got != c.want {
			t.Errorf("%s at %s%s: %q, want %q", c.store, c.host, c.path, got, c.want)
		}
		if diff := cmp.Diff(d, ix.Explain(r, s).Decision); diff != "" {
			t.Errorf("it is explained otherwise: %s", diff)
		}
	}
}
