package provider_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// TestRehearsedAtPlan: what the server alone would find wrong with an object stops the plan, in the server's words, at a line of the
// attribute; what the same plan makes, or does not know yet, is nothing wrong (OAM-05, SEC-69).
func TestRehearsedAtPlan(t *testing.T) {
	t.Parallel()
	s, configured := start(t)
	s.Put("/v1/settings/banner", wire.Setting{Name: "banner", Value: "x"})
	wrong := map[string]struct{ config, line string }{
		`start_page: "https://b.example/" does not lie under one of hosts`: {block(`resource "concord_agent" "x"`, `name = "x"`, `hosts = ["https://a.example"]`, `start_page = "https://b.example/"`), `start_page =`},
		`permissions[0].kinds: "usr" is not one of`:                        {block(`resource "concord_admin_role" "x"`, `name = "x"`, `permissions = [{ actions = ["read"], kinds = ["usr"] }]`), `permissions =`},
		`name: "local" is the store that is always there`:                  {block(`resource "concord_identity_store" "x"`, `name = "local"`, `urls = ["ldaps://a.example"]`, `user_search_base = "dc=x"`), `name = "local"`},
		`name: there is no agent named "none"`:                             {block(`resource "concord_override" "x"`, `kind = "agent"`, `name = "none"`, `values = jsonencode({ cache_lifetime = "5s" })`), `name = "none"`},
		`values.lifetme: is not a field of a session_policy`:               {block(`resource "concord_override" "y"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ lifetme = "1h" })`), `values =`},
		`values.idle_timeout: 30m is not below lifetime (20m)`:             {block(`resource "concord_override" "z"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ lifetime = "20m", max_degraded_age = "10m" })`), `values =`},
		`cluster_id: "PARIS" was asked for, but "NYDC" answers`:            {block(`resource "concord_data_center" "x"`, `cluster_id = "PARIS"`), `cluster_id = "PARIS"`},
		`cluster_id: is this data center's own`:                            {block(`resource "concord_partner" "x"`, `cluster_id = "nydc"`, `agent_id = "p"`, `primary = ["a.example:7402"]`), `cluster_id = "nydc"`},
		`target: there is no partner named "ROME"`:                         {block(`resource "concord_replication_agreement" "x"`, `name = "x"`, `source = "NYDC"`, `target = "ROME"`), `target = "ROME"`},
	}
	fine := "resource \"terraform_data\" \"unknown\" {\n  input = timestamp()\n}\n" +
		block(`resource "concord_group" "later"`, `name = terraform_data.unknown.output`) +
		block(`resource "concord_user" "of_it"`, `name = "of-it"`, `groups = ["may-be-it"]`, `depends_on = [concord_group.later]`) +
		block(`resource "concord_setting" "new"`, `name = "new"`, `value = "x"`) +
		block(`resource "concord_override" "of_new"`, `kind = "setting"`, `name = concord_setting.new.name`, `values = jsonencode({ value = "y" })`) +
		block(`resource "concord_override" "of_old"`, `kind = "setting"`, `name = "banner"`, `values = jsonencode({ value = "y" })`) +
		block(`resource "concord_partner" "later"`, `cluster_id = concord_group.later.id`, `agent_id = "p"`, `primary = ["a.example:7402"]`) +
		block(`resource "concord_replication_agreement" "later"`, `name = "later"`, `source = "NYDC"`, `target = "ROME"`, `depends_on = [concord_partner.later]`) +
		block(`resource "concord_admin_token" "x"`, `name = "x"`, `roles = [concord_admin_role.new.name]`, `token_wo = "pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa"`, `token_wo_version = 1`) +
		block(`resource "concord_admin_role" "new"`, `name = "new"`, `permissions = [{ actions = ["read"], kinds = ["user"] }]`)
	tf := newByHand(t, configured+fine)
	tf.must("plan")
	// An agent of the same plan may make a session policy fit, so the override of one has a plan of its own.
	const withAgents = `values.idle_timeout: 30m is not below lifetime (20m)`
	for _, alone := range []bool{true, false} {
		all, want := "", 0
		for said, w := range wrong {
			if alone == (said == withAgents) {
				all += w.config
				want++
			}
		}
		tf.write("main.tf", required+configured+all)
		out, code := tf.run("plan")
		errors := strings.Split(out, "\nError: ")[1:]
		if code != 1 || len(errors) != want {
			t.Errorf("exit code %d, %d errors, want %d:\n%s", code, len(errors), want, out)
		}
		for want, w := range wrong {
			said, shown := regexp.MustCompile(words(regexp.QuoteMeta(want))), regexp.MustCompile(`\d+: +`+regexp.QuoteMeta(w.line))
			found := alone != (want == withAgents)
			for _, e := range errors {
				found = found || said.MatchString(e) && shown.MatchString(e)
			}
			if !found {
				t.Errorf("not said at its line: %s\n%s", want, out)
			}
		}
	}
	var groups wire.Page[wire.GroupView]
	if s.Get("/v1/groups", &groups); len(groups.Items) != 0 || s.View().Role != "standalone" {
		t.Errorf("a plan wrote: %+v", groups.Items)
	}
}

// TestDeclaredTwice: an object that two resources declare stops the plan, of one type or of a collection and another; one that is
// replaced, or that another alias declares, does not.
func TestDeclaredTwice(t *testing.T) {
	t.Parallel()
	_, configured := start(t)
	kept := block(`resource "concord_group" "kept"`, `name = "kept"`)
	tf := newByHand(t, configured+kept)
	tf.must("apply", "-auto-approve")
	tf.must("plan", "-replace=concord_group.kept")
	tf.write("main.tf", required+configured+kept+block(`resource "concord_group" "a"`, `name = "a"`)+block(`resource "concord_group" "b"`, `name = "a"`)+
		block(`resource "concord_session_policy" "a"`, `lifetime = "8h"`)+block(`resource "concord_session_policy" "b"`, `lifetime = "9h"`)+
		block(`resource "concord_group_collection" "x"`, `groups = { kept = {}, c = {} }`))
	out, code := tf.run("plan")
	for _, want := range []string{`The group "a" is declared twice`, `The group "kept" is declared twice`, `The session policy is declared twice`} {
		if !strings.Contains(out, want) || code != 1 {
			t.Errorf("exit code %d, not said: %s\n%s", code, want, out)
		}
	}
}

// TestSecondMasterAtPlan: an agreement with a clone of somebody else, or with a master, stops the plan (OAM-02, OAM-50, MSS-06).
func TestSecondMasterAtPlan(t *testing.T) {
	t.Parallel()
	ny, ldc := twoSites(t)
	testkit.Link(ny.DataCenter, ldc.DataCenter)
	for _, c := range []struct {
		at     site
		name   string
		config map[string]any
		want   string
	}{
		{ldc, "concord_data_center", map[string]any{"cluster_id": "LDC", "role": "master"}, "LDC is a clone and does not become a master by declaration"},
		{ny, "concord_data_center", map[string]any{"cluster_id": "NYDC", "role": "master", "security_mode": "open"}, "security_mode: open needs allow_open = true"},
		{ny, "concord_partner", map[string]any{"cluster_id": "TDC", "agent_id": "p", "primary": []string{"a.example:7402"}, "security_mode": "simple"}, "security_mode: is not cert"},
		{ldc, "concord_replication_agreement", map[string]any{"name": "x", "source": "LDC", "target": "NYDC"}, "an agreement is declared at the master"},
		{ny, "concord_replication_agreement", map[string]any{"name": "x", "source": "TDC", "target": "LDC"}, "use the provider alias of TDC"},
	} {
		p := plugged{protocol: c.at.speak(nil), name: c.name}
		p.schema = p.schemas.ResourceSchemas[c.name]
		p.typ, _ = p.schema.ValueType().(tftypes.Object)
		if _, got := p.plan(tftypes.NewValue(p.typ, nil), c.config); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.want, got)
		}
	}
}

// TestPointsAtTheAttribute: Terraform shows no line of what lies deeper than an element of an attribute, so a refusal points no deeper,
// and its text says where it is.
func TestPointsAtTheAttribute(t *testing.T) {
	t.Parallel()
	server := provider.Server("test")()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p := plugged{protocol: &protocol{ProviderServer: server, t: t, schemas: schemas}, name: "concord_user_collection"}
	p.schema = schemas.ResourceSchemas[p.name]
	p.typ, _ = p.schema.ValueType().(tftypes.Object)
	users, _ := p.typ.AttributeTypes["users"].(tftypes.Map)
	entry, _ := users.ElementType.(tftypes.Object)
	ann := nothing(entry)
	ann["display_name"] = text(strings.Repeat("x", 257))
	config := p.wire(p.value(map[string]any{"users": map[string]tftypes.Value{"ann": tftypes.NewValue(entry, ann)}}))
	resp, err := server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: p.name, Config: config})
	if err != nil || len(resp.Diagnostics) != 1 {
		t.Fatal(resp, err)
	}
	d := resp.Diagnostics[0]
	if want := tftypes.NewAttributePath().WithAttributeName("users").WithElementKeyString("ann"); !d.Attribute.Equal(want) || !strings.Contains(d.Detail, `users["ann"].display_name`) {
		t.Errorf("%s: %s", d.Attribute, d.Detail)
	}
}

// TestProgressIsLogged: how far a collection is stands in Terraform's log at level info.
func TestProgressIsLogged(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	p := plugged{protocol: s.speak(nil), name: "concord_group_collection"}
	p.schema = p.schemas.ResourceSchemas[p.name]
	p.typ, _ = p.schema.ValueType().(tftypes.Object)
	groups, _ := p.typ.AttributeTypes["groups"].(tftypes.Map)
	entry, _ := groups.ElementType.(tftypes.Object)
	config := map[string]any{"groups": map[string]tftypes.Value{"a": tftypes.NewValue(entry, nothing(entry))}}
	none := tftypes.NewValue(p.typ, nil)
	planned, errs := p.plan(none, config)
	var log bytes.Buffer
	r, err := p.ApplyResourceChange(tflogtest.RootLogger(t.Context(), &log), &tfprotov6.ApplyResourceChangeRequest{TypeName: p.name, PriorState: p.wire(none), PlannedState: p.wire(planned), Config: p.wire(p.value(config))})
	if err != nil || errs+said(r.Diagnostics) != "" {
		t.Fatal(r, err, errs)
	}
	lines, err := tflogtest.MultilineJSONDecode(&log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if line["@level"] == "info" && line["@message"] == "changes of the group collection are written" && line["done"] == 1.0 && line["of"] == 1.0 {
			return
		}
	}
	t.Errorf("not among %v", lines)
}
