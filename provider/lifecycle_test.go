package provider_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// life is what the tests of every resource need to know of it.
type life struct {
	address   string         // of the resource in the configurations
	path      string         // of the object in the API
	first     string         // configuration at create
	second    string         // changed in place
	drift     map[string]any // a merge patch that somebody else sends
	ignore    []string       // attributes that an import cannot know
	id        string         // that an import takes; "" = the last segment of path
	singleton bool
}

// TestLifecycle takes every resource through create, an empty plan, change, drift, import, loss and destroy.
func TestLifecycle(t *testing.T) {
	root := certificate(t, "Partner Root")
	for name, l := range lives(root) {
		t.Run(name, func(t *testing.T) {
			s, block := start(t)
			does := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
				return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(l.address, a)}}
			}
			steps := []resource.TestStep{ // each is followed by a plan that must be empty
				{Config: block + l.first, ConfigPlanChecks: does(plancheck.ResourceActionCreate)},
				{Config: block + l.second, ConfigPlanChecks: does(plancheck.ResourceActionUpdate)},
				{PreConfig: s.patch(l.path, l.drift), Config: block + l.second, ConfigPlanChecks: does(plancheck.ResourceActionUpdate)},
				{Config: block + l.second, ResourceName: l.address, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: l.ignore},
			}
			if !l.singleton {
				steps = append(steps,
					resource.TestStep{PreConfig: s.remove(l.path), Config: block + l.second, ConfigPlanChecks: does(plancheck.ResourceActionCreate)},
					resource.TestStep{PreConfig: s.remove(l.path), Config: block}) // gone already when it is to be destroyed
			}
			acceptance(t, steps...)
			if err := s.get(l.path, nil); !l.singleton && !fault.Is(err, fault.NotFound) {
				t.Errorf("it is still there: %v", err)
			}
		})
	}
}

// TestConflict: what somebody changed after the plan is not overwritten, nor deleted.
func TestConflict(t *testing.T) {
	for name, l := range lives(certificate(t, "Partner Root")) {
		t.Run(name, func(t *testing.T) {
			s, block := start(t)
			was := map[string]any{}
			changed := regexp.MustCompile(`(?s)changed\s+since\s+the\s+last\s+plan`)
			acceptanceCase(t, resource.TestCase{
				AdditionalCLIOptions: &resource.AdditionalCLIOptions{Plan: resource.PlanOptions{NoRefresh: true}},
				Steps: []resource.TestStep{
					{Config: block + l.first, Check: func(*terraform.State) error { return s.get(l.path, &was) }},
					{PreConfig: s.patch(l.path, l.drift), Config: block + l.second, ExpectError: changed},
					{PreConfig: func() { s.patch(l.path, undo(was, l.drift))() }, Config: block + l.second}, // as it was: the plan holds again
				},
			})
		})
	}
}

// undo is the patch that takes drift back.
func undo(was, drift map[string]any) map[string]any {
	back := map[string]any{}
	for name := range drift {
		back[name] = was[name]
	}
	return back
}

// TestExistsAlready: what exists and differs is never taken over, and the text has the import block to paste. What is
// exactly as configured is what an apply leaves that was cut off before the answer came; the next apply takes it over.
func TestExistsAlready(t *testing.T) {
	for name, l := range lives(certificate(t, "Partner Root")) {
		if l.singleton {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, block := start(t)
			block += s.block("ldc") // another alias for the same data center: within one, two that declare an object stop the plan
			again := func(config string) string {
				config = strings.Replace(config, `" "x" {`, `" "again" {`, 1)
				return strings.Replace(config, `" "again" {`, "\" \"again\" {\n  provider   = ldc\n  depends_on = ["+l.address+"]\n", 1) + "\n"
			}
			acceptance(t,
				resource.TestStep{Config: block + l.first + again(l.second), ExpectError: regexp.MustCompile(`(?is)import \{.*id = "` + l.imports() + `"`)},
				resource.TestStep{Config: block + l.first + again(l.first)})
		})
	}
}

func (l life) imports() string {
	if l.id != "" {
		return l.id
	}
	return filepath.Base(l.path)
}

func lives(root string) map[string]life {
	certificatePath := "/v1/trust/certificates/ldc-root"
	return map[string]life{
		"package": {address: "concord_package.x", path: "/v1/packages/p", drift: map[string]any{"file_name": "by hand"}, ignore: []string{"source"},
			first:  block(`resource "concord_package" "x"`, `name = "p"`, `source = "../LICENSE"`, `users = ["ann"]`),
			second: block(`resource "concord_package" "x"`, `name = "p"`, `source = "../README.md"`, `description = "other"`, `file_name = "read.me"`)},
		"data center": {address: "concord_data_center.x", path: "/v1/data-center", singleton: true, drift: map[string]any{"display_name": "by hand"},
			first:  `resource "concord_data_center" "x" { cluster_id = "NYDC" }`,
			second: block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`, `display_name = "New York"`, `role = "master"`, `lock_timeout = "2m"`, `write_requires = "majority"`, `session_capacity = 1000`)},
		"partner profile": {address: "concord_partner_profile.x", path: "/v1/partner-profile", singleton: true, drift: map[string]any{"allow_management": false},
			first:  block(`resource "concord_partner_profile" "x"`, `agent_id = "a"`, `allow_management = true`),
			second: block(`resource "concord_partner_profile" "x"`, `agent_id = "b"`, `allow_management = true`)},
		"session policy": {address: "concord_session_policy.x", path: "/v1/session-policy", singleton: true, drift: map[string]any{"retrieval_max_attempts": 7},
			first: `resource "concord_session_policy" "x" {}`,
			second: block(`resource "concord_session_policy" "x"`, `idle_timeout = "10m"`, `lifetime = "1h"`, `retrieve_on_demand = false`, `sign_in_url = "https://login.example.com"`,
				`reauthenticate = true`, `gito_cookie_domain = "example.com"`, `identity_recheck = "5m"`, `max_sessions_per_user = 3`, `max_sessions_action = "end_oldest"`, `max_sessions_when_partitioned = "deny"`)},
		"partner": {address: "concord_partner.x", path: "/v1/partners/LDC", drift: map[string]any{"rest_endpoint": "https://elsewhere"},
			first:  block(`resource "concord_partner" "x"`, `cluster_id = "LDC"`, `agent_id = "a"`, `primary = ["127.0.0.1:9"]`),
			second: block(`resource "concord_partner" "x"`, `cluster_id = "ldc"`, `agent_id = "a"`, `primary = ["127.0.0.1:10", "127.0.0.1:9"]`, `secondary = ["[::1]:9"]`)},
		"trusted certificate": {address: "concord_trusted_certificate.x", path: certificatePath, drift: map[string]any{"partner": "SFDC"},
			first:  block(`resource "concord_trusted_certificate" "x"`, `name = "ldc-root"`, "certificate_pem = <<-EOT\n"+indent(root)+"\nEOT"),
			second: block(`resource "concord_trusted_certificate" "x"`, `name = "ldc-root"`, `partner = "ldc"`, "certificate_pem = trimspace(<<-EOT\n"+root+"EOT\n)")},
		"group": {address: "concord_group.x", path: "/v1/groups/staff", drift: map[string]any{"description": "by hand"},
			first:  block(`resource "concord_group" "x"`, `name = "staff"`),
			second: block(`resource "concord_group" "x"`, `name = "staff"`, `description = "Everyone"`)},
		"user": {address: "concord_user.x", path: "/v1/users/Alice", drift: map[string]any{"email": "by@hand.example", "enabled": false},
			ignore: []string{"password_wo_version"},
			first:  block(`resource "concord_user" "x"`, `name = "Alice"`, `groups = []`),
			second: block(`resource "concord_user" "x"`, `name = "alice"`, `display_name = "Alice"`, `attributes = { department = "it" }`,
				`password_wo = "correct horse"`, `password_wo_version = 1`)},
		"application": {address: "concord_application.x", path: "/v1/applications/wiki", drift: map[string]any{"hosts": []string{"by.hand.example"}},
			first: block(`resource "concord_application" "x"`, `name = "wiki"`, `hosts = ["wiki.example.com"]`),
			second: block(`resource "concord_application" "x"`, `name = "wiki"`, `hosts = ["wiki.example.com:8443", "*.example.com"]`,
				`resources = { z = { paths = ["/z/**", "/a"], methods = ["POST", "GET"] }, a = { paths = ["/**"], protection = "public" } }`)},
		"authorization policy": {address: "concord_authorization_policy.x", path: "/v1/authorization-policies/staff", drift: map[string]any{"rules": []any{}},
			first:  block(`resource "concord_authorization_policy" "x"`, `name = "staff"`, `rules = [{ effect = "allow" }]`),
			second: block(`resource "concord_authorization_policy" "x"`, `name = "staff"`, `rules = [{ effect = "deny", users = ["zoe", "adam"] }, { effect = "allow" }]`)},
		"authentication scheme": {address: "concord_authentication_scheme.x", path: "/v1/authentication-schemes/strong", drift: map[string]any{"level": 9}, ignore: []string{"steps.1.identity_store"},
			first: block(`resource "concord_authentication_scheme" "x"`, `name = "strong"`, `steps = [{ method = "password" }]`),
			second: block(`resource "concord_authentication_scheme" "x"`, `name = "strong"`, `description = "two"`, `level = 3`,
				`steps = [{ method = "certificate", certificate_name = "email" }, { method = "password", identity_store = "local" }]`)},
		"authorization policy in full": {address: "concord_authorization_policy.x", path: "/v1/authorization-policies/hours", drift: map[string]any{"rules": []any{map[string]any{"effect": "allow", "networks": []any{"0.0.0.0/0"}}}, "responses": nil},
			first: block(`resource "concord_authorization_policy" "x"`, `name = "hours"`, `rules = [{`, `effect = "allow"`, `networks = ["2001:db8::/32", "10.0.0.0/8"]`,
				`times = [{ days = ["tue", "mon"], from = "22:00", to = "06:00", time_zone = "Europe/Berlin" }, { time_zone = "UTC" }]`, `condition = "level >= 2 && attributes.department == \"hr\""`, `}]`,
				`responses = { headers = { "X-Department" = "attributes.department", "x-groups" = "groups" } }`),
			second: block(`resource "concord_authorization_policy" "x"`, `name = "hours"`, `rules = [{ effect = "allow", networks = [], times = [{ days = [], to = "06:00", time_zone = "Asia/Tokyo" }] }]`,
				`responses = { headers = { "X-Department" = "user" } }`)},
		"setting": {address: "concord_setting.x", path: "/v1/settings/banner", drift: map[string]any{"value": "by hand"},
			first:  block(`resource "concord_setting" "x"`, `name = "banner"`, `value = ""`),
			second: block(`resource "concord_setting" "x"`, `name = "banner"`, `description = "What people read first"`, `value = jsonencode({ text = "Two\nlines", level = 9007199254740993 })`)},
		"override": {address: "concord_override.x", path: "/v1/overrides/session_policy/default", id: "session_policy/default", drift: map[string]any{"values": map[string]any{"sign_in_url": "https://by.hand"}},
			first: block(`resource "concord_override" "x"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ sign_in_url = "https://login.ny.example" })`),
			second: block(`resource "concord_override" "x"`, `kind = "session_policy"`, `name = "default"`,
				`values = jsonencode({ sign_in_url = "https://login.example", idle_timeout = null, retrieval_max_attempts = 3 })`)},
		"identity store": {address: "concord_identity_store.x", path: "/v1/identity-stores/corp", drift: map[string]any{"request_timeout": "1s", "nested_groups": false},
			ignore: []string{"bind_password_wo_version"},
			first:  block(`resource "concord_identity_store" "x"`, `name = "corp"`, `urls = ["ldaps://a.example.com"]`, `user_search_base = "dc=example"`),
			second: block(`resource "concord_identity_store" "x"`, `name = "corp"`, `urls = ["ldap://b.example.com:3890", "ldaps://a.example.com"]`, `start_tls = true`, `ca_certificate_pem = <<-EOT`+"\n"+root+"\nEOT\n",
				`bind_dn = "cn=search,dc=example"`, `bind_password_wo = "secret"`, `bind_password_wo_version = 1`, `user_search_base = "ou=people,dc=example"`, `user_filter = "(|(uid={user})(mail={user}))"`,
				`user_name_attribute = "cn"`, `group_search_base = "ou=groups,dc=example"`, `group_filter = "(uniqueMember={dn})"`, `group_name_attribute = "ou"`, `nested_groups = true`,
				`display_name_attribute = "displayName"`, `email_attribute = "mail"`, `attribute_mapping = { phone = "telephoneNumber" }`, `connect_timeout = "1.5s"`, `request_timeout = "2s"`, `page_size = 100`, `pool_size = 4`, `description = "all"`)},
		"agent": {address: "concord_agent.x", path: "/v1/agents/web", drift: map[string]any{"cookie_lifetime": "1m"},
			ignore: []string{"secret_wo_version"},
			first:  block(`resource "concord_agent" "x"`, `name = "web"`, `hosts = ["https://a.example.com"]`, `secret_wo = "0123456789abcdef"`, `secret_wo_version = 1`),
			second: block(`resource "concord_agent" "x"`, `name = "web"`, `hosts = ["https://b.example.com:8443", "https://a.example.com"]`, `start_page = "https://a.example.com/start"`,
				`cookie_lifetime = "10m"`, `secret_wo = "0123456789abcdef"`, `secret_wo_version = 1`)},
	}
}

// block writes a resource with one line for each argument.
func block(head string, lines ...string) string {
	return head + " {\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// TestSameMeaning: another spelling of what is there is no change, in either direction.
func TestSameMeaning(t *testing.T) {
	root := certificate(t, "Partner Root")
	cases := map[string][2]string{
		"duration": {block(`resource "concord_session_policy" "x"`, `idle_timeout = "10m"`, `lifetime = "1h"`),
			block(`resource "concord_session_policy" "x"`, `idle_timeout = "600s"`, `lifetime = "60m0s"`)},
		"PEM": {block(`resource "concord_trusted_certificate" "x"`, `name = "a"`, "certificate_pem = <<-EOT\n"+indent(root)+"\nEOT"),
			block(`resource "concord_trusted_certificate" "x"`, `name = "a"`, "certificate_pem = trimspace(<<-EOT\n"+indent(strings.ReplaceAll(root, "\n", "\r\n"))+"\nEOT\n)")},
		"lock time-out": {block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`),
			block(`resource "concord_data_center" "x"`, `cluster_id = "NYDC"`, `lock_timeout = "180s"`)},
		"JSON": {block(`resource "concord_override" "x"`, `kind = "session_policy"`, `name = "default"`, `values = jsonencode({ lifetime = "2h", idle_timeout = "1h" })`),
			block(`resource "concord_override" "x"`, `kind = "session_policy"`, `name = "default"`, `values = "{ \"lifetime\": \"2h\",\n  \"idle_timeout\": \"1h\" }"`)},
		"order": {block(`resource "concord_agent" "x"`, `name = "a"`, `hosts = ["https://b", "https://a"]`),
			block(`resource "concord_agent" "x"`, `name = "a"`, `hosts = ["https://a", "https://b", "https://a"]`)},
	}
	for name, configs := range cases {
		t.Run(name, func(t *testing.T) {
			_, provider := start(t)
			acceptance(t, resource.TestStep{Config: provider + configs[0]}, resource.TestStep{Config: provider + configs[1], PlanOnly: true},
				resource.TestStep{Config: provider + configs[1]}, resource.TestStep{Config: provider + configs[0], PlanOnly: true})
		})
	}
}
