package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// cutLimit is how soon what is open has to end when trust is taken away (SEC-43, FLT-22). Without that every case below would stay
// open for longer.
const cutLimit = 5 * time.Second

const removed = "the partner is removed"

// withdrawals are the ways in which an administrator takes trust in FAKE away.
func withdrawals() map[string]func(*testkit.DataCenter) {
	return map[string]func(*testkit.DataCenter){
		removed:                          func(d *testkit.DataCenter) { d.Delete("/v1/partners/FAKE") },
		"its certificate is removed":     func(d *testkit.DataCenter) { d.Delete("/v1/trust/certificates/fake") },
		"its certificate is for another": func(d *testkit.DataCenter) { rescope(d) },
	}
}

func rescope(d *testkit.DataCenter) {
	var v wire.TrustedCertificateView
	d.Get("/v1/trust/certificates/fake", &v)
	v.Partner = "LDC"
	d.Put("/v1/trust/certificates/fake", v.TrustedCertificate)
}

// following makes NYDC a master whose clone is FAKE.
func following(t *testing.T, d *testkit.DataCenter, cfg *tls.Config) {
	t.Helper()
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	if got := peer(t, d, cfg, http.MethodPut, "/peer/v1/replication/agreements/FAKE-NYDC-1", fmt.Sprintf(fakeAgreement, "FAKE-NYDC-1", "FAKE", false)); got.status != http.StatusOK {
		t.Fatalf("install: %d %s", got.status, got.body)
	}
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{Force: true}}); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(wire.PeerFollow{PeerAgreement: wire.PeerAgreement{Identifier: "NYDC-FAKE-2", Name: "n", Source: "NYDC", Target: "FAKE", DocumentType: "ENTITY",
		Enabled: true, PollInterval: "15m", Follow: true}})
	if err != nil {
		t.Fatal(err)
	}
	if got := peer(t, d, cfg, http.MethodPost, "/peer/v1/mastership/follow", string(b)); got.status != http.StatusOK {
		t.Fatalf("follow: %d %s", got.status, got.body)
	}
}

// ended waits for the end of one connection or answer, and says whether it came in time.
func ended(t *testing.T, what string, end <-chan error) {
	t.Helper()
	select {
	case err := <-end:
		if err == nil {
			t.Errorf("%s: it came to its regular end", what)
		}
	case <-time.After(cutLimit):
		t.Errorf("%s: still open after %s", what, cutLimit)
	}
}

// TestWithdrawnTrustEndsWhatPartnersHoldOpen: a partner has an idle connection, a long poll over HTTP/2 and a content half read when
// trust in it is taken away: all end at once, new connections are refused, and so they are after a restart (SEC-43, FLT-22). One of the ways
// is that the partner is removed (OAM-43).
func TestWithdrawnTrustEndsWhatPartnersHoldOpen(t *testing.T) {
	t.Parallel()
	for name, withdraw := range withdrawals() {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			cfg := stranger(t, d)
			if name == removed { // a partner that is in an agreement cannot be
				idle := idleConnection(t, d, cfg)
				withdraw(d)
				ended(t, "an idle connection", idle)
				refusedAnew(t, d, cfg)
				return
			}
			following(t, d, cfg)
			p := d.Package(wire.Package{Name: "p"}, bytes.Repeat([]byte("0123456789abcdef"), 2<<20))
			idle, poll, content := idleConnection(t, d, cfg), longPoll(t, d, cfg), halfRead(t, d, cfg, p)
			withdraw(d)
			ended(t, "an idle connection", idle)
			ended(t, "a long poll", poll)
			ended(t, "a content", content())
			refusedAnew(t, d, cfg)
			d.Stop()
			d.Start()
			refusedAnew(t, d, cfg)
		})
	}
}

func refusedAnew(t *testing.T, d *testkit.DataCenter, cfg *tls.Config) {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: cfg.Clone(), DisableKeepAlives: true}
	if res, err := (&http.Client{Transport: pool, Timeout: 10 * time.Second}).Get("https://" + d.PeerAddress + "/peer/v1/hello"); err == nil {
		_ = res.Body.Close()
		t.Errorf("a new connection gets %d", res.StatusCode)
	}
}

// idleConnection asks once over HTTP/1.1 and keeps the connection open.
func idleConnection(t *testing.T, d *testkit.DataCenter, cfg *tls.Config) <-chan error {
	t.Helper()
	conn, err := tls.Dial("tcp", d.PeerAddress, cfg.Clone())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "GET /peer/v1/hello HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	end := make(chan error, 1)
	go func() {
		_, err := r.ReadByte()
		end <- err
	}()
	return end
}

// longPoll waits over HTTP/2 for a change that does not come.
func longPoll(t *testing.T, d *testkit.DataCenter, cfg *tls.Config) <-chan error {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(pool.CloseIdleConnections)
	v := d.View()
	url := fmt.Sprintf("https://%s/peer/v1/replication/journal?agreement=NYDC-FAKE-2&after=%d&epoch=%d&epoch_holder=%s&digest=%s&wait=30s", d.PeerAddress, v.LastSequence, v.Epoch, v.EpochHolder, v.Digest)
	get := func(url string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := pool.RoundTrip(req)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil && (res.StatusCode != http.StatusOK || res.ProtoMajor != 2) {
			t.Errorf("long poll: %s %d %s", res.Proto, res.StatusCode, b)
		}
		return err
	}
	if err := get(strings.Replace(url, "wait=30s", "wait=0s", 1)); err != nil { // over the connection that the poll will use
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- get(url) }()
	return end
}

// halfRead begins to read a content; the rest is read when what it gives is called.
func halfRead(t *testing.T, d *testkit.DataCenter, cfg *tls.Config, p wire.Package) func() <-chan error {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(pool.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+d.PeerAddress+"/peer/v1/blobs/"+p.SHA256, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := pool.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if _, err := io.ReadFull(res.Body, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	return func() <-chan error {
		end := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, res.Body)
			end <- err
		}()
		return end
	}
}

// holder is a partner that the test runs: it answers nothing but a hello to its end, and tells when a caller has gone.
type holder struct {
	address string
	copying bool // a clone is told to take a first copy

	mu    sync.Mutex // guards all below
	begun map[string]bool
	gone  map[string]chan error
}

func hold(t *testing.T, cert tls.Certificate, copying bool) *holder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{address: l.Addr().String(), copying: copying, begun: map[string]bool{}, gone: map[string]chan error{}}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return h
}

// ServeHTTP begins an answer of 1 KiB and keeps the rest until the caller goes.
func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(wire.HeaderCluster, "FAKE")
	if r.URL.Path == "/peer/v1/hello" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(wire.PeerHello{ClusterID: "FAKE", NodeName: "fake1", AgentID: testkit.AgentID, AllowManagement: true, Role: "master", Version: "test", Time: time.Now(), Epoch: 1, EpochHolder: "FAKE"})
		return
	}
	if h.copying && r.URL.Path == "/peer/v1/replication/journal" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(wire.JournalPage{Records: []wire.JournalRecord{}, SnapshotFrom: "FAKE", Latest: 7})
		return
	}
	h.mu.Lock()
	end := h.end(r.URL.Path)
	h.begun[r.URL.Path] = true
	h.mu.Unlock()
	_, _ = w.Write(make([]byte, 1024))
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	select {
	case end <- r.Context().Err():
	default:
	}
}

func (h *holder) end(path string) chan error {
	if h.gone[path] == nil {
		h.gone[path] = make(chan error, 1)
	}
	return h.gone[path]
}

// TestWithdrawnTrustEndsWhatIsAsked: the other direction: a long poll, or a first copy, is under way from a partner when trust in it is
// taken away. The connection ends (SEC-43, FLT-22).
func TestWithdrawnTrustEndsWhatIsAsked(t *testing.T) {
	t.Parallel()
	for name, withdraw := range withdrawals() {
		for asked, copying := range map[string]bool{"/peer/v1/replication/journal": false, "/peer/v1/replication/snapshot": true} {
			if name == removed && copying {
				continue // a partner that is in an agreement cannot be
			}
			t.Run(name+asked, func(t *testing.T) {
				d := start(t)
				cfg := stranger(t, d)
				h := hold(t, cfg.Certificates[0], copying)
				d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{h.address}})
				if name == removed {
					asked = askedAlone(t, d)
				} else {
					d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
					d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
					background(t, func(ctx context.Context) { install(ctx, d, cfg) })
				}
				d.Within(testkit.Limit, "asks the partner", func() bool {
					h.mu.Lock()
					defer h.mu.Unlock()
					return h.begun[asked]
				})
				withdraw(d)
				h.mu.Lock()
				end := h.end(asked)
				h.mu.Unlock()
				ended(t, asked, end)
			})
		}
	}
}

// askedAlone has the partner asked for something that needs no agreement: a test, which it never ends.
func askedAlone(t *testing.T, d *testkit.DataCenter) (path string) {
	t.Helper()
	background(t, func(ctx context.Context) {
		_, _ = d.Admin().Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/partners/FAKE/test", Timeout: -1})
	})
	return "/peer/v1/test"
}

// background runs f until the test ends.
func background(t *testing.T, f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	all.Go(func() { f(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
}

// install asks for the clone's half, and waits for the answer as long as ctx lasts.
func install(ctx context.Context, d *testkit.DataCenter, cfg *tls.Config) {
	pool := &http.Transport{TLSClientConfig: cfg.Clone(), DisableKeepAlives: true}
	body := strings.Replace(fmt.Sprintf(fakeAgreement, "FAKE-NYDC-1", "FAKE", true), `"enabled":false`, `"enabled":true`, 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://"+d.PeerAddress+"/peer/v1/replication/agreements/FAKE-NYDC-1", strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if res, err := pool.RoundTrip(req); err == nil {
		_ = res.Body.Close()
	}
}
