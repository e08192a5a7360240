package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// OAM-16, OAM-26, OAM-27: session policy and agents that contradict one another are refused, whichever is written second, and
// with the reason; so is an override that would make them.
func TestContradictionsAreRefused(t *testing.T) {
	d := start(t)
	refuse := func(path, body, pointer, says string) {
		t.Helper()
		got := admin(t, d, http.MethodPut, path, body)
		got.refused(t, http.StatusBadRequest, "invalid_input")
		if !strings.Contains(got.body, `"`+pointer+`"`) || !strings.Contains(got.body, says) {
			t.Errorf("PUT %s %s: %s", path, body, got.body)
		}
	}
	const policy, agent = "/v1/session-policy", "/v1/agents/shop"
	refuse(policy, `{"anchored":true,"retrieve_on_demand":false}`, "/anchored", "needs retrieve_on_demand")
	refuse(policy, `{"idle_timeout":"12h"}`, "/idle_timeout", "not below lifetime")
	refuse(policy, `{"gito_cookie_domain":"co.uk"}`, "/gito_cookie_domain", "public suffix")
	refuse(policy, `{"gito_cookie_domain":"example.com"}`, "/gito_cookie_domain", "runtime address")
	refuse(policy, `{"gito_cookie_domain":"example.com","sign_in_url":"https://login.example.org"}`, "/gito_cookie_domain", "does not cover sign_in_url")
	refuse(agent, `{"name":"shop","hosts":["https://shop.example.org"],"cookie_lifetime":"30m"}`, "/cookie_lifetime", "not below the session policy's idle_timeout")

	d.Put(agent, wire.Agent{Name: "shop", Hosts: []string{"https://shop.example.org"}, CookieLifetime: "20m"})
	refuse(policy, `{"idle_timeout":"20m"}`, "/idle_timeout", "not above cookie_lifetime")
	const domain = `{"gito_cookie_domain":"example.com","sign_in_url":"https://login.example.com"}`
	refuse(policy, domain, "/gito_cookie_domain", "no agent's host lies under")
	refuse("/v1/overrides/session_policy/default", `{"kind":"session_policy","name":"default","values":{"idle_timeout":"10m"}}`, "/values/idle_timeout", "not above cookie_lifetime")
	refuse("/v1/overrides/agent/shop", `{"kind":"agent","name":"shop","values":{"cookie_lifetime":"31m"}}`, "/values/cookie_lifetime", "not below")

	d.Put("/v1/agents/wiki", wire.Agent{Name: "wiki", Hosts: []string{"https://wiki.example.com"}})
	if got := admin(t, d, http.MethodPut, policy, domain); got.status != http.StatusOK || !strings.Contains(got.body, `"gito_cookie_domain":"example.com"`) {
		t.Errorf("with an agent under it: %d %s", got.status, got.body)
	}
	if got := admin(t, d, http.MethodPut, agent, `{"name":"shop","hosts":["https://shop.example.org"],"cookie_lifetime":"2h"}`); got.status != http.StatusOK {
		t.Errorf("with a domain the lifetime is free: %d %s", got.status, got.body)
	}
	refuse(policy, `{"lifetime":"13h"}`, "/idle_timeout", "not above cookie_lifetime")
	if got := admin(t, d, http.MethodDelete, policy, ""); got.status != http.StatusNoContent {
		t.Errorf("back to the defaults: %d %s", got.status, got.body)
	}
}
