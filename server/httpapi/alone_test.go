package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestDryRunAlone: an object is judged by itself, so that what it refers to may be made later. Nothing is written, and without
// dry_run=true the question is refused rather than taken for a write (SEC-28, SEC-69).
func TestDryRunAlone(t *testing.T) {
	d := start(t)
	const alone = "?dry_run=true&alone=true"
	user := `{"name":"ann","groups":["nobody"],"security_domain":"nowhere"}`
	admin(t, d, http.MethodPut, "/v1/users/ann?dry_run=true", user).refused(t, http.StatusBadRequest, "invalid_input")
	if got := admin(t, d, http.MethodPut, "/v1/users/ann"+alone, user); got.status != http.StatusOK || !strings.Contains(got.body, `"nobody"`) {
		t.Errorf("alone: %d %s", got.status, got.body)
	}
	if got := admin(t, d, http.MethodPut, "/v1/agents/shop"+alone, `{"name":"shop","hosts":["https://a.example"],"start_page":"https://b.example/"}`).refused(t, http.StatusBadRequest, "invalid_input"); len(got.Errors) != 1 || got.Errors[0].Pointer != "/start_page" {
		t.Errorf("wrong in itself: %+v", got)
	}
	admin(t, d, http.MethodPut, "/v1/groups/g?alone=true", `{"name":"g"}`).refused(t, http.StatusBadRequest, "invalid_input")
	admin(t, d, http.MethodPatch, "/v1/users/ann"+alone, `{}`).refused(t, http.StatusBadRequest, "invalid_input")
	for _, path := range []string{"/v1/users/ann", "/v1/groups/g", "/v1/agents/shop"} {
		if got := admin(t, d, http.MethodGet, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s was written: %s", path, got.body)
		}
	}
}

// TestAgreementRehearsed: a dry run of an agreement asks the partner and makes nothing; a clone of another master is refused by it, at
// its field (OAM-02, OAM-50).
func TestAgreementRehearsed(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "TDC")
	ny, ld, to := all[0], all[1], all[2]
	testkit.Link(ny, ld)
	to.Trusts(ld)
	ld.Trusts(to)
	to.Put("/v1/data-center", wire.DataCenter{ClusterID: "TDC", Role: "master"})
	to.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	const path = "/v1/replication/agreements"
	rehearse := func(d *testkit.DataCenter, body string) answer {
		t.Helper()
		return admin(t, d, http.MethodPost, path+"?dry_run=true", body)
	}
	for _, c := range []struct {
		at                  *testkit.DataCenter
		body, code, pointer string
	}{
		{to, `{"name":"x","source":"TDC","target":"LDC"}`, "already_following", "/target"},
		{to, `{"name":"x","source":"NYDC","target":"LDC"}`, "wrong_data_center", "/source"},
		{ld, `{"name":"x","source":"LDC","target":"TDC"}`, "not_master", "/source"},
	} {
		if got := rehearse(c.at, c.body).refused(t, http.StatusConflict, c.code); len(got.Errors) != 1 || got.Errors[0].Pointer != c.pointer {
			t.Errorf("%s: %+v", c.code, got.Errors)
		}
	}
	ny.Trusts(to)
	to.Trusts(ny)
	rehearse(ny, `{"name":"x","source":"NYDC","target":"TDC"}`).refused(t, http.StatusConflict, "second_master")
	to.Put("/v1/data-center", wire.DataCenter{ClusterID: "TDC", Role: "standalone"})
	to.Put("/v1/data-center", wire.DataCenter{ClusterID: "TDC", Role: "clone"})
	if got := rehearse(ny, `{"name":"x","source":"NYDC","target":"TDC"}`); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	var list wire.Page[wire.AgreementView]
	if to.Get(path, &list); len(list.Items) != 0 {
		t.Errorf("one was made: %+v", list.Items)
	}
}
