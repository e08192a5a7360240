package provider_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// tried are the secrets that TestTerraformKeepsNoSecret brings, by the place of the schemas that takes or gives them.
var tried = []string{
	"concord.token", "concord.password", "concord.client_key_pem",
	"concord_user.password_wo", "concord_user.imported_hash_wo", "concord_user_collection.passwords_wo", "concord_user_collection.imported_hashes_wo",
	"concord_agent.secret_wo", "concord_admin_token.token_wo", "concord_identity_store.bind_password_wo", "concord_override.bind_password_wo",
	"concord_partner.passphrase_wo", "concord_partner_profile.passphrase_wo",
	"ephemeral.concord_security_context.password", "ephemeral.concord_security_context.token",
	"ephemeral.concord_client_certificate.private_key_pem", "ephemeral.concord_join_token.token",
}

// TestEverySecretIsTried: what a schema marks as a secret is one that TestTerraformKeepsNoSecret brings; and nothing of a state, a data source,
// a list or an action is one.
func TestEverySecretIsTried(t *testing.T) {
	t.Parallel()
	r := schemas(t)
	found := secretsIn("concord", r.Provider.Block.Attributes)
	for _, all := range []map[string]*tfprotov6.Schema{r.ResourceSchemas, r.DataSourceSchemas, r.ListResourceSchemas} {
		for name, s := range all {
			found = append(found, secretsIn(name, s.Block.Attributes)...)
		}
	}
	for name, s := range r.ActionSchemas {
		found = append(found, secretsIn(name, s.Schema.Block.Attributes)...)
	}
	for name, s := range r.EphemeralResourceSchemas {
		found = append(found, secretsIn("ephemeral."+name, s.Block.Attributes)...)
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(tried)); !slices.Equal(found, want) {
		t.Errorf("the schemas have the secrets\n%v\ntried are\n%v", found, want)
	}
	for name, s := range r.ResourceSchemas {
		for _, a := range s.Block.Attributes {
			if a.Sensitive && !a.WriteOnly {
				t.Errorf("%s.%s would be in the state", name, a.Name)
			}
		}
	}
}

func secretsIn(at string, attributes []*tfprotov6.SchemaAttribute) (found []string) {
	for _, a := range attributes {
		if a.Sensitive || a.WriteOnly {
			found = append(found, at+"."+a.Name)
		}
		if a.NestedType != nil {
			found = append(found, secretsIn(at+"."+a.Name, a.NestedType.Attributes)...)
		}
	}
	return found
}

// guarded has every secret that a configuration can have. The provider is there four times, once for each way to prove who it is.
const guarded = `
variable "s" {
  type      = map(string)
  ephemeral = true
}
variable "version_of_secrets" {
  type = number
}

ephemeral "concord_security_context" "run" {
  username = "ann"
  password = var.s.ann
}
ephemeral "concord_client_certificate" "run" {
  profile = "administrator"
  name    = "bob"
}
ephemeral "concord_join_token" "run" {
  purpose = "agent"
  name    = "web"
}
resource "terraform_data" "seen" {
  triggers_replace = var.version_of_secrets
  provisioner "local-exec" {
    command     = "printf '%s\\n' \"$A\" \"$B\" \"$C\" >> OUTSIDE"
    environment = { A = ephemeral.concord_security_context.run.token, B = ephemeral.concord_client_certificate.run.private_key_pem, C = ephemeral.concord_join_token.run.token }
  }
}

data "concord_data_center" "by" {
  provider = concord.by_password
}
data "concord_sessions" "by" {
  provider = concord.by_context
}
data "concord_trust_bundle" "by" {
  provider = concord.by_certificate
}

resource "concord_password_policy" "x" {
  min_length = 60
}
resource "concord_user" "carl" {
  name                = "carl"
  password_wo         = var.s.user
  password_wo_version = var.version_of_secrets
  depends_on          = [concord_password_policy.x]
}
resource "concord_user" "erik" {
  name                = "erik"
  imported_hash_wo    = var.s.hash
  password_wo_version = var.version_of_secrets
}
resource "concord_user_collection" "x" {
  users              = { dora = { password_wo_version = var.version_of_secrets }, fred = { password_wo_version = var.version_of_secrets } }
  passwords_wo       = { dora = var.s.collected }
  imported_hashes_wo = { fred = var.s.collected_hash }
  depends_on         = [concord_password_policy.x]
}
resource "concord_agent" "web" {
  name              = "web"
  hosts             = ["https://a.example.com"]
  secret_wo         = var.s.agent
  secret_wo_version = var.version_of_secrets
}
resource "concord_admin_token" "ci" {
  name             = "ci"
  roles            = ["operators"]
  token_wo         = var.s.admin_token
  token_wo_version = var.version_of_secrets
}
resource "concord_identity_store" "corp" {
  name                     = "corp"
  urls                     = ["ldaps://a.example.com"]
  user_search_base         = "dc=example"
  bind_dn                  = "cn=search"
  bind_password_wo         = var.s.bind
  bind_password_wo_version = var.version_of_secrets
}
resource "concord_override" "corp" {
  kind             = "identity_store"
  name             = concord_identity_store.corp.name
  values           = jsonencode({ urls = ["ldaps://c.example.com"], page_size = 100 * var.version_of_secrets })
  bind_password_wo = var.s.bind
}
resource "concord_partner_profile" "x" {
  agent_id              = "us"
  allow_management      = true
  passphrase_wo         = provider::concord::parse_oam_properties(var.s.properties).passphrase
  passphrase_wo_version = var.version_of_secrets
}
resource "concord_partner" "ldc" {
  cluster_id            = "LDC"
  agent_id              = "them"
  primary               = ["127.0.0.1:9"]
  passphrase_wo         = var.s.passphrase
  passphrase_wo_version = var.version_of_secrets
}
`

// guardedImports adopt what guarded declares.
const guardedImports = `
import {
  to = concord_user.carl
  id = "carl"
}
import {
  to = concord_user_collection.x
  id = "dora,fred"
}
import {
  to = concord_agent.web
  id = "web"
}
import {
  to = concord_admin_token.ci
  id = "ci"
}
import {
  to = concord_identity_store.corp
  id = "corp"
}
import {
  to = concord_override.corp
  id = "identity_store/corp"
}
import {
  to = concord_partner_profile.x
  id = "default"
}
import {
  to = concord_partner.ldc
  id = "LDC"
}
`

// probing is an action that asks a partner, which is not there.
const probing = `
action "concord_test_partner" "ldc" {
  config {
    cluster_id = "LDC"
  }
}
`

// guardedLists look for what guarded declares.
func guardedLists() string {
	var all strings.Builder
	for _, kind := range strings.Fields("user agent admin_token identity_store override partner_profile partner data_center") {
		fmt.Fprintf(&all, "list \"concord_%s\" \"x\" {\n  provider         = concord\n  include_resource = true\n}\n", kind)
	}
	return all.String()
}

// anyCode is an exit code that does not matter.
const anyCode = -1

// guard gives the provider blocks; the secrets come from the variable.
func (s site) guard(certificate string) string {
	one := func(alias string, lines ...string) string {
		return block(`provider "concord"`, append(lines, alias, fmt.Sprintf("endpoint = %q", s.Endpoint), fmt.Sprintf("ca_cert_pem = %q", s.CACertPEM), "max_retries = 1")...)
	}
	return one("", "token = var.s.token") + one(`alias = "by_password"`, `username = "ann"`, "password = var.s.ann") +
		one(`alias = "by_context"`, "token = ephemeral.concord_security_context.run.token") +
		one(`alias = "by_certificate"`, fmt.Sprintf("client_cert_pem = %q", certificate), "client_key_pem = var.s.key")
}

// canaries are secrets of one run; each is one that nothing else can be.
func canaries(same map[string]string, long int) map[string]string {
	one := func() string { return "canary-" + rand.Text() + rand.Text() + rand.Text() }
	hash := func() string { return "{SSHA}" + base64.StdEncoding.EncodeToString([]byte(rand.Text()+"of")) }
	all := maps.Clone(same)
	for _, name := range strings.Fields("user collected agent admin_token bind passphrase properties") {
		all[name] = one()[:long]
	}
	all["hash"], all["collected_hash"] = hash(), hash()
	all["properties"] = "AccessClientPasswd=" + all["properties"]
	return all
}

// shapes are the texts under which a secret can lie somewhere: as it is, and within base64 at each of its three offsets.
func shapes(secret string) []string {
	secret = strings.TrimPrefix(secret, "AccessClientPasswd=")
	if _, body, ok := strings.Cut(secret, "PRIVATE KEY-----\n"); ok {
		secret, _, _ = strings.Cut(body, "\n")
	}
	out := []string{secret}
	if len(secret) < 20 {
		return out
	}
	for pad := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", pad) + secret))
		out = append(out, text[4:len(text)-4])
	}
	return out
}

var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`)

// decoded is what lies in base64 in a text: a state has the provider's own so, which is in base64 a second time.
func decoded(text string) string {
	var all strings.Builder
	for _, word := range encoded.FindAllString(text, -1) {
		if b, err := base64.StdEncoding.DecodeString(word); err == nil {
			all.Write(append(b, '\n'))
		}
	}
	return all.String()
}

// TestTerraformKeepsNoSecret: a secret of every place that takes one, and of every one that gives one, is in no plan, as a file or as JSON, in no state,
// in no generated configuration, in no message, also where it is refused, and not in what TF_LOG=TRACE writes (SEC-61, SEC-68, SEC-69).
func TestTerraformKeepsNoSecret(t *testing.T) {
	s, _ := start(t)
	t.Parallel()
	bob := s.Administrator("bob")
	same := map[string]string{"token": s.Token, "ann": "canary-" + rand.Text(), "key": bob.KeyPEM}
	s.put("/v1/users/ann", wire.User{Name: "ann", Password: same["ann"]})
	s.Role("operators", wire.AdminRole{Users: []string{"ann"}})
	outside := filepath.Join(t.TempDir(), "given")
	config := s.guard(bob.CertPEM)
	tf := newByHand(t, config+strings.Replace(guarded, "OUTSIDE", outside, 1))
	said, secrets := map[string]string{}, slices.Collect(maps.Values(same))
	run := func(version int, with map[string]string, want int, verb string, args ...string) {
		t.Helper()
		b, err := json.Marshal(with)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, slices.Collect(maps.Values(with))...)
		unlogged := tf.env
		tf.env = append(slices.Clone(tf.env), "TF_VAR_s="+string(b), fmt.Sprintf("TF_VAR_version_of_secrets=%d", version), "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(tf.dir, "trace.log"))
		out, code := tf.run(verb, args...)
		tf.env = unlogged
		if said[fmt.Sprintf("what terraform %s %v of version %d said", verb, args, version)] = out; code != want && want != anyCode {
			t.Fatalf("%s %v: exit code %d\n%s", verb, args, code, out)
		}
	}
	first, second := canaries(same, 70), canaries(same, 75)
	run(1, first, 0, "plan", "-out=first.tfplan")
	run(1, first, 0, "show", "-json", "first.tfplan")
	run(1, first, 0, "apply", "first.tfplan")
	run(2, second, 0, "apply", "-auto-approve")
	s.knows(second)
	run(3, canaries(same, 40), 1, "apply", "-auto-approve") // the server wants passwords of 60
	run(4, canaries(same, 15), 1, "plan")                   // and the provider other secrets of 16 or more
	tf.write("main.tf", required+config+guarded[:strings.Index(guarded, "resource \"terraform_data\"")]+guardedImports)
	tf.rename("terraform.tfstate", "former.tfstate")
	run(5, same, 1, "plan", "-generate-config-out=generated.tf") // which says what secrets it lacks
	if tf.has("query") {                                         // and actions with it
		tf.rename("generated.tf", "generated.text")
		tf.write("main.tf", required+config+guarded[:strings.Index(guarded, "data \"concord_data_center\"")]+probing)
		tf.write("all.tfquery.hcl", guardedLists())
		run(6, same, 0, "query", "-generate-config-out=queried.tf")
		run(6, same, anyCode, "apply", "-auto-approve", "-invoke=action.concord_test_partner.ldc")
	}
	given, err := os.ReadFile(outside)
	if err != nil || strings.Count(string(given), "concord.context.") != 3 || strings.Count(string(given), "BEGIN PRIVATE KEY") != 3 {
		t.Errorf("given by ephemeral resources: %s (%v)", given, err)
	}
	for line := range strings.Lines(string(given)) {
		if line = strings.TrimSpace(line); len(line) > 30 {
			secrets = append(secrets, line)
		}
	}
	all := tf.everything()
	for name, least := range map[string]int{"trace.log": 1 << 20, "former.tfstate": 1000, "terraform.tfstate.backup": 1000, "first.tfplan/tfplan": 1000} {
		if len(all[name]) < least {
			t.Errorf("%s has %d bytes", name, len(all[name]))
		}
	}
	maps.Copy(all, said)
	for name, text := range all {
		if name != "trace.log" { // of five megabytes; and there nothing is in base64 twice
			text += decoded(text)
		}
		for _, secret := range append(secrets, "canary-", "BEGIN PRIVATE KEY", "concord.context.") {
			for _, shape := range shapes(secret) {
				if at := strings.Index(text, shape); at >= 0 {
					t.Errorf("%s has %s: …%s…", name, shape, text[max(0, at-200):min(len(text), at+len(shape)+100)])
				}
			}
		}
	}
}

// knows fails unless the data center has got these secrets.
func (s site) knows(with map[string]string) {
	s.t.Helper()
	if !s.signsIn("carl", with["user"]) || !s.signsIn("dora", with["collected"]) {
		s.t.Error("a password has not arrived")
	}
	if _, err := s.Agent("web", with["agent"]).Do(s.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize",
		In: wire.AuthorizeRequest{Method: "GET", Scheme: "https", Host: "a.example.com", Target: "/"}}); err != nil {
		s.t.Errorf("the agent's secret: %v", err)
	}
	if _, err := s.AdminWith(with["admin_token"]).Do(s.t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/data-center"}); err != nil {
		s.t.Errorf("the administrator's token: %v", err)
	}
}
