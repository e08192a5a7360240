package configuration_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func override(kind, name, values string) *mdc.Override {
	return &mdc.Override{Kind: kind, Name: name, Values: json.RawMessage(values)}
}

func (w *world) override(o *mdc.Override) error {
	w.Helper()
	_, err := w.Put(w.ctx(), ann, mdc.OverrideKind(), o, configuration.Precondition{})
	return err
}

// shop is an application with all that it refers to.
func (w *world) shop() {
	w.Helper()
	w.put(mdc.AuthorizationPolicyKind(), &mdc.AuthorizationPolicy{Name: "all", Rules: []mdc.Rule{{Effect: "allow"}}})
	w.put(mdc.ApplicationKind(), &mdc.Application{Name: "shop", Hosts: []string{"shop.example"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{"/**"}, AuthorizationPolicy: "all"}}})
	w.put(mdc.AgentKind(), &mdc.Agent{Name: "web", Hosts: []string{"https://shop.example"}, Secret: mdc.NewSecret("0123456789abcdef")})
	w.put(mdc.SettingKind(), &mdc.Setting{Name: "banner", Value: "a"})
}

// TestOverrideIsLaidOver: readers here see it, and the object, its ETag, the digest and the journal stay as they were.
func TestOverrideIsLaidOver(t *testing.T) {
	w := start(t, options{})
	w.shop()
	before, err := w.Get(t.Context(), ann, mdc.ApplicationKind(), "shop")
	w.must(err)
	at := w.position()
	w.must(w.override(override("application", "shop", `{"hosts":["shop.ny.example"],"resources":{"r":{"authorization_policy":null},"new":{"paths":["/x"],"protection":"public"}}}`)))
	w.must(w.override(override("session_policy", "default", `{"sign_in_url":"https://login.ny.example"}`)))
	if now := w.position(); now != at {
		t.Errorf("the position moved from %+v to %+v", at, now)
	}
	res, err := w.Effective(t.Context(), ann, mdc.ApplicationKind(), "shop")
	w.must(err)
	want := &mdc.Application{Name: "shop", Hosts: []string{"shop.ny.example"}, Resources: map[string]mdc.Resource{
		"r": {Paths: []string{"/**"}, Protection: "protected"}, "new": {Paths: []string{"/x"}, Protection: "public"}}}
	if diff := cmp.Diff(want, res.Object); diff != "" {
		t.Error(diff)
	}
	fields := []string{"/hosts", "/resources/new/paths", "/resources/new/protection", "/resources/r/authorization_policy"}
	if diff := cmp.Diff(fields, res.Overridden); diff != "" || res.ETag != before.ETag {
		t.Errorf("ETag %s, was %s; %s", res.ETag, before.ETag, diff)
	}
	still, err := w.Get(t.Context(), ann, mdc.ApplicationKind(), "shop")
	w.must(err)
	if diff := cmp.Diff(before, still); diff != "" {
		t.Error(diff)
	}
	policy, err := w.Effective(t.Context(), ann, mdc.SessionPolicyKind(), mdc.SingletonName)
	w.must(err)
	if p := policy.Object.(*mdc.SessionPolicy); p.SignInURL != "https://login.ny.example" || p.Lifetime != mdc.DefaultSessionPolicy().Lifetime {
		t.Errorf("policy: %+v", p)
	}
	all, _, err := w.ListEffective(t.Context(), ann, mdc.ApplicationKind(), "", 10)
	w.must(err)
	if len(all) != 1 || len(all[0].Overridden) != 4 {
		t.Errorf("list: %+v", all)
	}
	w.must(w.Delete(t.Context(), ann, mdc.OverrideKind(), "application/shop", configuration.Precondition{}))
	if res, err = w.Effective(t.Context(), ann, mdc.ApplicationKind(), "shop"); err != nil || res.Overridden != nil {
		t.Errorf("after its deletion: %+v, %v", res, err)
	}
}

// TestOverrideRefusals: what no data center may have of its own, and what the object does not take.
func TestOverrideRefusals(t *testing.T) {
	cases := map[string]struct {
		o        *mdc.Override
		pointers []string
	}{
		"kind":               {override("user", "ann", `{"email":"a@example.com"}`), []string{"/kind"}},
		"unknown kind":       {override("x", "y", `{"a":1}`), []string{"/kind"}},
		"override":           {override("override", "setting/banner", `{"values":{"value":"x"}}`), []string{"/kind", "/name"}},
		"absent object":      {override("setting", "none", `{"value":"b"}`), []string{"/name"}},
		"singleton's name":   {override("session_policy", "x", `{"lifetime":"1h"}`), []string{"/name"}},
		"no values":          {override("setting", "banner", `{}`), []string{"/values"}},
		"no object":          {override("setting", "banner", `["value"]`), []string{"/values"}},
		"null":               {override("setting", "banner", `null`), []string{"/values"}},
		"too long":           {override("setting", "banner", `{"value":"`+strings.Repeat("x", 70_000)+`"}`), []string{"/values"}},
		"name":               {override("setting", "banner", `{"name":"banner"}`), []string{"/values/name"}},
		"secret":             {override("agent", "web", `{"secret":{"hash":"x"}}`), []string{"/values/secret"}},
		"secret as text":     {override("agent", "web", `{"secret":"0123456789abcdef"}`), []string{"/values/secret"}},
		"secret taken away":  {override("agent", "web", `{"secret":null}`), []string{"/values/secret"}},
		"secret, other case": {override("agent", "web", `{"Secret":{"hash":"x"}}`), []string{"/values/Secret"}},
		"unknown field":      {override("setting", "banner", `{"valeu":"b"}`), []string{"/values/valeu"}},
		"unknown below":      {override("application", "shop", `{"resources":{"r":{"Paths":["/x"]}}}`), []string{"/values/resources/r/Paths"}},
		"wrong type":         {override("setting", "banner", `{"value":5}`), []string{"/values"}},
		"invalid together":   {override("session_policy", "default", `{"lifetime":"20m"}`), []string{"/values/idle_timeout"}},
		"dangling":           {override("application", "shop", `{"resources":{"r":{"authorization_policy":"none"}}}`), []string{"/values/resources/r/authorization_policy"}},
		"taken away":         {override("agent", "web", `{"hosts":null}`), []string{"/values/hosts"}},
	}
	w := start(t, options{})
	w.shop()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			refused(t, w.override(tc.o), fault.Invalid, "invalid_input", tc.pointers...)
		})
	}
	if all, _, err := w.List(t.Context(), ann, mdc.OverrideKind(), "", 10); err != nil || len(all) != 0 {
		t.Errorf("written: %+v, %v", all, err)
	}
}

// TestOverrideThatNoLongerFits is left out, with the reason, and counts again as soon as it fits: a change that comes from
// the master cannot be refused here.
func TestOverrideThatNoLongerFits(t *testing.T) {
	w := start(t, options{})
	w.shop()
	idle, shop := override("session_policy", "default", `{"idle_timeout":"2h"}`), override("application", "shop", `{"resources":{"r":{"authorization_policy":"all"}}}`)
	w.must(w.override(idle))
	w.must(w.override(shop))
	fit := func(o *mdc.Override, kind mdc.Kind, why string) {
		t.Helper()
		misfits, err := w.Fit(t.Context(), ann, o)
		w.must(err)
		res, err := w.Effective(t.Context(), ann, kind, o.Name)
		if why == "gone" {
			if !fault.Is(err, fault.NotFound) || len(misfits) != 1 || misfits[0].Pointer != "/name" {
				t.Errorf("misfits %+v, %v", misfits, err)
			}
			return
		}
		w.must(err)
		if (len(misfits) > 0) != (why != "") || (len(res.Overridden) > 0) != (why == "") || why != "" && misfits[0].Pointer != why {
			t.Errorf("misfits %+v, overridden %q", misfits, res.Overridden)
		}
	}
	fit(idle, mdc.SessionPolicyKind(), "")
	short := mdc.DefaultSessionPolicy()
	short.Lifetime = mdc.Duration(time.Hour)
	w.put(mdc.SessionPolicyKind(), short)
	fit(idle, mdc.SessionPolicyKind(), "/values/idle_timeout")
	w.put(mdc.SessionPolicyKind(), mdc.DefaultSessionPolicy())
	fit(idle, mdc.SessionPolicyKind(), "")

	refused(t, w.Delete(t.Context(), ann, mdc.ApplicationKind(), "shop", configuration.Precondition{}), fault.Conflict, "in_use")
	w.put(mdc.ApplicationKind(), &mdc.Application{Name: "shop", Hosts: []string{"shop.example"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{"/**"}}}})
	w.must(w.Delete(t.Context(), ann, mdc.AuthorizationPolicyKind(), "all", configuration.Precondition{}))
	fit(shop, mdc.ApplicationKind(), "/values/resources/r/authorization_policy")
	w.must(w.log.Update(t.Context(), func(tx *journal.Tx) error { return tx.Delete(mdc.ApplicationKind(), "shop", "replication") }))
	fit(shop, mdc.ApplicationKind(), "gone")
}

// TestOverrideSpelling: one override for an object, whatever the order and white space of its values.
func TestOverrideSpelling(t *testing.T) {
	w := start(t, options{})
	w.shop()
	first := w.put(mdc.OverrideKind(), override("setting", "banner", `{"value":"b","description":"d"}`))
	second := w.put(mdc.OverrideKind(), override("setting", "banner", "{ \"description\": \"d\",\n \"value\" : \"b\" }"))
	if first.Outcome != configuration.Created || second.Outcome != configuration.Unchanged || first.ETag != second.ETag {
		t.Errorf("%+v, %+v", first, second)
	}
}
