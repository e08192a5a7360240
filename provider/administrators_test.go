package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// TAM-11: a role and a token by Terraform; the token does what the role allows, and the state has neither of the secrets.
func TestAdministratorsDeclared(t *testing.T) {
	s, block := start(t)
	const first, second = "pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa", "another-pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa"
	declared := func(action, token string, version int, expires string) string {
		return block + fmt.Sprintf(`
resource "concord_admin_role" "groups" {
  name        = "groups"
  permissions = [{ actions = [%q], kinds = ["group"] }, { actions = ["read"], kinds = ["*"], security_domains = [concord_security_domain.a.name] }]
  users       = ["Ann", "bob"]
}
resource "concord_security_domain" "a" {
  name = "a"
}
resource "concord_admin_token" "ci" {
  name             = "ci"
  roles            = [concord_admin_role.groups.name]
  token_wo         = %q
  token_wo_version = %d
%s
}
`, action, token, version, expires)
	}
	may := func(token string, want int) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			_, err := s.AdminWith(token).Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/groups/g", In: wire.Group{Name: "g"}})
			got := http.StatusOK
			if api, ok := errors.AsType[*client.APIError](err); ok {
				got = api.Status
			}
			if got != want {
				return fmt.Errorf("a write with the token: %d, want %d: %v", got, want, err)
			}
			if text := fmt.Sprint(state); strings.Contains(text, token) {
				return errors.New("the state has the token")
			}
			return nil
		}
	}
	acceptance(t,
		resource.TestStep{Config: declared("read", first, 1, `  expires_at = "2035-01-01T02:00:00+02:00"`), Check: may(first, http.StatusForbidden)},
		resource.TestStep{Config: declared("write", first, 1, ``), Check: may(first, http.StatusOK)},
		resource.TestStep{Config: declared("write", second, 2, ``), Check: resource.ComposeTestCheckFunc(may(second, http.StatusOK), may(first, http.StatusUnauthorized))},
		resource.TestStep{ResourceName: "concord_admin_role.groups", ImportState: true, ImportStateId: "groups", ImportStateVerify: true},
		resource.TestStep{ResourceName: "concord_admin_token.ci", ImportState: true, ImportStateId: "ci", ImportStateVerify: true, ImportStateVerifyIgnore: []string{"token_wo_version"}},
		resource.TestStep{Config: declared("write", "short", 3, ``), ExpectError: regexp.MustCompile(words("at least 32|between 32"))},
		resource.TestStep{Config: declared("erase", second, 2, ``), ExpectError: regexp.MustCompile(words("actions"))},
		resource.TestStep{Config: declared("write", second, 2, `  expires_at = "tomorrow"`), ExpectError: regexp.MustCompile(words("Not a time"))},
	)
}

// TAM-03: the provider signs in with a user and a password, notices nothing when its security context is closed in between, and says
// what is wrong with either.
func TestProviderSignsIn(t *testing.T) {
	s, _ := start(t)
	s.User("ann")
	s.Role("operators", wire.AdminRole{Users: []string{"ann"}})
	block := func(rest string) string {
		return fmt.Sprintf("provider \"concord\" {\n  endpoint = %q\n  ca_cert_pem = %q\n  max_retries = 1\n%s\n}\n", s.Endpoint, s.CACertPEM, rest)
	}
	ann := fmt.Sprintf("  username = \"ann\"\n  password = %q", testkit.Password)
	group := func(text string) string {
		return fmt.Sprintf("resource \"concord_group\" \"g\" {\n  name = \"g\"\n  description = %q\n}\n", text)
	}
	closeAll := func() {
		var page wire.Page[wire.SecurityContextView]
		s.Get("/v1/security-contexts", &page)
		if len(page.Items) == 0 {
			t.Error("no security context was opened")
		}
		for _, c := range page.Items {
			s.Delete("/v1/security-contexts/" + c.ID)
		}
	}
	acceptance(t,
		resource.TestStep{Config: block(ann) + group("one")},
		resource.TestStep{PreConfig: closeAll, Config: block(ann) + group("two")},
		resource.TestStep{Config: block("  username = \"ann\"\n  password = \"wrong password\"") + group("three"), ExpectError: regexp.MustCompile(words("user name or the password is wrong"))},
		resource.TestStep{Config: block("  username = \"ann\"") + group("three"), ExpectError: regexp.MustCompile(words("No password for Concord"))},
		resource.TestStep{Config: block("  password = \"x\"") + group("three"), ExpectError: regexp.MustCompile(words("No user name for Concord"))},
		resource.TestStep{Config: block(ann+"\n  token = \"x\"") + group("three"), ExpectError: regexp.MustCompile("username")},
		resource.TestStep{Config: s.block("concord") + group("two")},
	)
}

// TAM-02: opened for one run, closed at its end, in no state.
func TestSecurityContextOfARun(t *testing.T) {
	s, block := start(t)
	s.User("ann")
	s.Role("operators", wire.AdminRole{Users: []string{"ann"}})
	needTerraform(t)
	t.Parallel()
	config := block + fmt.Sprintf(`
ephemeral "concord_security_context" "ann" {
  username = "ann"
  password = %q
  ttl      = "1m"
}

provider "echo" {
  data = { good = startswith(ephemeral.concord_security_context.ann.token, "concord.context.") }
}

resource "echo" "seen" {}
`, testkit.Password)
	resource.Test(t, resource.TestCase{
		IsUnitTest: true,
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"concord": providerserver.NewProtocol6WithError(provider.New("test")()), "echo": echoprovider.NewProviderServer()},
		Steps: []resource.TestStep{{Config: config, ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("echo.seen", tfjsonpath.New("data").AtMapKey("good"), knownvalue.Bool(true))}}},
	})
	var page wire.Page[wire.SecurityContextView]
	if s.Get("/v1/security-contexts", &page); len(page.Items) != 0 {
		t.Errorf("left open: %+v", page.Items)
	}
}
