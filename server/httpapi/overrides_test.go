package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// lay writes an override; the test fails when it is refused.
func lay(d *testkit.DataCenter, kind, name, values string) {
	d.Put("/v1/overrides/"+kind+"/"+name, wire.Override{Kind: kind, Name: name, Values: json.RawMessage(values)})
}

// TestOverridesStayInTheirDataCenter: a clone shows and uses its own values, marks them, and stays equal to its master.
func TestOverridesStayInTheirDataCenter(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	master.Put("/v1/settings/banner", wire.Setting{Name: "banner", Value: "New York"})
	_, digest := testkit.InStep(master, clone)
	lay(clone, "setting", "banner", `{"value":"London"}`)
	var here, there, stored wire.SettingView
	at := clone.Get("/v1/settings/banner", &here)
	from := master.Get("/v1/settings/banner", &there)
	clone.Get("/v1/settings/banner?stored=true", &stored)
	if here.Value != "London" || !slices.Equal(here.Overridden, []string{"/value"}) || there.Value != "New York" || there.Overridden != nil || stored.Value != "New York" || at.ETag != from.ETag {
		t.Errorf("at the clone %+v (%s), stored %+v, at the master %+v (%s)", here, at.ETag, stored, there, from.ETag)
	}
	if got := admin(t, clone, http.MethodGet, "/v1/settings/banner", "", "If-None-Match", at.ETag); got.status != http.StatusOK {
		t.Errorf("the ETag vouches for a value that is not its own: %d", got.status)
	}
	var page wire.Page[wire.SettingView]
	if clone.Get("/v1/settings", &page); len(page.Items) != 1 || page.Items[0].Value != "London" {
		t.Errorf("list: %+v", page)
	}
	if v := clone.View(); v.Digest != digest {
		t.Errorf("the digest is %s, was %s", v.Digest, digest)
	}
	master.Put("/v1/settings/banner", wire.Setting{Name: "banner", Value: "Boston", Description: "d"})
	testkit.InStep(master, clone)
	if clone.Get("/v1/settings/banner", &here); here.Value != "London" || here.Description != "d" {
		t.Errorf("after a change at the master: %+v", here)
	}
	clone.Delete("/v1/overrides/setting/banner")
	if clone.Get("/v1/settings/banner", &here); here.Value != "Boston" {
		t.Errorf("without it: %+v", here)
	}
}

// TestOverridesAreInForce: requests of people and agents follow the override at once, in both directions, and one that a
// replicated change made impossible is left out with its reason.
func TestOverridesAreInForce(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	master, clone := both[0], both[1]
	testkit.Link(master, clone)
	master.User("ann")
	master.Put("/v1/authorization-policies/none", wire.AuthorizationPolicy{Name: "none", Rules: []wire.Rule{{Effect: "deny"}}})
	app := master.Application("shop", "https://shop.example")
	testkit.InStep(master, clone)
	opens := func(d *testkit.DataCenter) bool {
		b, here := testkit.NewBrowser(t, both...), app.Through(d)
		b.Open(here, "ann", testkit.Password)
		return here.Authorize(b.AgentCookie(here)).Decision == wire.DecisionAllow
	}
	if !opens(clone) {
		t.Fatal("it does not open without an override")
	}
	lay(clone, "application", "shop", `{"resources":{"all":{"authorization_policy":"none"}}}`)
	if opens(clone) {
		t.Error("the override is not in force at the clone")
	}
	if !opens(master) {
		t.Error("the override is in force at the master")
	}
	var v wire.OverrideView
	if clone.Get("/v1/overrides/application/shop", &v); !v.Applied || v.Reason != "" || v.ID != "application/shop" {
		t.Errorf("override: %+v", v)
	}
	master.Delete("/v1/authorization-policies/none")
	testkit.InStep(master, clone)
	if clone.Get("/v1/overrides/application/shop", &v); v.Applied || !strings.Contains(v.Reason, `there is no authorization_policy named "none"`) {
		t.Errorf("override: %+v", v)
	}
	if !opens(clone) {
		t.Error("what cannot be applied is applied")
	}
	master.Delete("/v1/applications/shop")
	testkit.InStep(master, clone)
	if clone.Get("/v1/overrides/application/shop", &v); v.Applied || !strings.Contains(v.Reason, `there is no application named "shop"`) {
		t.Errorf("override: %+v", v)
	}
}

// TestOverrideBodies: the address names the object, and what is not the data center's own to say is refused.
func TestOverrideBodies(t *testing.T) {
	d := start(t)
	d.Put("/v1/settings/banner", wire.Setting{Name: "banner", Value: "a"})
	for _, c := range []struct{ path, body, pointer string }{
		{"/v1/overrides/setting/banner", `{"kind":"setting","name":"other","values":{"value":"b"}}`, "/name"},
		{"/v1/overrides/setting/banner", `{"kind":"agent","name":"banner","values":{"value":"b"}}`, "/name"},
		{"/v1/overrides/user/ann", `{"kind":"user","name":"ann","values":{"email":"b"}}`, "/kind"},
		{"/v1/overrides/setting/none", `{"kind":"setting","name":"none","values":{"value":"b"}}`, "/name"},
		{"/v1/overrides/setting/banner", `{"kind":"setting","name":"banner","values":"x"}`, "/values"},
		{"/v1/overrides/setting/banner", `{"kind":"setting","name":"banner"}`, "/values"},
		{"/v1/overrides/setting/banner", `{"kind":"setting","name":"banner","values":{"value":"b","value":"c"}}`, "/values/value"},
	} {
		p := admin(t, d, http.MethodPut, c.path, c.body).refused(t, http.StatusBadRequest, "invalid_input")
		if len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer {
			t.Errorf("%s: %+v", c.body, p.Errors)
		}
	}
}
