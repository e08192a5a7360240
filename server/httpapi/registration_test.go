package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestAgentAsksHowItIsRegistered: OAM-10, OAM-11. An agent learns its own registration, as it counts in the data center that it asks.
func TestAgentAsksHowItIsRegistered(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	app := d.Application("web", "https://shop.example")
	ask := func(secret string) (out wire.AgentRegistration, err error) {
		agent := d.Agent(app.Agent, secret)
		defer agent.Close()
		_, err = agent.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/session/v1/agent", Out: &out})
		return out, err
	}
	want := wire.AgentRegistration{Name: "web", Primary: []string{}, Secondary: []string{}, CookieLifetime: "15m", CacheLifetime: "0s"}
	if got, err := ask(app.Secret); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("as it was: %v %s", err, cmp.Diff(want, got))
	}
	d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://shop.example"}, Primary: []string{"b=https://b.example:7401", "a=https://a.example:7401"}, Secondary: []string{"LDC/c=https://c.example"},
		BackchannelLogoutURL: "https://shop.example/ended", CacheLifetime: "10s", CookieLifetime: "5m"})
	d.Put("/v1/overrides/agent/web", wire.Override{Kind: "agent", Name: "web", Values: []byte(`{"secondary":["LDC/d=https://d.example"]}`)})
	want = wire.AgentRegistration{Name: "web", Primary: []string{"b=https://b.example:7401", "a=https://a.example:7401"}, Secondary: []string{"LDC/d=https://d.example"},
		CookieLifetime: "5m", CacheLifetime: "10s", BackchannelCalls: true}
	if got, err := ask(app.Secret); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("registered: %v %s", err, cmp.Diff(want, got))
	}
	if _, err := ask("another secret of a length"); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("with a wrong secret: %v", err)
	}
}

// TestAgentsAreToldNowhereElse: SEC-48. An address that the node never connects to is refused when it is written, with its pointer, in an
// override too.
func TestAgentsAreToldNowhereElse(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.Application("web", "https://shop.example")
	const metadata = "https://169.254.169.254/latest"
	for pointer, put := range map[string]client.Request{
		"/backchannel_logout_url":        {Path: "/v1/agents/web", In: wire.Agent{Name: "web", Hosts: []string{"https://shop.example"}, BackchannelLogoutURL: metadata}},
		"/values/backchannel_logout_url": {Path: "/v1/overrides/agent/web", In: wire.Override{Kind: "agent", Name: "web", Values: []byte(`{"backchannel_logout_url":"` + metadata + `"}`)}},
	} {
		put.Method = http.MethodPut
		_, err := d.Do(put)
		api, ok := err.(*client.APIError) //nolint:errorlint // the client gives it as it is
		if !ok || api.Fault.Kind != fault.Invalid || len(api.Fault.Fields) != 1 || api.Fault.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
}
