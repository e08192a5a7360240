package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// batch writes objects of a kind in one request.
func (s site) batch(kind string, named map[string]any) {
	s.t.Helper()
	var b wire.Batch
	for name, object := range named {
		body, err := json.Marshal(object)
		if err != nil {
			s.t.Fatal(err)
		}
		b.Operations = append(b.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: kind, Name: name, Body: body})
	}
	if _, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/batch", In: b}); err != nil {
		s.t.Fatal(err)
	}
}

// TestPluralSourceReadsEveryPage: a list is whole and sorted however many pages it has, and the filters choose from all of them.
func TestPluralSourceReadsEveryPage(t *testing.T) {
	s, block := start(t)
	s.put("/v1/security-domains/payroll", wire.SecurityDomain{Name: "payroll"})
	groups := map[string]any{"Zeta": wire.Group{Name: "Zeta", Description: "the last one", SecurityDomain: "payroll"}, "owned": wire.Group{Name: "owned", SecurityDomain: "payroll"}}
	for i := range 1100 {
		name := fmt.Sprintf("g%04d", i)
		groups[name] = wire.Group{Name: name}
	}
	s.batch("group", groups)
	const all, late, domain, none = "data.concord_groups.all", "data.concord_groups.late", "data.concord_groups.domain", "data.concord_groups.none"
	acceptance(t, resource.TestStep{
		Config: block + `
data "concord_groups" "all" {}
data "concord_groups" "late" {
  name_prefix = "G109"
}
data "concord_groups" "domain" {
  security_domain = "payroll"
}
data "concord_groups" "none" {
  name_prefix     = "g"
  security_domain = "payroll"
}
output "sorted" {
  value = sort(data.concord_groups.all.groups[*].name) == data.concord_groups.all.groups[*].name
}
output "free" {
  value = length([for g in data.concord_groups.all.groups : g if g.security_domain == null])
}
`,
		Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr(all, "groups.#", "1102"), resource.TestCheckResourceAttr(all, "groups.0.name", "Zeta"), resource.TestCheckResourceAttr(all, "groups.1100.id", "g1099"),
			resource.TestCheckResourceAttr(all, "groups.0.description", "the last one"),
			resource.TestCheckOutput("sorted", "true"), resource.TestCheckOutput("free", "1100"),
			resource.TestCheckResourceAttr(late, "groups.#", "10"), resource.TestCheckResourceAttr(late, "groups.9.name", "g1099"),
			resource.TestCheckResourceAttr(domain, "groups.#", "2"), resource.TestCheckResourceAttr(domain, "groups.1.name", "owned"),
			resource.TestCheckResourceAttr(none, "groups.#", "0"),
		),
	})
}

// TestPluralSourcesShowWhatResourcesShow: each kind's list has the attributes of its objects as they are replicated, collections that
// were left out are empty, and no secret is there.
func TestPluralSourcesShowWhatResourcesShow(t *testing.T) {
	ny, ldc := twoSites(t)
	ny.link("standalone", ldc)
	block := ny.block("concord")
	ny.User("ann")
	ny.put("/v1/groups/staff", wire.Group{Name: "staff"})
	ny.put("/v1/security-domains/payroll", wire.SecurityDomain{Name: "payroll", Description: "pay"})
	ny.put("/v1/authentication-schemes/strong", wire.AuthenticationScheme{Name: "strong", Level: new(5), Steps: []wire.SchemeStep{{Method: "password"}}})
	ny.put("/v1/authorization-policies/some", wire.AuthorizationPolicy{Name: "some", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"staff"}, Times: []wire.TimeWindow{{From: "08:00", TimeZone: "UTC"}}}}})
	ny.put("/v1/applications/app", wire.Application{Name: "app", Hosts: []string{"app.example.com"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, Protection: "protected", AuthorizationPolicy: "some"}}})
	ny.put("/v1/overrides/application/app", map[string]any{"kind": "application", "name": "app", "values": map[string]any{"hosts": []string{"ny.example.com"}}})
	ny.put("/v1/agents/gate", wire.Agent{Name: "gate", Hosts: []string{"https://app.example.com"}, Secret: "a-long-enough-secret-that-nobody-guesses"})
	ny.put("/v1/identity-stores/corp", wire.IdentityStore{Name: "corp", URLs: []string{"ldaps://ldap.example.com"}, UserSearchBase: "dc=example,dc=com"})
	config, at := block, func(kind string) string { return "data.concord_" + kind + ".x" }
	for _, kind := range []string{"users", "groups", "applications", "authorization_policies", "agents", "partners", "trusted_certificates", "security_domains", "identity_stores", "authentication_schemes"} {
		config += fmt.Sprintf("data \"concord_%s\" \"x\" {}\n", kind)
	}
	is := resource.TestCheckResourceAttr
	acceptance(t, resource.TestStep{Config: config, Check: resource.ComposeAggregateTestCheckFunc(
		is(at("users"), "users.#", "1"), is(at("users"), "users.0.name", "ann"), is(at("users"), "users.0.enabled", "true"), is(at("users"), "users.0.groups.#", "0"),
		resource.TestCheckNoResourceAttr(at("users"), "users.0.password_wo"), resource.TestCheckNoResourceAttr(at("users"), "users.0.password_wo_version"),
		is(at("groups"), "groups.0.name", "staff"),
		is(at("applications"), "applications.0.hosts.0", "app.example.com"), is(at("applications"), "applications.0.resources.all.authorization_policy", "some"), is(at("applications"), "applications.0.resources.all.methods.#", "0"),
		is(at("authorization_policies"), "authorization_policies.0.rules.0.times.0.from", "08:00"), is(at("authorization_policies"), "authorization_policies.0.rules.0.users.#", "0"),
		is(at("agents"), "agents.0.hosts.0", "https://app.example.com"), resource.TestCheckNoResourceAttr(at("agents"), "agents.0.secret_wo"),
		is(at("partners"), "partners.0.cluster_id", "LDC"), is(at("partners"), "partners.0.primary.0", ldc.PeerAddress),
		is(at("trusted_certificates"), "trusted_certificates.0.partner", "LDC"), is(at("trusted_certificates"), "trusted_certificates.0.certificates.0.kind", "root"),
		is(at("security_domains"), "security_domains.0.description", "pay"),
		is(at("identity_stores"), "identity_stores.#", "1"), is(at("identity_stores"), "identity_stores.0.connect_timeout", "3s"), is(at("identity_stores"), "identity_stores.0.attribute_mapping.%", "0"),
		is(at("authentication_schemes"), "authentication_schemes.0.level", "5"), is(at("authentication_schemes"), "authentication_schemes.0.steps.0.method", "password"),
	)})
}

// TestSourcesWaitForTheirProvider: while the provider block is not known, a Terraform that can defer is asked to, and another one is
// told what to do.
func TestSourcesWaitForTheirProvider(t *testing.T) {
	t.Parallel()
	server := providerserver.NewProtocol6(provider.New("test")())()
	described := schemas(t)
	configured, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: objectOf(t, described.Provider, map[string]tftypes.Value{"endpoint": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)})})
	if err != nil || len(configured.Diagnostics) > 0 {
		t.Fatal(configured, err)
	}
	for _, name := range []string{"concord_groups", "concord_data_center", "concord_sessions"} {
		for _, can := range []bool{true, false} {
			r, err := server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: name, Config: objectOf(t, described.DataSourceSchemas[name], nil),
				ClientCapabilities: &tfprotov6.ReadDataSourceClientCapabilities{DeferralAllowed: can}})
			if err != nil {
				t.Fatal(err)
			}
			if deferred, refused := r.Deferred != nil, len(r.Diagnostics) == 1; deferred != can || refused == can {
				t.Errorf("%s, can defer %v: deferred %v, %v", name, can, r.Deferred, r.Diagnostics)
			}
		}
	}
}

// objectOf is a configuration with these attributes and null for all others.
func objectOf(t *testing.T, s *tfprotov6.Schema, given map[string]tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	all := map[string]tftypes.Value{}
	for _, a := range s.Block.Attributes {
		all[a.Name] = tftypes.NewValue(a.ValueType(), nil)
		if v, ok := given[a.Name]; ok {
			all[a.Name] = v
		}
	}
	v, err := tfprotov6.NewDynamicValue(s.ValueType(), tftypes.NewValue(s.ValueType(), all))
	if err != nil {
		t.Fatal(err)
	}
	return &v
}
