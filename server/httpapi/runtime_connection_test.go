package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestCredentialsAreRememberedWithTheConnectionOnly: on one open connection the right secret lets in again and again, every other one is
// refused, and what was right is refused at once when the agent has another secret or is gone (SEC-31, SEC-35).
func TestCredentialsAreRememberedWithTheConnectionOnly(t *testing.T) {
	d, app := signInHost(t)
	pool := &http.Transport{TLSClientConfig: d.TLS(), MaxConnsPerHost: 1}
	defer pool.CloseIdleConnections()
	reused := 0
	expect := func(what, authorization string, status int) {
		t.Helper()
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				reused++
			}
		}})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.RuntimeURL+"/session/v1/authorize", strings.NewReader(`{"method":"GET","scheme":"https","host":"shop.example","target":"/"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {authorization}}
		res, err := pool.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != status {
			t.Errorf("%s: %d, want %d (%v)", what, res.StatusCode, status, err)
		}
	}
	right := basic(app.Agent, app.Secret)
	for range 3 {
		expect("right", right, http.StatusOK)
	}
	expect("wrong", basic(app.Agent, "wrong"), http.StatusUnauthorized)
	expect("its beginning", right[:len(right)-4], http.StatusUnauthorized)
	expect("another agent", basic("bank", app.Secret), http.StatusUnauthorized)
	expect("none", "", http.StatusUnauthorized)
	expect("right again", right, http.StatusOK)
	d.Put("/v1/agents/shop", wire.Agent{Name: "shop", Hosts: []string{shop}, Secret: "another secret, long enough"})
	expect("the former one", right, http.StatusUnauthorized)
	next := basic(app.Agent, "another secret, long enough")
	expect("the new one", next, http.StatusOK)
	expect("the new one", next, http.StatusOK)
	d.Delete("/v1/agents/shop")
	expect("of an agent that is gone", next, http.StatusUnauthorized)
	if reused < 5 {
		t.Errorf("only %d requests went over a connection that was open", reused)
	}
}
