package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// openCenter is NYDC in mode open with the partner FAKE, which the test plays.
func openCenter(t *testing.T) *testkit.DataCenter {
	t.Helper()
	d := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC")[0]
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "open"})
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	return d
}

// askOpen asks as FAKE over a connection of its own, which stays open after the answer, if there is one: the channel tells its end.
func askOpen(t *testing.T, d *testkit.DataCenter, target string, answered bool) <-chan error {
	t.Helper()
	conn, err := net.Dial("tcp", d.PeerAddress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	proof := proveOpen(sharedKey("concord-open-1", phrase), openAsk{method: http.MethodGet, target: target})
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nX-Concord-Proof: %s\r\n\r\n", target, proof); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if answered {
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	end := make(chan error, 1)
	go func() {
		_, err := r.ReadByte()
		end <- err
	}()
	return end
}

// TestWithdrawnTrustEndsWhatPartnersHoldOpenInModeOpen: where no TLS says whose a connection is, the proof of its last request does: an
// idle one and a long poll end when the partner is removed, and when the mode changes (SEC-43, FLT-22).
func TestWithdrawnTrustEndsWhatPartnersHoldOpenInModeOpen(t *testing.T) {
	t.Parallel()
	for name, withdraw := range map[string]func(*testkit.DataCenter){
		removed: func(d *testkit.DataCenter) { d.Delete("/v1/partners/FAKE") },
		"the mode is another one": func(d *testkit.DataCenter) {
			d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "cert"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openCenter(t)
			first := openAsk{method: http.MethodGet, target: "/peer/v1/trust?after=0&crl=0&wait=0s"}
			got := sendOpen(t, d, first, proveOpen(sharedKey("concord-open-1", phrase), first))
			var have wire.PeerTrust
			if err := json.Unmarshal([]byte(withoutFrames(got.body)), &have); err != nil {
				t.Fatal(err, got)
			}
			idle := askOpen(t, d, "/peer/v1/hello", true)
			poll := askOpen(t, d, fmt.Sprintf("/peer/v1/trust?after=%d&crl=%d&wait=25s", have.Sequence, have.Number), false)
			d.Within(testkit.Limit, "the long poll is under way", func() bool { // what it says to have is its acknowledgement
				var v wire.TrustBundle
				d.Get("/v1/trust/bundle", &v)
				return len(v.Rotation.Partners) == 1 && v.Rotation.Partners[0].AcknowledgedSequence == have.Sequence
			})
			withdraw(d)
			ended(t, "an idle connection", idle)
			ended(t, "a long poll", poll)
		})
	}
}

// withoutFrames gives the body of an answer of mode open without the proofs of its frames: a length of four bytes, so many, and 32 of proof.
func withoutFrames(body string) (out string) {
	for len(body) >= 4 {
		n := int(body[0])&0x7f<<24 | int(body[1])<<16 | int(body[2])<<8 | int(body[3])
		if len(body) < 4+n+32 {
			break
		}
		out += body[4 : 4+n]
		body = body[4+n+32:]
	}
	return out
}

// TestWithdrawnTrustEndsWhatIsAskedInModeOpen: the other direction: a real partner is asked for something that does not come, and is
// removed. The connection ends, and with it the question (SEC-43, FLT-22).
func TestWithdrawnTrustEndsWhatIsAskedInModeOpen(t *testing.T) {
	t.Parallel()
	all := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	for _, d := range all {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: "standalone", SecurityMode: "open"})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	}
	ldn.Shares(ny, phrase)
	target, err := url.Parse("http://" + ldn.PeerAddress)
	if err != nil {
		t.Fatal(err)
	}
	to := &httputil.ReverseProxy{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	begun, gone := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	middle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/peer/v1/test" {
			to.ServeHTTP(w, r)
			return
		}
		once.Do(func() { close(begun) })
		<-r.Context().Done()
		select {
		case gone <- r.Context().Err():
		default:
		}
	}))
	t.Cleanup(middle.Close)
	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{strings.TrimPrefix(middle.URL, "http://")}, Passphrase: phrase})
	background(t, func(ctx context.Context) {
		_, _ = ny.Admin().Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Timeout: -1})
	})
	<-begun
	ny.Delete("/v1/partners/LDC")
	ended(t, "/peer/v1/test", gone)
}
