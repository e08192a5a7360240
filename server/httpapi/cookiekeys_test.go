package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// keysOf reads the cookie keys of a purpose.
func keysOf(d *testkit.DataCenter, purpose string) (out []wire.CookieKey) {
	var v wire.CookieKeys
	d.Get("/v1/cookie-keys", &v)
	for _, k := range v.Keys {
		if k.Purpose == purpose {
			out = append(out, k)
		}
	}
	return out
}

// onKeys rotates or revokes.
func onKeys(t *testing.T, d *testkit.DataCenter, verb string, in any) (v wire.CookieKeys) {
	t.Helper()
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/cookie-keys/" + verb, In: in, Out: &v}); err != nil {
		t.Fatalf("%s %+v: %v", verb, in, err)
	}
	return v
}

// rotated waits until a purpose has another active key.
func rotated(t *testing.T, d *testkit.DataCenter, purpose string, was uint32) {
	t.Helper()
	d.Within(testkit.Limit, "the next key seals", func() bool { return activeKey(d, purpose) != was })
}

func activeKey(d *testkit.DataCenter, purpose string) uint32 {
	for _, k := range keysOf(d, purpose) {
		if k.State == "active" {
			return k.ID
		}
	}
	return 0
}

// FLT-23: a key is distributed, acknowledged, used and retired; cookies of before and after are good at both data centers. Only the
// master changes keys, and no answer holds one.
func TestCookieKeysAreRotatedOnDemand(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	before := testkit.NewBrowser(t, both...)
	before.Open(app, "ann", testkit.Password)
	was := activeKey(nydc, "agent")
	onKeys(t, nydc, "rotate", wire.CookieKeyRotation{Purpose: "agent"})
	rotated(t, nydc, "agent", was)
	after := testkit.NewBrowser(t, both...)
	after.Open(app, "ann", testkit.Password)
	for _, at := range both {
		for name, b := range map[string]*testkit.Browser{"before": before, "after": after} {
			if a := app.Through(at).Authorize(b.AgentCookie(app)); a.User != "ann" {
				t.Errorf("a cookie from %s the rotation at %s: %s %s", name, at.ClusterID, a.Decision, a.Reason)
			}
		}
	}
	keys := keysOf(nydc, "agent")
	if len(keys) != 2 || keys[0].State != "retired" || keys[0].OpensUntil == nil || keys[1].State != "active" || !slices.Equal(keys[1].Acknowledged, []string{"NYDC", "LDC"}) || len(keys[1].Missing) > 0 {
		t.Errorf("keys after the rotation: %+v", keys)
	}
	if other := keysOf(nydc, "sign-in"); len(other) != 1 || other[0].State != "active" {
		t.Errorf("keys of another purpose: %+v", other)
	}
	for _, path := range []string{"/v1/cookie-keys", "/v1/cookie-keys/rotate", "/v1/cookie-keys/revoke"} {
		method := http.MethodPost
		if path == "/v1/cookie-keys" {
			method = http.MethodGet
		}
		body := map[bool]string{true: "", false: `{"purpose":"agent"}`}[method == http.MethodGet]
		admin(t, ldc, method, path, body).refused(t, http.StatusConflict, "not_master")
		got := admin(t, nydc, method, path, body)
		if got.status != http.StatusOK || strings.Contains(got.body, "keyData") || strings.Contains(got.body, "primaryKeyId") || strings.Contains(got.body, "keyset") {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
	}
	for _, body := range []string{`{"purpose":"nonsense"}`, `{"purpose":"agent","key_id":7}`, `{}`} {
		admin(t, nydc, http.MethodPost, "/v1/cookie-keys/revoke", body).refused(t, http.StatusBadRequest, "invalid_input")
	}
	admin(t, nydc, http.MethodPost, "/v1/cookie-keys/rotate", `{"purpose":"nonsense"}`).refused(t, http.StatusBadRequest, "invalid_input")
	admin(t, nydc, http.MethodPost, "/v1/cookie-keys/revoke", `{"key_id":1}`).refused(t, http.StatusNotFound, "not_found")
}

// FLT-23: a key is not used before every data center has it, unless somebody says so; then those that lack it are named.
func TestCookieKeysWaitForEveryDataCenter(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	testkit.InStep(both...)
	ldc.Stop()
	was := activeKey(nydc, "agent")
	onKeys(t, nydc, "rotate", wire.CookieKeyRotation{Purpose: "agent"})
	onKeys(t, nydc, "rotate", wire.CookieKeyRotation{Purpose: "agent"}) // the one that is under way
	keys := keysOf(nydc, "agent")
	if len(keys) != 2 || keys[1].State != "pending" || !slices.Equal(keys[1].Missing, []string{"LDC"}) || activeKey(nydc, "agent") != was {
		t.Fatalf("keys while LDC is away: %+v", keys)
	}
	v := onKeys(t, nydc, "rotate", wire.CookieKeyRotation{Purpose: "code", Force: true})
	for _, k := range v.Keys {
		if k.Purpose == "code" && k.State == "active" && !slices.Equal(k.Missing, []string{"LDC"}) {
			t.Errorf("a key that was forced: %+v", k)
		}
	}
	if len(v.DataCenters) != 1 || v.DataCenters[0].Current {
		t.Errorf("data centers: %+v", v.DataCenters)
	}
	ldc.Start()
	rotated(t, nydc, "agent", was)
}

// Emergency: whatever a compromised key sealed is refused at once at every data center that is reached, and people sign in again.
// One that is cut off is named; it refuses as soon as it hears of it.
func TestCookieKeysAreRevoked(t *testing.T) {
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
	stolen := b.AgentCookie(app)
	v := onKeys(t, nydc, "revoke", wire.CookieKeyRevocation{Force: true})
	if len(v.DataCenters) != 1 || v.DataCenters[0].ClusterID != "LDC" || !v.DataCenters[0].Current {
		t.Fatalf("who has it: %+v", v.DataCenters)
	}
	for _, at := range both {
		if a := app.Through(at).Authorize(stolen); a.Decision != wire.DecisionChallenge {
			t.Errorf("a revoked key's cookie at %s: %s %s", at.ClusterID, a.Decision, a.Reason)
		}
	}
	if again := b.Open(app.Through(ldc), "ann", testkit.Password); !again.Asked || again.User != "ann" {
		t.Errorf("after the revocation: %+v", again)
	}
	ldc.Stop()
	one := activeKey(nydc, "agent")
	if v = onKeys(t, nydc, "revoke", wire.CookieKeyRevocation{KeyID: one}); v.DataCenters[0].Current {
		t.Errorf("who has it while LDC is away: %+v", v.DataCenters)
	}
	stolen = b.AgentCookie(app)
	ldc.Start()
	nydc.Within(testkit.Limit, "LDC refuses it", func() bool { return app.Through(ldc).Authorize(stolen).Decision == wire.DecisionChallenge })
	for _, k := range keysOf(nydc, "agent") {
		if k.ID == one && k.State != "revoked" {
			t.Errorf("the revoked key: %+v", k)
		}
	}
}

// FLT-23: a data center that was cut off from the master while a key came into use meets a cookie of it, asks the one that sealed
// it, once, and serves. What nobody sealed stays refused.
func TestCutOffCloneAsksForTheKey(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "TYO")
	testkit.Link(all[0], all[1], all[2])
	nydc, ldc, tyo := all[0], all[1], all[2]
	nydc.User("ann")
	app := nydc.Application("shop", shop)
	testkit.InStep(all...)
	way := testkit.NewProxy(t, nydc.PeerAddress)
	ldc.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{way.Address}, RESTEndpoint: nydc.Endpoint})
	way.Refuse(true)
	ldc.Stop() // with the question that is under way
	ldc.Start()
	onKeys(t, nydc, "rotate", wire.CookieKeyRotation{Force: true})
	tyo.Follows(nydc)
	b := testkit.NewBrowser(t, all...)
	if v := b.Open(app.Through(tyo), "ann", testkit.Password); v.User != "ann" {
		t.Fatalf("sign in at TYO: %+v", v)
	}
	if a := app.Through(ldc).Authorize(b.AgentCookie(app)); a.User != "ann" {
		t.Errorf("a cookie with a key that LDC has not: %s %s", a.Decision, a.Reason)
	}
	b.ForgetAgents()
	if v := b.Open(app.Through(ldc), "", ""); v.User != "ann" || v.Asked {
		t.Errorf("a visit with such a cookie: %+v", v)
	}
	if last := ldc.View().LastSequence; last >= nydc.View().LastSequence {
		t.Errorf("LDC was not cut off: it stands at %d", last)
	}
}
