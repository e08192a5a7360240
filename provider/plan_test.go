package provider_test

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// down is a provider block whose data center does not run.
const down = `provider "concord" {
  endpoint    = "https://127.0.0.1:9"
  token       = "t"
  max_retries = 0
}
`

// TestRefusedAtPlan: what can be known to be wrong is refused before anything is sent; the data center does not even run.
func TestRefusedAtPlan(t *testing.T) {
	t.Parallel()
	pem := func(text string) string {
		return block(`resource "concord_trusted_certificate" "x"`, `name = "a"`, "certificate_pem = <<-EOT\n"+text+"\nEOT")
	}
	cases := map[string]refusal{
		"role":                     {`resource "concord_data_center" "x" { cluster_id = "NYDC", role = "boss" }`, `role value must be one of`},
		"cluster id":               {`resource "concord_data_center" "x" { cluster_id = "NY-DC" }`, `letters and digits, starting with a letter`},
		"data center's mode":       {`resource "concord_data_center" "x" { cluster_id = "NYDC", security_mode = "none" }`, `"open" "simple" "cert"`},
		"master closed for writes": {`resource "concord_data_center" "x" { cluster_id = "NYDC", role = "master", write_enabled = false }`, `Only a clone can be closed`},
		"partner's mode":           {`resource "concord_partner" "x" { cluster_id = "LDC", agent_id = "a", primary = ["h:1"], security_mode = "none" }`, `"open" "simple" "cert"`},
		"short passphrase":         {`resource "concord_partner" "x" { cluster_id = "LDC", agent_id = "a", primary = ["h:1"], passphrase_wo = "hunter2", passphrase_wo_version = 1 }`, `UTF-8 character count must be at least 20`},
		"profile's passphrase":     {`resource "concord_partner_profile" "x" { agent_id = "a", passphrase_wo = "nineteen characters", passphrase_wo_version = 1 }`, `UTF-8 character count must be at least 20`},
		"passphrase alone":         {`resource "concord_partner_profile" "x" { agent_id = "a", passphrase_wo = "more than twenty characters" }`, `passphrase_wo_version`},
		"partner's address":        {`resource "concord_partner" "x" { cluster_id = "LDC", agent_id = "a", primary = ["https://h:1"] }`, `is not host:port`},
		"partner without address":  {`resource "concord_partner" "x" { cluster_id = "LDC", agent_id = "a", primary = [] }`, `at least 1`},
		"no PEM":                   {pem("hello"), `is not PEM`},
		"private key":              {pem("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIHunter2\n-----END EC PRIVATE KEY-----"), `holds a private key`},
		"agreement with itself":    {`resource "concord_replication_agreement" "x" { name = "a", source = "NYDC", target = "nydc" }`, `Source and target are the same`},
		"agreement's interval":     {`resource "concord_replication_agreement" "x" { name = "a", source = "A", target = "B", poll_interval = "5" }`, `is no duration`},
		"interval out of range":    {`resource "concord_replication_agreement" "x" { name = "a", source = "A", target = "B", poll_interval = "25h" }`, `not between 1s and 24h`},
		"idle time-out":            {`resource "concord_session_policy" "x" { idle_timeout = "2h", lifetime = "120m" }`, `must be below lifetime`},
		"degraded age":             {`resource "concord_session_policy" "x" { lifetime = "1h", max_degraded_age = "2h" }`, `must not be above lifetime`},
		"degraded age by default":  {`resource "concord_session_policy" "x" { idle_timeout = "5m", lifetime = "10m" }`, `must not be above lifetime`},
		"idle time-out by default": {`resource "concord_session_policy" "x" { lifetime = "10m" }`, `must be below lifetime`},
		"attempts":                 {`resource "concord_session_policy" "x" { retrieval_max_attempts = 11 }`, `between 1 and 10`},
		"sign-in address":          {`resource "concord_session_policy" "x" { sign_in_url = "https://login.example.com/" }`, `is not an origin`},
		"anchored, not fetched":    {`resource "concord_session_policy" "x" { anchored = true, retrieve_on_demand = false }`, `needs retrieve_on_demand = true`},
		"public suffix":            {`resource "concord_session_policy" "x" { gito_cookie_domain = "co.uk" }`, `no public suffix`},
		"domain with a dot":        {`resource "concord_session_policy" "x" { gito_cookie_domain = ".example.com" }`, `without a leading dot`},
		"domain of others":         {`resource "concord_session_policy" "x" { gito_cookie_domain = "example.com", sign_in_url = "https://login.example.org" }`, `does not lie under`},
		"recheck":                  {`resource "concord_session_policy" "x" { identity_recheck = "0s" }`, `not between 1s and 24h`},
		"sessions of a user":       {`resource "concord_session_policy" "x" { max_sessions_per_user = 1001 }`, `between 0 and 1000`},
		"at the limit":             {`resource "concord_session_policy" "x" { max_sessions_action = "ask" }`, `"deny" "end_oldest"`},
		"limit in a partition":     {`resource "concord_session_policy" "x" { max_sessions_when_partitioned = "guess" }`, `"local" "allow" "deny"`},
		"capacity":                 {`resource "concord_data_center" "x" { cluster_id = "NYDC", session_capacity = -1 }`, `between 0 and`},
		"user name":                {`resource "concord_user" "x" { name = "a/b" }`, `letters, digits and`},
		"password without version": {`resource "concord_user" "x" { name = "a", password_wo = "correct horse" }`, `password_wo_version`},
		"version without password": {`resource "concord_user" "x" { name = "a", password_wo_version = 1 }`, `password_wo`},
		"mail":                     {`resource "concord_user" "x" { name = "a", email = "a.example.com" }`, `is not an address`},
		"null group":               {`resource "concord_user" "x" { name = "a", groups = [null] }`, `(?i)null value`},
		"application's host":       {`resource "concord_application" "x" { name = "a", hosts = ["https://a"] }`, `is not a host`},
		"application's path":       {`resource "concord_application" "x" { name = "a", hosts = ["a"], resources = { r = { paths = ["/a/**/b"] } } }`, `is not a path pattern`},
		"method":                   {`resource "concord_application" "x" { name = "a", hosts = ["a"], resources = { r = { paths = ["/"], methods = ["TRACE"] } } }`, `value must be one of`},
		"protection":               {`resource "concord_application" "x" { name = "a", hosts = ["a"], resources = { r = { paths = ["/"], protection = "none" } } }`, `value must be one of`},
		"effect":                   {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "maybe" }] }`, `value must be one of`},
		"network":                  {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", networks = ["10.1.2.3/8"] }] }`, `another spelling of 10.0.0.0/8`},
		"time zone":                {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", times = [{ time_zone = "CEST" }] }] }`, `IANA database`},
		"no time zone":             {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", times = [{ from = "08:00" }] }] }`, `"time_zone" is required`},
		"time of day":              {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", times = [{ from = "8:00", time_zone = "UTC" }] }] }`, `is no time of day`},
		"weekday":                  {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", times = [{ days = ["Monday"], time_zone = "UTC" }] }] }`, `value must be one of`},
		"condition":                {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", condition = "level > \"2\"" }] }`, `1:7: found no matching overload`},
		"costly condition":         {`resource "concord_authorization_policy" "x" { name = "a", rules = [{ effect = "deny", condition = "groups.all(g, groups.all(h, g == h))" }] }`, `may cost`},
		"header's name":            {`resource "concord_authorization_policy" "x" { name = "a", rules = [], responses = { headers = { "Authorization" = "user" } } }`, `may not set this header`},
		"header's value":           {`resource "concord_authorization_policy" "x" { name = "a", rules = [], responses = { headers = { "X-A" = "now" } } }`, `a header's value is text`},
		"who must have a change":   {`resource "concord_data_center" "x" { cluster_id = "NYDC", write_requires = "all" }`, `"local" "majority"`},
		"lock time-out":            {`resource "concord_data_center" "x" { cluster_id = "NYDC", lock_timeout = "25h" }`, `not between 1s and 24h`},
		"setting's name":           {`resource "concord_setting" "x" { name = "a/b", value = "" }`, `letters, digits and`},
		"override's kind":          {`resource "concord_override" "x" { kind = "user", name = "a", values = "{}" }`, `value must be one of`},
		"override's values":        {`resource "concord_override" "x" { kind = "setting", name = "a", values = "[1]" }`, `is no JSON object`},
		"scheme's name":            {`resource "concord_authentication_scheme" "x" { name = "password", steps = [{ method = "password" }] }`, `none of`},
		"scheme's level":           {`resource "concord_authentication_scheme" "x" { name = "a", level = 101, steps = [{ method = "password" }] }`, `between 1 and 100`},
		"scheme's method":          {`resource "concord_authentication_scheme" "x" { name = "a", steps = [{ method = "otp" }] }`, `value must be one of`},
		"no steps":                 {`resource "concord_authentication_scheme" "x" { name = "a", steps = [] }`, `at least 1`},
		"one proof twice":          {`resource "concord_authentication_scheme" "x" { name = "a", steps = [{ method = "password" }, { method = "basic", identity_store = "local" }] }`, `proves what another one proves`},
		"certificate's name":       {`resource "concord_authentication_scheme" "x" { name = "a", steps = [{ method = "basic", certificate_name = "email" }] }`, `Only certificates`},
		"directory in clear":       {`resource "concord_identity_store" "x" { name = "a", urls = ["ldap://h"], user_search_base = "dc=x" }`, `would not be encrypted`},
		"directory's address":      {`resource "concord_identity_store" "x" { name = "a", urls = ["https://h"], user_search_base = "dc=x" }`, `must be ldaps://host:port`},
		"directory's port":         {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h:0"], user_search_base = "dc=x" }`, `is not the address of a directory`},
		"filter without a name":    {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h"], user_search_base = "dc=x", user_filter = "(uid=ann)" }`, `is not a search filter`},
		"filter that is open":      {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h"], user_search_base = "dc=x", user_filter = "(uid={user}" }`, `is not a search filter`},
		"account without password": {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h"], user_search_base = "dc=x", bind_dn = "cn=x" }`, `bind_password_wo`},
		"two ways to groups":       {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h"], user_search_base = "dc=x", group_search_base = "dc=x", member_of_attribute = "memberOf" }`, `(?s)cannot\s+be\s+specified`},
		"slow directory":           {`resource "concord_identity_store" "x" { name = "a", urls = ["ldaps://h"], user_search_base = "dc=x", request_timeout = "1m" }`, `not between 100ms and 10s`},
		"agent's name":             {`resource "concord_agent" "x" { name = "a.b", hosts = ["https://a"] }`, `1 to 64 of letters`},
		"agent's origin":           {`resource "concord_agent" "x" { name = "a", hosts = ["https://A"] }`, `is not an origin`},
		"agent's server":           {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], primary = ["ny1=https://ny1:7401", "ny2:7401"] }`, `is not a server: NODE=https://host:port`},
		"agent's server in clear":  {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], primary = ["ny1=http://ny1:7401"] }`, `plain http is taken on loopback only`},
		"another's primary":        {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], primary = ["LDC/ld1=https://ld1"] }`, `is not a server`},
		"secondary alone":          {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], secondary = ["ld1=https://ld1"] }`, `"primary" must be specified when "secondary"`},
		"call in clear":            {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], backchannel_logout_url = "http://a/x" }`, `is not an address that is called`},
		"call with a password":     {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], backchannel_logout_url = "https://u:p@a/x" }`, `holds an @, so it is not repeated`},
		"cached too long":          {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], cache_lifetime = "1m" }`, `not between 0s and 20s`},
		"short secret":             {`resource "concord_agent" "x" { name = "a", hosts = ["https://a"], secret_wo = "short", secret_wo_version = 1 }`, `between 16 and 1024`},
	}
	later := map[string]refusal{}
	for name, text := range refused(t, cases) {
		if text == "" {
			later[name] = cases[name] // while another is refused as it is written, Terraform does not come to the plan
		}
		cases[name].check(t, name, text)
	}
	for name, text := range refused(t, later) {
		if text == "" {
			t.Errorf("%s: it is not refused", name)
		}
		later[name].check(t, name, text)
	}
}

// refusal is a resource named x and what is said of it.
type refusal struct{ config, want string }

func (r refusal) check(t *testing.T, name, text string) {
	t.Helper()
	if text != "" && !regexp.MustCompile(words(r.want)).MatchString(text) {
		t.Errorf("%s: it is refused with\n%s\nand not with %s", name, text, r.want)
	}
}

// refused plans all at once, and gives what is said of each.
func refused(t *testing.T, all map[string]refusal) map[string]string {
	t.Helper()
	said, address := map[string]string{}, map[string]string{}
	config := down
	for i, name := range slices.Sorted(maps.Keys(all)) {
		label := fmt.Sprintf("case%d", i)
		said[name], address[label] = "", name
		config += lines(strings.Replace(all[name].config, `" "x" {`, `" "`+label+`" {`, 1))
	}
	if len(all) == 0 {
		return said
	}
	out, code := newByHand(t, config).run("plan")
	if code != 1 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, text := range strings.Split(out, "\nError: ")[1:] {
		if at := regexp.MustCompile(`(?:with concord_\w+\.|"concord_\w+" ")(case\d+)[,"]`).FindStringSubmatch(text); at != nil {
			said[address[at[1]]] += text
		}
	}
	return said
}

// TestProviderBlock: every fault of the block is told in one run, and unknown values are none.
func TestProviderBlock(t *testing.T) {
	const group = "resource \"concord_group\" \"x\" { name = \"a\" }\n"
	for _, env := range []string{"CONCORD_ENDPOINT", "CONCORD_TOKEN", "CONCORD_CACERT", "CONCORD_CLIENT_CERT", "CONCORD_CLIENT_KEY"} {
		t.Setenv(env, "")
	}
	cases := map[string]struct{ config, want string }{
		"nothing":        {`provider "concord" {}`, `(?s)No endpoint.*No credential`},
		"in clear":       {`provider "concord" { endpoint = "http://ny.example.com", token = "t" }`, `unencrypted`},
		"file":           {`provider "concord" { endpoint = "https://ny.example.com", token = "t", ca_cert_file = "/nonexistent" }`, `cannot be read`},
		"file and text":  {`provider "concord" { endpoint = "https://ny.example.com", token = "t", client_key_file = "a", client_key_pem = "b" }`, `cannot be specified when`},
		"half a pair":    {`provider "concord" { endpoint = "https://ny.example.com", client_key_pem = "k", token = "t" }`, `key without its certificate`},
		"request limit":  {`provider "concord" { endpoint = "https://ny.example.com", token = "t", request_timeout = "1ms" }`, `not between 1s and 1h`},
		"many at a time": {`provider "concord" { ca_cert_file = "/nonexistent" }`, `(?s)No endpoint.*No credential.*cannot be read`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			needTerraform(t)
			resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: []resource.TestStep{
				{Config: lines(tc.config) + group, PlanOnly: true, ExpectError: regexp.MustCompile(words(tc.want))}}})
		})
	}
}

// TestEnvironment: the block may be missing.
func TestEnvironment(t *testing.T) {
	s, _ := start(t)
	ca := t.TempDir() + "/ca.pem"
	writeFile(t, ca, s.CACertPEM)
	t.Setenv("CONCORD_ENDPOINT", s.Endpoint)
	t.Setenv("CONCORD_TOKEN", s.Token+"\n")
	t.Setenv("CONCORD_CACERT", ca)
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: []resource.TestStep{
		{Config: `data "concord_data_center" "x" {}`, Check: resource.TestCheckResourceAttr("data.concord_data_center.x", "cluster_id", "NYDC")}}})
}

// TestUnknownEndpoint: a data center whose address another resource of the same apply computes, when everything is made and when that
// resource is made anew: what is there is planned from the state, and a change that somebody made meanwhile is not overwritten.
func TestUnknownEndpoint(t *testing.T) {
	s, _ := start(t)
	config := func(again, description string) string {
		return `
resource "terraform_data" "address" {
  input            = "` + s.Endpoint + `"
  triggers_replace = "` + again + `"
}
` + strings.Replace(s.block("concord"), `"`+s.Endpoint+`"`, "terraform_data.address.output", 1) + `
resource "concord_group" "x" {
  name        = "a"
  description = "` + description + `"
}
resource "concord_group_collection" "x" {
  groups = { b = { description = "` + description + `" } }
}
ephemeral "concord_join_token" "x" {
  purpose = "agent"
  name    = "x"
}
data "concord_groups" "x" {
  depends_on = [terraform_data.address]
}
`
	}
	acceptance(t,
		resource.TestStep{Config: config("1", "one")},
		resource.TestStep{Config: config("2", "two"), Check: resource.TestCheckResourceAttr("concord_group.x", "description", "two")},
		resource.TestStep{PreConfig: s.patch("/v1/groups/a", map[string]any{"description": "by hand"}), Config: config("3", "three"), ExpectError: regexp.MustCompile(words("It has changed since the last plan"))},
		resource.TestStep{Config: config("3", "three"), Check: resource.TestCheckResourceAttr("concord_group.x", "description", "three")},
	)
}

// TestServerDown: a plan that must ask says what is wrong, and with which address.
func TestServerDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := strings.Replace(down, "127.0.0.1:9", address, 1) + `data "concord_data_center" "x" {}`
	acceptance(t, resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(words(`Cannot reach Concord at https://` + address))})
}

// TestWrongData: certificate, token and data center that do not fit give errors, never "gone" (SEC-44).
func TestWrongData(t *testing.T) {
	s, provider := start(t)
	other := site{testkit.Start(t, "LDC")[0], t}
	group := `resource "concord_group" "x" { name = "a" }`
	acceptance(t,
		resource.TestStep{Config: provider + group},
		resource.TestStep{Config: strings.Replace(provider, s.Token, "wrong", 1) + group, ExpectError: regexp.MustCompile(words(`Check token in the provider block`))},
		resource.TestStep{Config: strings.Replace(provider, "ca_cert_pem", "# ca_cert_pem", 1) + group, ExpectError: regexp.MustCompile(words(`ca_cert_file or in CONCORD_CACERT`))},
		resource.TestStep{Config: provider + `resource "concord_data_center" "x" { cluster_id = "LDC" }`, ExpectError: regexp.MustCompile(`cluster_id`)},
		resource.TestStep{Config: other.block("concord") + `resource "concord_data_center" "x" { cluster_id = "LDC" }`, ResourceName: "concord_data_center.x", ImportState: true, ImportStateId: "NYDC",
			ExpectError: regexp.MustCompile(`This is not data center`)},
		resource.TestStep{Config: provider + group},
	)
}

// lines spreads a one-line block over several, because HCL takes only one argument in a one-line block.
func lines(config string) string {
	head, rest, ok := strings.Cut(config, "{")
	if !ok || strings.Contains(config, "\n") {
		return config + "\n"
	}
	body := strings.TrimSuffix(strings.TrimSpace(rest), "}")
	var b strings.Builder
	depth := 0
	for _, r := range body {
		switch {
		case strings.ContainsRune("{[", r):
			depth++
		case strings.ContainsRune("}]", r):
			depth--
		case r == ',' && depth == 0:
			r = '\n'
		}
		b.WriteRune(r)
	}
	return head + "{\n" + b.String() + "\n}\n"
}

// words lets an expected text run over the lines of Terraform's boxes.
func words(s string) string { return strings.ReplaceAll(s, " ", `[\s│]+`) }
