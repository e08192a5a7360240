package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestObjectsAreGuardedByTheirETag walks one object through every precondition (STD-02).
func TestObjectsAreGuardedByTheirETag(t *testing.T) {
	d := start(t)
	put := func(description string, header ...string) answer {
		return admin(t, d, http.MethodPut, "/v1/groups/g", fmt.Sprintf(`{"name":"g","description":%q}`, description), header...)
	}
	put("too early", "If-Match", `"AAAA"`).refused(t, http.StatusPreconditionFailed, "changed")
	made := put("one", "If-None-Match", "*")
	first := made.header.Get("ETag")
	if made.status != http.StatusCreated || !strings.HasPrefix(first, `"`) {
		t.Fatalf("create: %d, ETag %s", made.status, first)
	}
	put("two", "If-None-Match", "*").refused(t, http.StatusPreconditionFailed, "exists")
	again := put("one", "If-Match", first)
	if again.status != http.StatusOK || again.header.Get("ETag") != first {
		t.Errorf("the same content has another ETag: %d %s", again.status, again.header.Get("ETag"))
	}
	second := put("two", "If-Match", first)
	if second.status != http.StatusOK || second.header.Get("ETag") == first {
		t.Errorf("another content: %d %s", second.status, second.header.Get("ETag"))
	}
	tag := second.header.Get("ETag")
	put("three", "If-Match", first).refused(t, http.StatusPreconditionFailed, "changed")
	put("three", "If-Match", "W/"+tag).refused(t, http.StatusPreconditionFailed, "changed")
	put("three", "If-Match", tag+", "+first).refused(t, http.StatusBadRequest, "invalid_precondition")
	put("three", "If-None-Match", tag).refused(t, http.StatusBadRequest, "invalid_precondition")
	admin(t, d, http.MethodPatch, "/v1/groups/g", `{"description":"p"}`, "If-Match", first).refused(t, http.StatusPreconditionFailed, "changed")
	admin(t, d, http.MethodDelete, "/v1/groups/g", "", "If-Match", first).refused(t, http.StatusPreconditionFailed, "changed")
	for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := admin(t, d, method, "/v1/groups/g", "", "If-None-Match", have); got.status != http.StatusNotModified || got.body != "" || got.header.Get("ETag") != tag {
				t.Errorf("%s with If-None-Match %s: %d %q", method, have, got.status, got.body)
			}
		}
	}
	if got := admin(t, d, http.MethodGet, "/v1/groups/g", "", "If-None-Match", first); got.status != http.StatusOK || !strings.Contains(got.body, "two") {
		t.Errorf("an old ETag: %d %s", got.status, got.body)
	}
	if got := admin(t, d, http.MethodDelete, "/v1/groups/g", "", "If-Match", tag); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("delete: %d %s", got.status, got.body)
	}
	admin(t, d, http.MethodDelete, "/v1/groups/g", "").refused(t, http.StatusNotFound, "not_found")
}

// TestOneOfTwoWritersWins: of many who change the same version, one succeeds and the others are told (STD-02).
func TestOneOfTwoWritersWins(t *testing.T) {
	d := start(t)
	tag := d.Put("/v1/groups/g", wire.Group{Name: "g"}).ETag
	const writers = 8
	var group sync.WaitGroup
	errs := make([]error, writers)
	api := d.Admin()
	for i := range writers {
		group.Go(func() {
			_, errs[i] = api.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/groups/g", IfMatch: tag, In: wire.Group{Name: "g", Description: fmt.Sprint("writer ", i)}})
		})
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("writers %d and %d both succeeded", winner, i)
		default:
			wantFault(t, err, fault.Precondition, "changed")
		}
	}
	var g wire.GroupView
	if d.Get("/v1/groups/g", &g); g.Description != fmt.Sprint("writer ", winner) {
		t.Errorf("writer %d was told it won, the group says %q", winner, g.Description)
	}
}

// TestPatchesOfManyAreAllKept: unconditional changes of different fields do not undo one another.
func TestPatchesOfManyAreAllKept(t *testing.T) {
	d := start(t)
	d.Put("/v1/users/u", wire.User{Name: "u"})
	var group sync.WaitGroup
	api := d.Admin()
	for i := range 8 {
		group.Go(func() {
			_, err := api.Do(t.Context(), client.Request{Method: http.MethodPatch, Path: "/v1/users/u", In: map[string]any{"attributes": map[string]string{fmt.Sprint("a", i): "x"}}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var u wire.UserView
	if d.Get("/v1/users/u", &u); len(u.Attributes) != 8 {
		t.Errorf("%d of 8 changes are there: %v", len(u.Attributes), u.Attributes)
	}
}

// TestListsGoPageByPage, and a cursor that the list did not give is refused: altered, cut, of another list, of another
// data center (SEC-73).
func TestListsGoPageByPage(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d := both[0]
	want := map[string]bool{}
	for i := range 7 {
		name := fmt.Sprintf("g%d", i)
		want[name] = true
		for _, dc := range both {
			dc.Put("/v1/groups/"+name, wire.Group{Name: name})
			dc.Put("/v1/users/"+name, wire.User{Name: name})
		}
	}
	var page wire.Page[wire.GroupView]
	d.Get("/v1/groups?limit=3", &page)
	if len(page.Items) != 3 || page.NextCursor == "" {
		t.Fatalf("first page: %+v", page)
	}
	all, err := client.All[wire.GroupView](t.Context(), d.Admin(), "/v1/groups", url.Values{"limit": {"2"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if !want[g.Name] {
			t.Errorf("%q twice, or not ours", g.Name)
		}
		delete(want, g.Name)
	}
	if len(want) > 0 {
		t.Errorf("left out: %v", want)
	}
	var other, users wire.Page[wire.UserView]
	both[1].Get("/v1/groups?limit=3", &other)
	d.Get("/v1/users?limit=3", &users)
	forged := map[string]string{"of another data center": other.NextCursor, "of another list": users.NextCursor, "cut": page.NextCursor[:len(page.NextCursor)-1],
		"longer": page.NextCursor + "A", "padded": page.NextCursor + "=", "plain": base64.RawURLEncoding.EncodeToString([]byte("g3")), "endless": strings.Repeat("A", 4000)}
	raw, err := base64.RawURLEncoding.DecodeString(page.NextCursor)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // each byte once
		raw[i] ^= 1
		forged[fmt.Sprint("byte ", i)] = base64.RawURLEncoding.EncodeToString(raw)
		raw[i] ^= 1
	}
	for name, cursor := range forged {
		_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/v1/groups", Query: url.Values{"cursor": {cursor}}})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("cursor %s: %v", name, err)
		}
	}
}

// TestReferencesAreKept: what names an absent object is refused with the place, what is named cannot go.
func TestReferencesAreKept(t *testing.T) {
	d := start(t)
	p := admin(t, d, http.MethodPut, "/v1/users/u", `{"name":"u","groups":["staff","absent"]}`).refused(t, http.StatusBadRequest, "invalid_input")
	if len(p.Errors) != 2 || p.Errors[0].Pointer != "/groups/0" {
		t.Errorf("errors: %+v", p.Errors)
	}
	d.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	d.Put("/v1/users/u", wire.User{Name: "u", Groups: []string{"staff"}})
	if p := admin(t, d, http.MethodDelete, "/v1/groups/staff", "").refused(t, http.StatusConflict, "in_use"); !strings.Contains(p.Detail, "user u") {
		t.Errorf("the refusal does not name the user: %s", p.Detail)
	}
	d.Put("/v1/users/u", wire.User{Name: "u"})
	d.Delete("/v1/groups/staff")
}

// CAMS-04: what belongs to a security domain is used within it, and a domain that owns something stays.
func TestObjectsOfADomainAreUsedWithinIt(t *testing.T) {
	d := start(t)
	d.Put("/v1/security-domains/finance", wire.SecurityDomain{Name: "finance"})
	d.Put("/v1/security-domains/care", wire.SecurityDomain{Name: "care"})
	d.Put("/v1/groups/clerks", wire.Group{Name: "clerks", SecurityDomain: "finance"})
	d.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	for _, body := range []string{
		`{"name":"u","groups":["staff","clerks"]}`,
		`{"name":"u","groups":["staff","clerks"],"security_domain":"care"}`,
	} {
		p := admin(t, d, http.MethodPut, "/v1/users/u", body).refused(t, http.StatusBadRequest, "invalid_input")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "/groups/0" || !strings.Contains(p.Errors[0].Detail, `"finance"`) {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
	d.Put("/v1/users/u", wire.User{Name: "u", Groups: []string{"staff", "clerks"}, SecurityDomain: "finance"})
	admin(t, d, http.MethodDelete, "/v1/security-domains/finance", "").refused(t, http.StatusConflict, "in_use")
	d.Delete("/v1/security-domains/care")
	admin(t, d, http.MethodPut, "/v1/groups/g", `{"name":"g","security_domain":"care"}`).refused(t, http.StatusBadRequest, "invalid_input")
}

// TestSecretsAreKeptWhenTheyAreNotSent: a PUT or PATCH without the password leaves it, with another one replaces it.
func TestSecretsAreKeptWhenTheyAreNotSent(t *testing.T) {
	d := start(t)
	d.User("ann")
	app := d.Application("shop", "https://shop.example")
	b := testkit.NewBrowser(t, d)
	d.Put("/v1/users/ann", wire.User{Name: "ann", DisplayName: "Ann"})
	d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{app.Origin}, StartPage: app.Origin + "/home"})
	if _, err := d.Do(client.Request{Method: http.MethodPatch, Path: "/v1/users/ann", In: map[string]any{"email": "ann@example.com"}}); err != nil {
		t.Fatal(err)
	}
	if v := b.Open(app, "ann", testkit.Password); v.User != "ann" {
		t.Errorf("after writes without secrets: %+v", v)
	}
	if _, err := d.Do(client.Request{Method: http.MethodPatch, Path: "/v1/users/ann", In: map[string]any{"password": "another long one"}}); err != nil {
		t.Fatal(err)
	}
	if v := testkit.NewBrowser(t, d).Open(app, "ann", testkit.Password); v.User != "" {
		t.Errorf("the old password still signs in: %+v", v)
	}
	if v := testkit.NewBrowser(t, d).Open(app, "ann", "another long one"); v.User != "ann" {
		t.Errorf("the new password: %+v", v)
	}
	d.Delete("/v1/users/ann")
	d.Put("/v1/users/ann", wire.User{Name: "ann"})
	if v := testkit.NewBrowser(t, d).Open(app, "ann", "another long one"); v.User != "" {
		t.Errorf("a new user of an old name has its password: %+v", v)
	}
}

// TestSingletonsGoBackToTheirDefaults: they cannot be absent, so a delete resets.
func TestSingletonsGoBackToTheirDefaults(t *testing.T) {
	d := start(t)
	for path, change := range map[string]string{
		"/v1/session-policy":  `{"idle_timeout":"5m","lifetime":"1h"}`,
		"/v1/partner-profile": `{"agent_id":"mesh","allow_management":true}`,
		"/v1/data-center":     `{"cluster_id":"NYDC","role":"master","display_name":"New York"}`,
	} {
		before := admin(t, d, http.MethodGet, path, "")
		if got := admin(t, d, http.MethodPut, path, change); got.status != http.StatusOK || got.header.Get("ETag") == before.header.Get("ETag") {
			t.Errorf("put %s: %d %s", path, got.status, got.body)
		}
		if got := admin(t, d, http.MethodDelete, path, ""); got.status != http.StatusNoContent {
			t.Errorf("delete %s: %d %s", path, got.status, got.body)
		}
		if got := admin(t, d, http.MethodGet, path, ""); got.header.Get("ETag") != before.header.Get("ETag") {
			t.Errorf("%s after the reset: %s\nbefore: %s", path, got.body, before.body)
		}
	}
}

// TestClonesRefuseEveryReplicatedWrite, with the master's address, and change nothing; what is local stays writable
// (SEC-45, OAM-02, OAM-04).
func TestClonesRefuseEveryReplicatedWrite(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	master.User("ann")
	master.Application("shop", "https://shop.example")
	master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	master.Put("/v1/authorization-policies/all", wire.AuthorizationPolicy{Name: "all", Rules: []wire.Rule{{Effect: "allow"}}})
	_, digest := testkit.InStep(master, clone)
	for _, w := range []struct{ method, path, body string }{
		{http.MethodPut, "/v1/groups/new", `{"name":"new"}`},
		{http.MethodPut, "/v1/groups/staff", `{"name":"staff","description":"x"}`},
		{http.MethodPatch, "/v1/users/ann", `{"enabled":false}`},
		{http.MethodPut, "/v1/users/ann", `{"name":"ann","password":"another long one"}`},
		{http.MethodDelete, "/v1/users/ann", ""},
		{http.MethodDelete, "/v1/groups/staff", ""},
		{http.MethodDelete, "/v1/agents/shop", ""},
		{http.MethodPatch, "/v1/agents/shop", `{"start_page":"https://shop.example/x"}`},
		{http.MethodDelete, "/v1/applications/shop", ""},
		{http.MethodPatch, "/v1/applications/shop", `{"hosts":["evil.example"]}`},
		{http.MethodPatch, "/v1/authorization-policies/all", `{"rules":[]}`},
		{http.MethodPatch, "/v1/session-policy", `{"lifetime":"24h"}`},
		{http.MethodPut, "/v1/session-policy", `{"lifetime":"24h"}`},
	} {
		p := admin(t, clone, w.method, w.path, w.body, "X-Concord-Role", "master").refused(t, http.StatusConflict, "not_master")
		if p.Hint != master.Endpoint {
			t.Errorf("%s %s: the hint is %q, the master %s", w.method, w.path, p.Hint, master.Endpoint)
		}
	}
	// What was copied is not said to "exist" first: the way on is the master, not an adoption.
	admin(t, clone, http.MethodPut, "/v1/groups/staff", `{"name":"staff"}`, "If-None-Match", "*").refused(t, http.StatusConflict, "not_master")
	admin(t, clone, http.MethodDelete, "/v1/groups/not-copied-yet", "").refused(t, http.StatusConflict, "not_master") // FLT-24
	admin(t, clone, http.MethodPut, "/v1/data-center", `{"cluster_id":"LDC","role":"master"}`).refused(t, http.StatusConflict, "role_change")
	admin(t, clone, http.MethodPut, "/v1/data-center", `{"cluster_id":"LDC","role":"standalone"}`).refused(t, http.StatusConflict, "in_agreement")
	if v := clone.View(); v.Digest != digest {
		t.Errorf("the clone's digest was %s and is %s", digest, v.Digest)
	}
	clone.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", DisplayName: "London"})
}

// TestListsTellETagsWhenAsked: those of the objects, which a change can be made under.
func TestListsTellETagsWhenAsked(t *testing.T) {
	d := start(t)
	for _, name := range []string{"a", "b", "c"} {
		d.Put("/v1/groups/"+name, wire.Group{Name: name})
	}
	var page, without wire.Page[wire.GroupView]
	d.Get("/v1/groups?limit=2&etags=true", &page)
	d.Get("/v1/groups?limit=2", &without)
	if len(page.ETags) != 2 || page.ETags[1] != d.Get("/v1/groups/b", nil).ETag || without.ETags != nil {
		t.Errorf("got %q, and unasked %q", page.ETags, without.ETags)
	}
}
