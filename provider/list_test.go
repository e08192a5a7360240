package provider_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// listedSecret is every secret of furnish but the user's.
const listedSecret = "a-long-enough-secret-that-nobody-guesses"

// furnish links NYDC with LDC and makes one object of every kind at NYDC.
func furnish(ny, ldc site) {
	const secret = listedSecret
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	ny.User("ann")
	ny.put("/v1/groups/staff", wire.Group{Name: "staff", Description: "all"})
	ny.put("/v1/security-domains/payroll", wire.SecurityDomain{Name: "payroll"})
	ny.put("/v1/authentication-schemes/strong", wire.AuthenticationScheme{Name: "strong", Level: new(5), Steps: []wire.SchemeStep{{Method: "password"}}})
	ny.put("/v1/authorization-policies/some", wire.AuthorizationPolicy{Name: "some", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"staff"}}}})
	ny.put("/v1/applications/app", wire.Application{Name: "app", Hosts: []string{"app.example.com"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, Protection: "public"}}})
	ny.put("/v1/overrides/application/app", map[string]any{"kind": "application", "name": "app", "values": map[string]any{"hosts": []string{"ny.example.com"}}})
	ny.put("/v1/agents/gate", wire.Agent{Name: "gate", Hosts: []string{"https://app.example.com"}, Secret: secret})
	ny.put("/v1/identity-stores/corp", wire.IdentityStore{Name: "corp", URLs: []string{"ldaps://ldap.example.com"}, UserSearchBase: "dc=example,dc=com", BindDN: "cn=search", BindPassword: secret})
	ny.put("/v1/settings/banner", map[string]any{"name": "banner", "value": "hello"})
	ny.put("/v1/admin-roles/helpdesk", wire.AdminRole{Name: "helpdesk", Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"user"}}}})
	ny.put("/v1/admin-tokens/robot", wire.AdminToken{Name: "robot", Roles: []string{"helpdesk"}, Token: secret})
	ny.Package(wire.Package{Name: "setup", FileName: "setup.bin", Format: "raw"}, []byte("content"))
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "administrator", Name: "ops"}}); err != nil {
		ny.t.Fatal(err)
	}
}

// OAM-L7: what was made by hand is declared without being copied by hand. Each kind's list finds what is there under
// its natural name, and shows of it exactly what an import by that identity then reads, so that the configuration that Terraform writes of it is the whole one. No secret is in either (SEC-69).
func TestListsFindEveryKind(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	furnish(ny, ldc)
	p := ny.speak(nil)
	titles := map[string]string{"user": "ann", "group": "staff", "security_domain": "payroll", "authentication_scheme": "strong", "authorization_policy": "some", "application": "app",
		"override": "application/app", "agent": "gate", "identity_store": "corp", "setting": "banner", "admin_role": "helpdesk", "admin_token": "robot", "package": "setup",
		"partner": "LDC", "trusted_certificate": "", "replication_agreement": "", "certificate": "spiffe://nydc/admin/ops, serial ",
		"data_center": "NYDC", "partner_profile": "default", "session_policy": "default", "password_policy": "default"}
	for resource := range p.schemas.ResourceSchemas {
		if _, ok := titles[strings.TrimPrefix(resource, "concord_")]; !ok && !strings.HasSuffix(resource, "_collection") {
			t.Errorf("no list of %s is tried", resource)
		}
	}
	for short, title := range titles {
		t.Run(short, func(t *testing.T) {
			name, filters := "concord_"+short, map[string]tftypes.Value(nil)
			if short == "certificate" {
				filters = map[string]tftypes.Value{"profile": text("administrator")}
			}
			found := p.list(name, 100, true, filters)
			if len(found) != 1 || len(found[0].Diagnostics) > 0 || !strings.HasPrefix(found[0].DisplayName, title) || found[0].DisplayName == "" {
				t.Fatalf("found %+v: %s", found, says(found[0].Diagnostics))
			}
			bare := p.list(name, 100, false, filters)
			if len(bare) != 1 || bare[0].Resource != nil || bare[0].DisplayName != found[0].DisplayName || !maps.Equal(p.parts(name, bare[0].Identity), p.parts(name, found[0].Identity)) {
				t.Errorf("without the resource: %+v", bare)
			}
			r, diags := p.adopt(name, tfprotov6.ImportResourceStateRequest{Identity: found[0].Identity})
			if len(diags) > 0 || len(r.Diagnostics) > 0 {
				t.Fatalf("import by identity: %v %v", diags, r)
			}
			if got, want := p.parts(name, r.NewIdentity), p.parts(name, found[0].Identity); !maps.Equal(got, want) {
				t.Errorf("identity %v, want %v", got, want)
			}
			for _, secret := range []string{listedSecret, testkit.Password} {
				if config := p.generate(name, r.NewState); bytes.Contains(found[0].Resource.MsgPack, []byte(secret)) || bytes.Contains(config.MsgPack, []byte(secret)) {
					t.Errorf("the secret %q is listed", secret)
				}
			}
			listed, read := p.attributes(name, found[0].Resource), p.attributes(name, r.NewState)
			for attribute, value := range read {
				moves := slices.Contains([]string{"reachable", "certificate_expires_at", "last_sequence", "lag_entries", "state"}, attribute)
				if !moves && !value.Equal(listed[attribute]) {
					t.Errorf("%s: the list shows %v, a read %v", attribute, listed[attribute], value)
				}
			}
		})
	}
}

// TestListsAreBounded: a list asks page by page, ends at its limit, and chooses from every page.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	s.put("/v1/security-domains/payroll", wire.SecurityDomain{Name: "payroll"})
	groups := map[string]any{"zeta": wire.Group{Name: "zeta", SecurityDomain: "payroll"}}
	for i := range 450 {
		name := fmt.Sprintf("g%04d", i)
		groups[name] = wire.Group{Name: name}
	}
	s.batch("group", groups)
	p := s.speak(nil)
	for _, c := range []struct {
		limit   int64
		filters map[string]tftypes.Value
		want    int
		last    string
	}{
		{0, nil, 451, "zeta"},
		{1000, nil, 451, "zeta"},
		{3, nil, 3, "g0002"},
		{250, nil, 250, "g0249"},
		{100, map[string]tftypes.Value{"name_prefix": text("G044")}, 10, "g0449"},
		{4, map[string]tftypes.Value{"name_prefix": text("g044")}, 4, "g0443"},
		{100, map[string]tftypes.Value{"security_domain": text("payroll")}, 1, "zeta"},
		{500, map[string]tftypes.Value{"security_domain": text("")}, 450, "g0449"},
		{100, map[string]tftypes.Value{"name_prefix": text("nobody")}, 0, ""},
	} {
		found := p.list("concord_group", c.limit, false, c.filters)
		last := ""
		if len(found) > 0 {
			last = found[len(found)-1].DisplayName
		}
		if len(found) != c.want || last != c.last {
			t.Errorf("limit %d, %v: %d found, the last is %q; want %d and %q", c.limit, c.filters, len(found), last, c.want, c.last)
		}
	}
}

// TestListsStop: who takes no more gets no more.
func TestListsStop(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	s.batch("group", map[string]any{"a": wire.Group{Name: "a"}, "b": wire.Group{Name: "b"}})
	p := s.speak(nil)
	r, err := p.ProviderServer.(tfprotov6.ListResourceServer).ListResource(t.Context(), &tfprotov6.ListResourceRequest{TypeName: "concord_group", Config: objectOf(t, p.schemas.ListResourceSchemas["concord_group"], nil)})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range r.Results {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("%d seen", seen)
	}
}

// TestListsRefuse: a list that cannot be read says why, and shows nothing.
func TestListsRefuse(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	for name, c := range map[string]struct {
		over    map[string]tftypes.Value
		kind    string
		filters map[string]tftypes.Value
		want    string
	}{
		"unknown provider": {map[string]tftypes.Value{"endpoint": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)}, "concord_user", nil, "not configured yet"},
		"wrong token":      {map[string]tftypes.Value{"token": text("nobody's")}, "concord_authorization_policy", nil, "Cannot list authorization policies"},
		"wrong status":     {nil, "concord_certificate", map[string]tftypes.Value{"status": text("fine")}, "status"},
	} {
		t.Run(name, func(t *testing.T) {
			found := s.speak(c.over).list(c.kind, 100, true, c.filters)
			if len(found) != 1 || found[0].Identity != nil || !strings.Contains(says(found[0].Diagnostics), c.want) {
				t.Errorf("found %+v: %s", found, says(found[0].Diagnostics))
			}
		})
	}
}
