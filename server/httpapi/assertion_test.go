package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// published is a data center's key set as an application fetches it.
func published(t *testing.T, d *testkit.DataCenter) jose.JSONWebKeySet {
	t.Helper()
	got := send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/.well-known/jwks.json"})
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(got.body), &set); err != nil || got.header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("key set: %v, %v", err, got.header)
	}
	return set
}

// TestAssertionsOfEveryDataCenterAreVerifiedAtOne: an application knows one address of keys, and its agent may be served by another
// data center. Only an allow with a person carries an assertion, and it is for the agent that asked.
func TestAssertionsOfEveryDataCenterAreVerifiedAtOne(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	b.Open(app, "ann", testkit.Password)
	nydc.Within(30*time.Second, "LDC's keys are known", func() bool { return len(published(t, nydc).Keys) == 2 })
	for _, at := range []*testkit.DataCenter{nydc, ldc} {
		got := app.Through(at).Authorize(b.AgentCookie(app))
		token, err := jwt.ParseSigned(got.Headers[wire.HeaderAssertion], []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatalf("at %s: %v in %+v", at.ClusterID, err, got)
		}
		var claims jwt.Claims
		if err := token.Claims(published(t, nydc), &claims); err != nil {
			t.Fatalf("at %s: %v", at.ClusterID, err)
		}
		if err := claims.Validate(jwt.Expected{Issuer: at.ClusterID, Subject: "ann", AnyAudience: jwt.Audience{"shop"}, Time: time.Now()}); err != nil {
			t.Errorf("at %s: %v", at.ClusterID, err)
		}
	}
	if got := app.Authorize(""); got.Headers[wire.HeaderAssertion] != "" {
		t.Errorf("nobody is asserted: %+v", got)
	}
}
