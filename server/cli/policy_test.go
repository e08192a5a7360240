package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// TestPolicyTest tries policies at a real data center: for somebody, for nobody, for who is made up, and with a policy that is not
// saved; the exit code says whether the decision is the expected one.
func TestPolicyTest(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.Application("shop", "https://shop.example")
	d.User("ann")
	d.Put("/v1/authorization-policies/hr", wire.AuthorizationPolicy{Name: "hr", Rules: []wire.Rule{{Effect: "allow", Networks: []string{"10.0.0.0/8"}, Condition: `attributes.department == "hr"`}},
		Responses: &wire.Responses{Headers: map[string]string{"X-Department": "attributes.department"}}})
	d.Put("/v1/applications/shop", wire.Application{Name: "shop", Hosts: []string{"shop.example"}, Resources: map[string]wire.Resource{"hr": {Paths: []string{"/hr/**"}, AuthorizationPolicy: "hr"}, "open": {Paths: []string{"/"}, Protection: "public"}}})
	dir := t.TempDir()
	file, wrong, unknown := filepath.Join(dir, "p.json"), filepath.Join(dir, "wrong.json"), filepath.Join(dir, "unknown.json")
	for name, text := range map[string]string{file: `{"name":"hr","rules":[{"effect":"allow"}]}`, wrong: `{"name":"hr","rules":[{"effect":"allow","condition":"levl > 1"}]}`, unknown: `{"name":"hr","rule":[]}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(d.CACertPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": ca}
	const address = "https://shop.example/hr/x?y=1"
	for name, c := range map[string]struct {
		args []string
		exit int
		want string
	}{
		"nobody":              {[]string{address}, cli.ExitFine, "challenge"},
		"as expected":         {[]string{address, "--user", "ann", "--client", "10.0.0.1", "--expect", "deny"}, cli.ExitFine, "no such key: department"},
		"not as expected":     {[]string{address, "--user", "ann", "--expect", "allow"}, cli.ExitCheck, "the decision is deny and not allow"},
		"who is made up":      {[]string{address, "--as", "zoe", "--attribute", "department=hr", "--client", "10.0.0.1", "--expect", "allow"}, cli.ExitFine, "decides"},
		"an open page":        {[]string{"https://shop.example", "--expect", "allow"}, cli.ExitFine, "public"},
		"an ambiguous page":   {[]string{"https://shop.example/hr/../", "--expect", "deny"}, cli.ExitFine, "ambiguous_path"},
		"a policy of a file":  {[]string{address, "--user", "ann", "--policy", file, "--expect", "allow"}, cli.ExitFine, "hr/rule/1"},
		"a wrong policy":      {[]string{address, "--user", "ann", "--policy", wrong}, cli.ExitFailed, "1:1: undeclared reference to 'levl'"},
		"an unknown key":      {[]string{address, "--user", "ann", "--policy", unknown}, cli.ExitFailed, "rule"},
		"no such user":        {[]string{address, "--user", "nobody"}, cli.ExitFailed, "is no user"},
		"two persons":         {[]string{address, "--user", "ann", "--as", "zoe"}, cli.ExitUsage, "give one"},
		"no attribute":        {[]string{address, "--as", "zoe", "--attribute", "department"}, cli.ExitUsage, "NAME=VALUE"},
		"a value with commas": {[]string{address, "--as", "zoe", "--attribute", "department=hr,it", "--client", "10.0.0.1"}, cli.ExitFine, "deny"},
		"no method":           {[]string{address, "--user", "ann", "--method", "get"}, cli.ExitFine, "in capitals"},
		"nobody's host":       {[]string{"https://else.example/", "--user", "ann"}, cli.ExitFine, "No application names this host"},
		"a group of nobody":   {[]string{address, "--group", "staff"}, cli.ExitUsage, "--as"},
		"no address":          {[]string{"shop.example/hr"}, cli.ExitUsage, "https://host/path"},
		"no time":             {[]string{address, "--at", "noon"}, cli.ExitUsage, "--at"},
		"an odd expectation":  {[]string{address, "--expect", "maybe"}, cli.ExitUsage, "allow, challenge, deny"},
		"nothing at all":      {nil, cli.ExitUsage, "policy test"},
		"a level of nobody's": {[]string{address, "--level", "2"}, cli.ExitUsage, "--level"},
	} {
		code, out, errs := run(env, append([]string{"policy", "test"}, c.args...)...)
		if code != c.exit || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
		for line := range strings.Lines(out) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s: wider than a terminal of 80 columns: %q", name, line)
			}
		}
	}
	code, out, errs := run(env, "policy", "test", address, "--as", "zoe", "--attribute", "department=hr", "--client", "10.0.0.1", "-o", "json")
	var v wire.PolicyVerdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != cli.ExitFine || v.Decision != "allow" || v.Headers["X-Department"] != "hr" || len(v.Rules) != 1 {
		t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
	}
}
