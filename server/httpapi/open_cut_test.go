package httpapi_test

import (
	"bufio"
	"context"
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

// askOpen asks as FAKE over a connection of its own, which stays open after the answer: the channel tells its end.
func askOpen(t *testing.T, d *testkit.DataCenter, target string) <-chan error {
	t.Helper()
	r := sendHead(t, d, openAsk{method: http.MethodGet, target: target}, "")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return endOf(r)
}

// beginOpen begins a request as FAKE, and returns when its proof was taken and the server waits for the body, which does not come.
func beginOpen(t *testing.T, d *testkit.DataCenter) <-chan error {
	t.Helper()
	ask := openAsk{method: http.MethodPost, target: "/peer/v1/sessions/events", body: `{"events":[]}`, header: http.Header{"Content-Type": {"application/json"}}}
	r := sendHead(t, d, ask, fmt.Sprintf("Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", len(ask.body)))
	for range 2 { // the interim answer and the empty line behind it
		line, err := r.ReadString('\n')
		if err != nil || line != "HTTP/1.1 100 Continue\r\n" && line != "\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	return endOf(r)
}

func sendHead(t *testing.T, d *testkit.DataCenter, ask openAsk, more string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", d.PeerAddress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	proof := proveOpen(sharedKey("concord-open-1", phrase), ask)
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n%sX-Concord-Proof: %s\r\n\r\n", ask.method, ask.target, more, proof); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(conn)
}

func endOf(r *bufio.Reader) <-chan error {
	end := make(chan error, 1)
	go func() {
		_, err := r.ReadByte()
		end <- err
	}()
	return end
}

// TestWithdrawnTrustEndsWhatPartnersHoldOpenInModeOpen: where no TLS says whose a connection is, the proof of its last request does: an
// idle one and one with a request under way end when the partner is removed, and when the mode changes (SEC-43, FLT-22).
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
			idle := askOpen(t, d, "/peer/v1/hello")
			asked := beginOpen(t, d)
			withdraw(d)
			ended(t, "an idle connection", idle)
			ended(t, "a request under way", asked)
		})
	}
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
