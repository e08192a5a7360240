package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// SEC-34, SEC-35: an administrator's token counts until its time, and not one request longer than it is there; weak ones are refused.
func TestAdminTokens(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	d.Role("operators", wire.AdminRole{})
	d.Role("readers", wire.AdminRole{Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"group"}}}})
	const good = "pT7yq-Lx0ZkV3nWb9RcJ2hGd5sMf8uEa"
	put := func(name, body string) answer { return admin(t, d, http.MethodPut, "/v1/admin-tokens/"+name, body) }
	for what, body := range map[string]string{
		"no text":           `{"name":"ci","roles":["readers"]}`,
		"empty":             `{"name":"ci","roles":["readers"],"token":""}`,
		"short":             `{"name":"ci","roles":["readers"],"token":"` + good[:31] + `"}`,
		"one letter":        `{"name":"ci","roles":["readers"],"token":"` + strings.Repeat("a", 40) + `"}`,
		"with a space":      `{"name":"ci","roles":["readers"],"token":"` + good + ` x"}`,
		"endless":           `{"name":"ci","roles":["readers"],"token":"` + strings.Repeat(good, 17) + `"}`,
		"no role":           `{"name":"ci","roles":[],"token":"` + good + `"}`,
		"no such role":      `{"name":"ci","roles":["absent"],"token":"` + good + `"}`,
		"past":              `{"name":"ci","roles":["readers"],"token":"` + good + `","expires_at":"2020-01-01T00:00:00Z"}`,
		"the reserved name": `{"name":"bootstrap","roles":["readers"],"token":"` + good + `"}`,
		"its hash":          `{"name":"ci","roles":["readers"],"token":{"hash":"sha256:00"}}`,
		"a read-only field": `{"name":"ci","roles":["readers"],"token":"` + good + `","last_used_at":"2030-01-01T00:00:00Z"}`,
	} {
		name := "ci"
		if strings.Contains(body, "bootstrap") {
			name = "bootstrap"
		}
		if got := put(name, body); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	end := now.Now().Add(time.Hour).UTC().Truncate(time.Second)
	if got := put("ci", `{"name":"ci","roles":["readers"],"token":"`+good+`","expires_at":"`+end.Format(time.RFC3339)+`"}`); got.status != http.StatusCreated || strings.Contains(got.body, good) || strings.Contains(got.body, "sha256") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if p := put("copy", `{"name":"copy","roles":["operators"],"token":"`+good+`"}`).refused(t, http.StatusBadRequest, "invalid_input"); p.Errors[0].Pointer != "/token" {
		t.Errorf("the same text twice: %+v", p)
	}
	read := func() answer { return as(t, d, good, http.MethodGet, "/v1/groups", "") }
	if got := read(); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	as(t, d, good, http.MethodPut, "/v1/groups/g", `{"name":"g"}`).refused(t, http.StatusForbidden, "forbidden")
	as(t, d, good[:31]+"b", http.MethodGet, "/v1/groups", "").refused(t, http.StatusUnauthorized, "wrong_token")
	var v wire.AdminTokenView
	if d.Get("/v1/admin-tokens/ci", &v); v.LastUsedAt == nil || v.Expired {
		t.Errorf("the view: %+v", v)
	}
	// What the role allows counts at the next request, in both directions.
	d.Role("readers", wire.AdminRole{})
	if got := as(t, d, good, http.MethodPut, "/v1/groups/g", `{"name":"g"}`); got.status != http.StatusCreated {
		t.Errorf("with a wider role: %d %s", got.status, got.body)
	}
	d.Role("readers", wire.AdminRole{Permissions: []wire.Permission{}})
	read().refused(t, http.StatusForbidden, "forbidden")
	d.Role("readers", wire.AdminRole{})
	now.Advance(time.Hour)
	read().refused(t, http.StatusUnauthorized, "token_expired")
	if d.Get("/v1/admin-tokens/ci", &v); !v.Expired {
		t.Errorf("the view of one that ran out: %+v", v)
	}
	// An unchanged declaration of one that ran out is no fault; a longer life brings it back.
	if got := put("ci", `{"name":"ci","roles":["readers"],"expires_at":"`+end.Format(time.RFC3339)+`"}`); got.status != http.StatusOK {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}
	if got := put("ci", `{"name":"ci","roles":["readers"]}`); got.status != http.StatusOK {
		t.Errorf("without an end: %d %s", got.status, got.body)
	}
	if got := read(); got.status != http.StatusOK {
		t.Errorf("without an end: %d %s", got.status, got.body)
	}
	d.Stop()
	d.Start()
	if got := read(); got.status != http.StatusOK {
		t.Errorf("after a restart: %d %s", got.status, got.body)
	}
	d.Delete("/v1/admin-tokens/ci")
	read().refused(t, http.StatusUnauthorized, "wrong_token")
	// Whatever the roles say, the first start's token may everything.
	d.Role("operators", wire.AdminRole{Permissions: []wire.Permission{}})
	if got := admin(t, d, http.MethodPut, "/v1/groups/h", `{"name":"h"}`); got.status != http.StatusCreated {
		t.Errorf("bootstrap: %d %s", got.status, got.body)
	}
}

// OAM-01, CAMS-04, TAM-11: roles are the same at every data center, tokens are of one: nobody administers two by one of them.
func TestTokensBelongToOneDataCenter(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	master.Put("/v1/security-domains/A", wire.SecurityDomain{Name: "A"})
	master.Role("readers", wire.AdminRole{SecurityDomain: "A", Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"*"}, SecurityDomains: []string{"A"}}}})
	master.Put("/v1/groups/g", wire.Group{Name: "g", SecurityDomain: "A"})
	testkit.InStep(master, clone)
	token := clone.AdminToken("ci", "readers")
	if got := as(t, clone, token, http.MethodGet, "/v1/groups/g", ""); got.status != http.StatusOK {
		t.Errorf("at the clone: %d %s", got.status, got.body)
	}
	as(t, master, token, http.MethodGet, "/v1/groups/g", "").refused(t, http.StatusUnauthorized, "wrong_token")
	admin(t, clone, http.MethodPut, "/v1/admin-roles/readers", `{"name":"readers","permissions":[]}`).refused(t, http.StatusConflict, "not_master")
}
