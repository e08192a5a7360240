package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestPartnersThatLookPeopleUp are bounded, and leave a trace: whose sign-ons a partner asked for stands in the audit record, once
// for a person who is looked up again and again (SEC-47, SEC-75).
func TestPartnersThatLookPeopleUp(t *testing.T) {
	d := start(t)
	d.User("ann")
	cfg := stranger(t, d)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: "mesh", AllowManagement: true})
	ask := func(user string) answer {
		return peer(t, d, cfg, http.MethodPost, "/peer/v1/sessions/of-user", `{"identity_store":"local","user":"`+user+`"}`)
	}
	refused := 0
	for range 60 {
		if got := ask("ann"); got.status == http.StatusServiceUnavailable || got.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a partner may look people up without a bound")
	}
	d.Within(testkit.Limit, "it may go on later", func() bool { return ask("bob").status == http.StatusOK })
	records := audited(t, d, `"action":"list_sign_ons"`)
	if len(records) != 2 {
		t.Errorf("audit: %q", records)
	}
}
