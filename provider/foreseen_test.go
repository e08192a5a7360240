package provider_test

import (
	"regexp"
	"testing"
)

// TestReferencesToNothing: a plan refuses every reference to what is not there and is not made before it, each at its attribute; what this
// plan makes, or what is not known yet, is none of these (SEC-69).
func TestReferencesToNothing(t *testing.T) {
	t.Parallel()
	_, provider := start(t)
	wrong := map[string]string{
		`groups: there is no group named "nobody"`:                                                        block(`resource "concord_user" "x"`, `name = "ann"`, `groups = [concord_group.made.name, "nobody"]`),
		`security_domain: there is no security_domain named "payroll"`:                                    block(`resource "concord_group" "x"`, `name = "x"`, `security_domain = "payroll"`),
		`resources["r"].authorization_policy: there is no authorization_policy named "open"`:              block(`resource "concord_application" "x"`, `name = "x"`, `hosts = ["h"]`, `resources = { r = { paths = ["/"], authorization_policy = "open", authentication_scheme = "password" } }`),
		`rules[1].groups: there is no group named "rules"`:                                                block(`resource "concord_authorization_policy" "x"`, `name = "x"`, `rules = [{ effect = "deny" }, { effect = "allow", groups = ["rules"] }]`),
		`roles: there is no admin_role named "boss"`:                                                      block(`resource "concord_admin_token" "x"`, `name = "x"`, `roles = ["boss"]`, `token_wo = "pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa"`, `token_wo_version = 1`),
		`permissions[0].security_domains: there is no security_domain named "far"`:                        block(`resource "concord_admin_role" "x"`, `name = "x"`, `permissions = [{ actions = ["read"], kinds = ["*"], security_domains = ["far"] }]`),
		`groups: there is no group named "readers"`:                                                       block(`resource "concord_package" "x"`, `name = "x"`, `source = "main.tf"`, `groups = ["readers"]`),
		`steps[0].identity_store: there is no identity_store named "corp"`:                                block(`resource "concord_authentication_scheme" "x"`, `name = "x"`, `level = 1`, `steps = [{ method = "password", identity_store = "corp" }]`),
		`users["bob"].groups: there is no group named "many"`:                                             block(`resource "concord_user_collection" "x"`, `users = { bob = { groups = ["many", "one"] } }`, `depends_on = [concord_group_collection.made]`),
		`applications["a"].resources["r"].authentication_scheme: there is no authentication_scheme named`: block(`resource "concord_application_collection" "x"`, `applications = { a = { hosts = ["a"], resources = { r = { paths = ["/"], authentication_scheme = "strong" } } } }`),
	}
	made := block(`resource "concord_authentication_scheme" "made"`, `name = "made"`, `level = 1`, `steps = [{ method = "password", identity_store = "local" }]`) + block(`resource "concord_group" "made"`, `name = "made"`) + block(`resource "concord_group_collection" "made"`, `groups = { one = {} }`) +
		block(`resource "concord_user" "later"`, `name = "later"`, `groups = [concord_group.made.id, terraform_data.unknown.output]`) + "resource \"terraform_data\" \"unknown\" {\n  input = timestamp()\n}\n"
	all := made
	for _, config := range wrong {
		all += config
	}
	tf := newByHand(t, provider+all)
	out, code := tf.run("plan")
	found := len(regexp.MustCompile(words(`and this plan makes none before it`)).FindAllString(out, -1))
	if code != 1 || found != len(wrong) {
		t.Errorf("exit code %d, %d errors, want %d:\n%s", code, found, len(wrong), out)
	}
	for want := range wrong {
		if !regexp.MustCompile(words(regexp.QuoteMeta(want))).MatchString(out) {
			t.Errorf("not said: %s", want)
		}
	}
	tf.write("main.tf", required+provider+made)
	tf.must("plan")
}
