package httpapi_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// joinToken has a data center make a token.
func joinToken(t *testing.T, d *testkit.DataCenter, in wire.JoinTokenRequest) (wire.JoinTokenMade, wire.JoinToken) {
	t.Helper()
	var made wire.JoinTokenMade
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/join-tokens", In: in, Out: &made}); err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseJoinToken(made.Token)
	if err != nil {
		t.Fatal(err)
	}
	return made, token
}

// pinned opens the connection that a token's holder opens.
func pinned(t *testing.T, token wire.JoinToken) *client.Pinned {
	t.Helper()
	p, err := client.OpenPinned(t.Context(), client.PinOf(token))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func enroll(t *testing.T, token wire.JoinToken, csr string) (out wire.CertificateMade, err error) {
	t.Helper()
	_, err = pinned(t, token).Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/peer/v1/enroll", Out: &out,
		In: wire.PeerEnroll{ID: token.ID, Purpose: token.Purpose, Secret: token.Secret, CSRPEM: csr}})
	return out, err
}

// TestEnrolment: a token buys one certificate of the identity that it names, for a key that never left its place, and the one who shows
// it knows whom he talks to (TAM-06).
func TestEnrolment(t *testing.T) {
	d := start(t)
	for purpose, id := range map[string]string{wire.JoinNode: "spiffe://nydc/node/ny2", wire.JoinAgent: "spiffe://nydc/agent/ny2", wire.JoinAdministrator: "spiffe://nydc/admin/ny2"} {
		made, token := joinToken(t, d, wire.JoinTokenRequest{Purpose: purpose, Name: "ny2"})
		if strings.Contains(made.Token, "ny2") || made.State != "open" || made.CreatedBy != "token:bootstrap" || made.ExpiresAt.Sub(made.CreatedAt) != 15*time.Minute {
			t.Errorf("%s: %+v", purpose, made.JoinTokenView)
		}
		csr, key := signingRequest(t, id)
		got, err := enroll(t, token, csr)
		if err != nil {
			t.Fatalf("%s: %v", purpose, err)
		}
		if _, err := tls.X509KeyPair([]byte(got.CertificatePEM), key); err != nil || got.Identity != id || got.CAPEM != d.CACertPEM {
			t.Errorf("%s: %+v, %v", purpose, got, err)
		}
		_, err = enroll(t, token, csr)
		wantFault(t, err, fault.Forbidden, "join_token_used")
	}
	var page wire.Page[wire.JoinTokenView]
	d.Get("/v1/trust/join-tokens", &page)
	for _, v := range page.Items {
		if v.State != "used" || v.UsedAt == nil || v.UsedFrom != "127.0.0.1" {
			t.Errorf("%+v", v)
		}
	}
	if len(page.Items) != 3 {
		t.Errorf("%d tokens are listed", len(page.Items))
	}
}

// TestTokenIsSpentOnce: forty at once show one token, and one gets a certificate; a restart forgets nothing.
func TestTokenIsSpentOnce(t *testing.T) {
	d := start(t)
	_, token := joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "web"})
	csr, _ := signingRequest(t, "spiffe://nydc/agent/web")
	in := client.Request{Method: http.MethodPost, Path: "/peer/v1/enroll", In: wire.PeerEnroll{ID: token.ID, Purpose: token.Purpose, Secret: token.Secret, CSRPEM: csr}, Retry: true}
	var wg sync.WaitGroup
	var won, lost atomic.Int32
	for range 40 {
		wg.Go(func() {
			c, err := client.New(client.Config{Endpoint: "https://" + d.PeerAddress, TLS: &tls.Config{InsecureSkipVerify: true}, MaxRetries: 100}) //nolint:gosec // the test trusts the address
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			switch _, err := c.Do(t.Context(), in); {
			case err == nil:
				won.Add(1)
			case fault.CodeOf(err) == "join_token_used":
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 39 {
		t.Errorf("%d succeeded, %d were refused", won.Load(), lost.Load())
	}
	d.Stop()
	d.Start()
	_, err := enroll(t, token, csr)
	wantFault(t, err, fault.Forbidden, "join_token_used")
}

// TestTokenBounds: a token is for its purpose, its name and its time; who guesses locks it, and learns nothing.
func TestTokenBounds(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	csr, _ := signingRequest(t, "spiffe://nydc/agent/web")
	fresh := func() wire.JoinToken {
		_, token := joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "web", TTL: "2m"})
		return token
	}
	refused := func(name string, token wire.JoinToken, csr, code string) {
		t.Helper()
		if _, err := enroll(t, token, csr); fault.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
		now.Advance(2 * time.Second) // strangers' share comes back
	}
	token := fresh()
	other := token
	other.Purpose = wire.JoinAdministrator
	refused("another purpose", other, csr, "join_token_purpose")
	other = token
	other.ID = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	refused("unknown", other, csr, "join_token_refused")
	if _, err := enroll(t, token, csr); err != nil {
		t.Errorf("after the attempts: %v", err)
	}
	admin, _ := signingRequest(t, "spiffe://nydc/admin/web")
	token = fresh()
	refused("another name in the request", token, admin, "invalid_input")
	refused("spent by that", token, csr, "join_token_used")
	token = fresh()
	guess := token
	guess.Secret = make([]byte, 32)
	for range 5 {
		refused("wrong secret", guess, csr, "join_token_refused")
	}
	refused("locked", token, csr, "join_token_refused")
	token = fresh()
	now.Advance(2 * time.Minute)
	refused("expired", token, csr, "join_token_expired")
	token = fresh()
	d.Delete("/v1/trust/join-tokens/" + token.ID)
	refused("withdrawn", token, csr, "join_token_revoked")
	states := map[string]int{}
	var page wire.Page[wire.JoinTokenView]
	d.Get("/v1/trust/join-tokens", &page)
	for _, v := range page.Items {
		states[v.State]++
	}
	if states["used"] != 2 || states["locked"] != 1 || states["expired"] != 1 || states["revoked"] != 1 {
		t.Errorf("states: %v", states)
	}
	for body, pointer := range map[string]string{
		`{"purpose":"root"}`:                                       "/purpose",
		`{"purpose":"agent"}`:                                      "/name",
		`{"purpose":"agent","name":"a/../b"}`:                      "/name",
		`{"purpose":"node","name":"n-1"}`:                          "/name",
		`{"purpose":"data_center","cluster_id":"nydc"}`:            "/cluster_id",
		`{"purpose":"data_center","cluster_id":"a b"}`:             "/cluster_id",
		`{"purpose":"data_center","name":"LDC"}`:                   "/name",
		`{"purpose":"agent","name":"a","cluster_id":"LDC"}`:        "/cluster_id",
		`{"purpose":"agent","name":"a","ttl":"25h"}`:               "/ttl",
		`{"purpose":"agent","name":"a","ttl":"1s"}`:                "/ttl",
		`{"purpose":"agent","name":"a","ttl":"-5m"}`:               "/ttl",
		`{"purpose":"agent","name":"a","endpoints":["x"]}`:         "/endpoints",
		`{"purpose":"agent","name":"a","endpoints":["u@x:1"]}`:     "/endpoints",
		`{"purpose":"agent","name":"a","endpoints":["https://x"]}`: "/endpoints",
	} {
		p := send(t, d, ask{method: http.MethodPost, url: d.Endpoint + "/v1/trust/join-tokens", body: body,
			header: http.Header{"Authorization": {"Bearer " + d.Token}, "Content-Type": {"application/json"}}}).refused(t, http.StatusBadRequest, "invalid_input")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
}

// TestTokenDoesNotOutliveARevocation: an identity that is revoked after its token was made is not brought back by the token,
// and gets no other one until an administrator has issued it a certificate (TAM-06).
func TestTokenDoesNotOutliveARevocation(t *testing.T) {
	d := start(t)
	d.Certify("agent", "web", "")
	_, token := joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "web"})
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificate-revocations", In: wire.CertificateWithdrawal{Identity: "spiffe://nydc/agent/web"}}); err != nil {
		t.Fatal(err)
	}
	csr, _ := signingRequest(t, "spiffe://nydc/agent/web")
	if _, err := enroll(t, token, csr); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
	var before, after wire.Page[wire.JoinTokenView]
	d.Get("/v1/trust/join-tokens", &before)
	asked := client.Request{Method: http.MethodPost, Path: "/v1/trust/join-tokens", In: wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "web"}}
	_, err := d.Do(asked)
	wantFault(t, err, fault.Conflict, "identity_revoked")
	if err != nil && !strings.Contains(err.Error(), "concord trust issue") {
		t.Errorf("it does not say what to do: %v", err)
	}
	if d.Get("/v1/trust/join-tokens", &after); len(after.Items) != len(before.Items) {
		t.Errorf("a token was made: %+v", after.Items)
	}
	joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinAdministrator, Name: "web"}) // another identity of that name
	d.Certify("agent", "web", "")                                                        // an administrator may
	joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "web"})
}

// TestTokenTextIsParsedStrictly: what is no token is refused without being repeated.
func TestTokenTextIsParsedStrictly(t *testing.T) {
	d := start(t)
	made, token := joinToken(t, d, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter, Endpoints: []string{"ny.example.com:7402", "[::1]:7402"}})
	if token.Issuer != "NYDC" || len(token.Endpoints) != 2 || len(token.Roots) != 1 || len(token.Secret) != 32 {
		t.Errorf("%#v", token)
	}
	if text := token.String(); strings.Contains(text, made.Token) || !strings.Contains(text, token.ID) {
		t.Errorf("it prints as %q", text)
	}
	for name, text := range map[string]string{"empty": "", "another version": strings.Replace(made.Token, "-1.", "-2.", 1), "cut": made.Token[:len(made.Token)-4], "padded": made.Token + "==",
		"inner space": made.Token[:40] + " " + made.Token[40:], "long": made.Token + strings.Repeat("A", 5000), "no JSON": "concord-join-1.AAAA"} {
		if _, err := wire.ParseJoinToken(text); err == nil || len(text) > 20 && strings.Contains(err.Error(), text[15:]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
