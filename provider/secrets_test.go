package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestSecretsAreNotKept: a password goes to the server at create and when its version changes, and never into the state (SEC-68).
func TestSecretsAreNotKept(t *testing.T) {
	s, provider := start(t)
	with := func(password string, version int) string {
		return provider + block(`resource "concord_user" "x"`, `name = "alice"`, fmt.Sprintf("password_wo = %q", password), fmt.Sprintf("password_wo_version = %d", version))
	}
	signsIn := func(password string, want bool) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			if b, err := json.Marshal(state); err != nil || strings.Contains(string(b), "horse") {
				return fmt.Errorf("the state has the password (%v)", err)
			}
			if got := s.signsIn("alice", password); got != want {
				return fmt.Errorf("signs in with %q: %t, want %t", password, got, want)
			}
			return nil
		}
	}
	acceptance(t,
		resource.TestStep{Config: with("correct horse 1", 1), Check: signsIn("correct horse 1", true)},
		resource.TestStep{Config: with("correct horse 2", 1), Check: signsIn("correct horse 1", true)}, // the same version: not sent
		resource.TestStep{Config: with("correct horse 2", 2), Check: signsIn("correct horse 2", true)},
		resource.TestStep{Config: provider + `resource "concord_user" "x" { name = "alice" }`, Check: signsIn("correct horse 2", true)}, // not said: kept
	)
}

func (s site) signsIn(user, password string) bool {
	s.t.Helper()
	c, err := client.New(client.Config{Endpoint: s.RuntimeURL, TLS: s.TLS(), MaxRetries: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Do(s.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authenticate", In: wire.AuthenticateRequest{User: user, Password: password}})
	if err != nil && !fault.Is(err, fault.Unauthenticated) {
		s.t.Fatalf("sign in: %v", err)
	}
	return err == nil
}

// TestAgentSecret: the agent signs in with the secret that was declared.
func TestAgentSecret(t *testing.T) {
	s, provider := start(t)
	const secret = "a secret of the agent"
	acceptance(t, resource.TestStep{
		Config: provider + block(`resource "concord_agent" "x"`, `name = "web"`, `hosts = ["https://a.example.com"]`, `secret_wo = "`+secret+`"`, `secret_wo_version = 1`),
		Check: func(state *terraform.State) error {
			if b, err := json.Marshal(state); err != nil || strings.Contains(string(b), secret) {
				return errors.New("the state has the secret")
			}
			_, err := s.Agent("web", secret).Do(s.t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize",
				In: wire.AuthorizeRequest{Method: "GET", Scheme: "https", Host: "a.example.com", Target: "/"}})
			return err
		},
	})
}

// TestSecretsInErrors: a password that is refused is not repeated (SEC-68).
func TestSecretsInErrors(t *testing.T) {
	_, provider := start(t)
	text := ""
	acceptanceCase(t, resource.TestCase{
		Steps: []resource.TestStep{{
			Config: provider + "variable \"p\" {\n  sensitive = true\n}\n" +
				block(`resource "concord_user" "x"`, `name = "alice"`, `password_wo = var.p`, `password_wo_version = 1`),
			ConfigVariables: config.Variables{"p": config.StringVariable("hunter2")},
		}},
		ErrorCheck: func(err error) error {
			text = err.Error()
			return nil // it is expected; only its text counts
		},
	})
	if !strings.Contains(text, "password_wo") || strings.Contains(text, "hunter2") {
		t.Errorf("got %q", text)
	}
}

// TestBindPassword: the password of a directory goes to the server at create, when its version changes, as an ETag shows, and with other
// servers, which take it; an override with servers of its own takes it too. It never comes into the state (SEC-61, SEC-68).
func TestBindPassword(t *testing.T) {
	s, provider := start(t)
	with := func(password string, version int) string {
		return provider + block(`resource "concord_identity_store" "x"`, `name = "corp"`, `urls = ["ldaps://a.example.com"]`, `user_search_base = "dc=example"`, `bind_dn = "cn=search"`,
			fmt.Sprintf("bind_password_wo = %q", password), fmt.Sprintf("bind_password_wo_version = %d", version))
	}
	moved := func(more ...string) string {
		return strings.ReplaceAll(with("correct horse 2", 2), "a.example.com", "b.example.com") +
			block(`resource "concord_override" "x"`, append(more, `kind = "identity_store"`, `name = concord_identity_store.x.name`, `values = jsonencode({ urls = ["ldaps://c.example.com"] })`)...)
	}
	last := ""
	changes := func(want bool) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			if b, err := json.Marshal(state); err != nil || strings.Contains(string(b), "horse") {
				return fmt.Errorf("the state has the password (%v)", err)
			}
			res, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/identity-stores/corp"})
			if changed := res.ETag != last; err != nil || changed != want {
				return fmt.Errorf("it was sent: %t, want %t (%v)", changed, want, err)
			}
			last = res.ETag
			return nil
		}
	}
	acceptance(t,
		resource.TestStep{Config: with("correct horse 1", 1), Check: changes(true)},
		resource.TestStep{Config: with("correct horse 2", 1), Check: changes(false)}, // the same version: not sent
		resource.TestStep{Config: with("correct horse 2", 2), Check: changes(true)},
		resource.TestStep{Config: moved(), ExpectError: regexp.MustCompile(`(?s)bind_password_wo.*needed\s+once\s+more`)},
		resource.TestStep{Config: moved(`bind_password_wo = "correct horse 2"`), Check: changes(true)},
	)
}
