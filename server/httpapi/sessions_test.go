package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestSessionsSayWhereTheyCameFrom: which rule made a session, where the sign-in had been, and the list chosen by all of that
// (OAM-14, OAM-17, OAM-18).
func TestSessionsSayWhereTheyCameFrom(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	b.Open(app, "ann", testkit.Password)
	b.Open(app.Through(ldc), "", "")
	first, second := nydc.Sessions("ann")[0], ldc.Sessions("ann")[0]
	if first.Rule != "signed_in" || !slices.Equal(first.Chain, []string{"NYDC"}) || first.Origin != nil {
		t.Errorf("where it was made: %+v", first)
	}
	if second.Rule != "adopted_found" || !slices.Equal(second.Chain, []string{"NYDC", "LDC"}) || second.Origin == nil || second.Origin.SessionID != first.ID || !slices.Contains(second.Index, first.ID) {
		t.Errorf("where it was adopted: %+v", second)
	}
	for query, want := range map[string]int{"": 1, "user=ANN": 1, "user=bob": 0, "origin=nydc": 1, "origin=LDC": 0, "sso_id=" + second.SSOID: 1, "sso_id=x": 0, "degraded=false": 1,
		"degraded=true": 0, "user=ann&origin=NYDC&degraded=false": 1} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		all, err := client.All[wire.SessionView](t.Context(), ldc.Admin(), "/v1/sessions", q)
		if err != nil || len(all) != want {
			t.Errorf("%q: %d sessions, want %d (%v)", query, len(all), want, err)
		}
	}
	for _, query := range []string{"origin=a+b", "degraded=maybe", "sso=x", "degraded=true&degraded=false"} {
		admin(t, ldc, http.MethodGet, "/v1/sessions?"+query, "").refused(t, http.StatusBadRequest, "invalid_input")
	}
}
