package httpapi_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func opened(t *testing.T, d *testkit.DataCenter, user, password string) (wire.SecurityContextOpened, error) {
	t.Helper()
	var out wire.SecurityContextOpened
	_, err := d.Admin().Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/security-contexts", In: wire.SecurityContextRequest{User: user, Password: password}, Out: &out})
	return out, err
}

// administrator writes a user with a role that allows everything.
func administrator(d *testkit.DataCenter, name string) {
	d.User(name)
	d.Role("operators", wire.AdminRole{Users: []string{name}})
}

// TAM-02: a security context ends with its time, with its user's password or state, with the role, and when it is closed; each at the
// next request.
func TestSecurityContextEnds(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	user := wire.User{Name: "ann", Password: testkit.Password}
	for what, end := range map[string]func(wire.SecurityContextOpened){
		"in time": func(wire.SecurityContextOpened) { now.Advance(15 * time.Minute) },
		"disabled": func(wire.SecurityContextOpened) {
			off := false
			d.Put("/v1/users/ann", wire.User{Name: "ann", Enabled: &off})
		},
		"another password": func(wire.SecurityContextOpened) {
			d.Put("/v1/users/ann", wire.User{Name: "ann", Password: "another long one"})
		},
		"same password": func(wire.SecurityContextOpened) { d.Put("/v1/users/ann", user) },
		"deleted":       func(wire.SecurityContextOpened) { d.Delete("/v1/users/ann") },
		"no role":       func(wire.SecurityContextOpened) { d.Role("operators", wire.AdminRole{}) },
		"closed": func(o wire.SecurityContextOpened) {
			as(t, d, o.Token, http.MethodDelete, "/v1/security-contexts/"+o.ID, "")
		},
		"closed by another": func(o wire.SecurityContextOpened) { d.Delete("/v1/security-contexts/" + o.ID) },
	} {
		administrator(d, "ann")
		o, err := opened(t, d, "Ann", testkit.Password)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if o.ClusterID != "NYDC" || o.User != "ann" || o.ExpiresAt.Sub(o.OpenedAt) != 15*time.Minute {
			t.Errorf("opened: %+v", o.SecurityContextView)
		}
		if got := as(t, d, o.Token, http.MethodPut, "/v1/groups/g", `{"name":"g"}`); got.status >= 300 {
			t.Fatalf("%s, before: %d %s", what, got.status, got.body)
		}
		end(o)
		as(t, d, o.Token, http.MethodGet, "/v1/groups", "").refused(t, http.StatusUnauthorized, "security_context_ended")
		as(t, d, o.Token, http.MethodPost, "/v1/security-contexts/"+o.ID+"/renew", "").refused(t, http.StatusUnauthorized, "security_context_ended")
		now.Advance(time.Hour) // guesses and contexts of the round are forgotten
	}
	administrator(d, "ann")
	if records := strings.Join(audited(t, d, `"actor":"user:ann"`), "\n"); !strings.Contains(records, `"action":"open"`) || !strings.Contains(records, "group/g") || strings.Contains(records, "concord.context") {
		t.Errorf("the audit record: %s", records)
	}
}

// TAM-02: renewed again and again it lives for twelve hours, and no longer without the password; it is still there after a restart.
func TestSecurityContextIsRenewed(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	administrator(d, "ann")
	o, err := opened(t, d, "ann", testkit.Password)
	if err != nil {
		t.Fatal(err)
	}
	other, err := opened(t, d, "ann", testkit.Password)
	if err != nil {
		t.Fatal(err)
	}
	as(t, d, o.Token, http.MethodPost, "/v1/security-contexts/"+other.ID+"/renew", "").refused(t, http.StatusConflict, "other_security_context")
	d.Stop()
	d.Start()
	renewed := 0
	for {
		now.Advance(10 * time.Minute)
		got := as(t, d, o.Token, http.MethodPost, "/v1/security-contexts/"+o.ID+"/renew", "")
		if got.status != http.StatusOK {
			got.refused(t, http.StatusUnauthorized, "security_context_ended")
			break
		}
		if renewed++; renewed > 100 {
			t.Fatal("it lives for ever")
		}
	}
	if renewed != 71 { // at 12 hours it is over
		t.Errorf("renewed %d times", renewed)
	}
}

// SEC-30: a password is guessed at no faster here than on the sign-in page, and every refusal of a sign-in looks the same.
func TestSecurityContextsAreNoWayToGuess(t *testing.T) {
	d := start(t)
	administrator(d, "ann")
	d.User("plain")
	d.User("bob")
	for range 12 {
		if _, err := opened(t, d, "bob", "wrong password"); fault.CodeOf(err) != "wrong_credentials" {
			t.Fatal(err)
		}
	}
	_, err := opened(t, d, "bob", testkit.Password)
	wantFault(t, err, fault.Unauthenticated, "wrong_credentials")
	_, err = opened(t, d, "nobody", testkit.Password)
	wantFault(t, err, fault.Unauthenticated, "wrong_credentials")
	_, err = opened(t, d, "plain", testkit.Password)
	wantFault(t, err, fault.Forbidden, "no_role")
	for _, body := range []string{`{}`, `{"user":"ann"}`, `{"user":"ann","password":""}`, `{"user":"ann","password":"x","ttl":"1s"}`, `{"user":"ann","password":"x","id":"x"}`, `{"user":"ann","password":"x","user":"bob"}`} {
		got := send(t, d, ask{method: http.MethodPost, url: d.Endpoint + "/v1/security-contexts", body: body, header: http.Header{"Content-Type": {"application/json"}}})
		if got.status != http.StatusBadRequest && got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	for _, token := range []string{"concord.context.x.y", "concord.context.." + strings.Repeat("a", 40)} {
		as(t, d, token, http.MethodGet, "/v1/groups", "").refused(t, http.StatusUnauthorized, "security_context_ended")
	}
}

// TAM-02: however many are opened, a user has a hundred at most; the oldest goes.
func TestSecurityContextsAreBounded(t *testing.T) {
	d := start(t)
	administrator(d, "ann")
	first, err := opened(t, d, "ann", testkit.Password)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := opened(t, d, "ann", testkit.Password); err != nil {
			t.Fatal(err)
		}
	}
	var page wire.Page[wire.SecurityContextView]
	d.Get("/v1/security-contexts?limit=1000", &page)
	if len(page.Items) != 100 {
		t.Errorf("%d are open", len(page.Items))
	}
	as(t, d, first.Token, http.MethodGet, "/v1/groups", "").refused(t, http.StatusUnauthorized, "security_context_ended")
}

// TAM-03: a client with a user and a password notices nothing: neither of the context's end, nor of a restart without it, nor of
// another data center behind the same address.
func TestClientSignsInAgainByItself(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	administrator(master, "ann")
	testkit.InStep(master, clone)
	contexts := func(d *testkit.DataCenter) []wire.SecurityContextView {
		var page wire.Page[wire.SecurityContextView]
		d.Get("/v1/security-contexts", &page)
		return page.Items
	}
	c := master.AdminOf("ann", testkit.Password)
	write := func(c *client.Client, what, path string) {
		t.Helper()
		if _, err := c.Do(t.Context(), client.Request{Method: http.MethodPut, Path: path, In: wire.Setting{Name: path[len("/v1/settings/"):], Value: "v"}}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(c, "first", "/v1/settings/one")
	write(c, "second", "/v1/settings/two")
	if n := len(contexts(master)); n != 1 {
		t.Errorf("%d contexts for one client", n)
	}
	for _, one := range contexts(master) {
		master.Delete("/v1/security-contexts/" + one.ID)
	}
	write(c, "after its end", "/v1/settings/three")
	// The clone knows the user and the role, and keeps contexts of its own (TAM-09, TAM-11).
	at := clone.AdminOf("ann", testkit.Password)
	if _, err := at.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/settings/three"}); err != nil && !fault.Is(err, fault.NotFound) {
		t.Errorf("at the clone: %v", err)
	}
	_, err := at.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/settings/four", In: wire.Setting{Name: "four", Value: "v"}})
	wantFault(t, err, fault.Conflict, "not_master")
	if _, err := clone.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{}}); err != nil {
		t.Fatal(err)
	}
	write(at, "after the promotion", "/v1/settings/four")
	// One address, and another data center answers.
	var answers atomic.Pointer[testkit.DataCenter]
	answers.Store(master)
	roots, err := client.TLSFromPEM(master.CACertPEM+clone.CACertPEM, "", "")
	if err != nil {
		t.Fatal(err)
	}
	front, err := client.New(client.Config{Endpoint: "https://127.0.0.1:1", TLS: roots, MaxRetries: -1, Account: &client.Account{User: "ann", Password: testkit.Password},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(answers.Load().Endpoint, "https://"))
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	read := func(want string) {
		t.Helper()
		res, err := front.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/data-center"})
		if err != nil || res.Cluster != want {
			t.Errorf("through the address: %s, %v", res.Cluster, err)
		}
	}
	read("NYDC")
	answers.Store(clone)
	front.Close() // its open connections lead to the other
	read("LDC")
	if err := front.SignOut(t.Context()); err != nil {
		t.Error(err)
	}
	// A wrong password is not tried again and again.
	bad := clone.AdminOf("ann", "wrong password")
	for range 20 {
		_, err := bad.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups"})
		wantFault(t, err, fault.Unauthenticated, "wrong_credentials")
	}
	write(clone.AdminOf("ann", testkit.Password), "ann is not locked out", "/v1/settings/four")
}

// Oracle's routes take an administrator's own name and password, with the rights of his roles (OAM-50).
func TestOracleRoutesTakeAPassword(t *testing.T) {
	d := start(t)
	administrator(d, "ann")
	d.User("plain")
	d.User("reader")
	d.Role("readers", wire.AdminRole{Users: []string{"reader"}, Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"replication_agreement"}}}})
	for _, c := range []struct {
		user, password, method, path string
		status                       int
	}{
		{"ann", testkit.Password, http.MethodGet, "/agreements", 200},
		{"reader", testkit.Password, http.MethodGet, "/agreements", 200},
		{"reader", testkit.Password, http.MethodPost, "/setup", 403},
		{"plain", testkit.Password, http.MethodGet, "/agreements", 403},
		{"ann", "wrong password", http.MethodGet, "/agreements", 401},
		{"whoever", d.Token, http.MethodGet, "/agreements", 200},
	} {
		got := send(t, d, ask{method: c.method, url: d.Endpoint + wire.OraclePrefix + c.path, header: http.Header{"Authorization": {basic(c.user, c.password)}}})
		if got.status != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.user, c.method, c.path, got.status, got.body, c.status)
		}
	}
	// Elsewhere a password is none.
	send(t, d, ask{method: http.MethodGet, url: d.Endpoint + "/v1/groups", header: http.Header{"Authorization": {basic("ann", testkit.Password)}}}).refused(t, http.StatusUnauthorized, "no_token")
}
