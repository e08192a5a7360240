package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestLockOverTheWire takes, shows, honours and releases a lock as a program does (MSS-05, FLT-20).
func TestLockOverTheWire(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", LockTimeout: "90s"})
	d.Put("/v1/groups/g", wire.Group{Name: "g"})
	var l wire.LockView
	if _, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/locks/group/g", In: wire.LockRequest{Owner: "pipeline 7"}, Out: &l}); err != nil {
		t.Fatal(err)
	}
	if l.ID != "group/g" || l.Owner != "pipeline 7" || l.Actor == "" || l.FencingNumber == 0 || l.ExpiresAt.Sub(l.TakenAt) != 90*time.Second {
		t.Errorf("lock: %+v", l)
	}
	now.Advance(30 * time.Second)
	got := admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":"x"}`)
	if p := got.refused(t, http.StatusConflict, "locked"); got.header.Get("Retry-After") != "60" || !strings.Contains(p.Detail, "pipeline 7") {
		t.Errorf("Retry-After %q: %s", got.header.Get("Retry-After"), p.Detail)
	}
	number := strconv.FormatUint(l.FencingNumber, 10)
	if got := admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":"x"}`, wire.HeaderLock, number); got.status != http.StatusOK {
		t.Errorf("the holder: %d %s", got.status, got.body)
	}
	for _, wrong := range []string{"x", "0", "-1", "1, 2", ""} {
		admin(t, d, http.MethodPatch, "/v1/groups/g", `{}`, wire.HeaderLock, wrong).refused(t, http.StatusBadRequest, "invalid_precondition")
	}
	var page wire.Page[wire.LockView]
	if d.Get("/v1/locks", &page); len(page.Items) != 1 || page.Items[0].ID != "group/g" {
		t.Errorf("list: %+v", page)
	}
	now.Advance(time.Minute)
	admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":"late"}`, wire.HeaderLock, number).refused(t, http.StatusConflict, "stale_lock")
	admin(t, d, http.MethodGet, "/v1/locks/group/g", "").refused(t, http.StatusNotFound, "not_found")
	if got := admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":"free"}`); got.status != http.StatusOK {
		t.Errorf("after its end: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/locks/keyset/agent", "/v1/locks/nothing/x", "/v1/locks/override/setting%2Fx"} {
		admin(t, d, http.MethodPut, path, `{"owner":"o"}`).refused(t, http.StatusNotFound, "not_found")
	}
	admin(t, d, http.MethodPut, "/v1/locks/group/g", `{"owner":"o","timeout":"0s"}`).refused(t, http.StatusBadRequest, "invalid_input")
}

// TestClientsWaitForALock: the provider's client repeats what a lock has refused, for as long as the lock says.
func TestClientsWaitForALock(t *testing.T) {
	d := start(t)
	d.Put("/v1/groups/g", wire.Group{Name: "g"})
	if _, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/locks/group/g", In: wire.LockRequest{Owner: "o", Timeout: "1s"}}); err != nil {
		t.Fatal(err)
	}
	_, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/groups/g", In: wire.Group{Name: "g", Description: "x"}})
	wantFault(t, err, fault.Conflict, client.CodeLocked)
	patient, err := client.New(client.Config{Endpoint: d.Endpoint, Token: d.Token, TLS: d.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	if _, err := patient.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/groups/g", In: wire.Group{Name: "g", Description: "x"}}); err != nil {
		t.Errorf("it did not wait: %v", err)
	}
}
