package gate_test

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// certified is a gate with a certificate before a real data center, and an application that everybody may open.
type certified struct {
	t          *testing.T
	d          *testkit.DataCenter
	clock      *clock.Manual
	gate       *gate.Gate
	front      *httptest.Server
	cert, key  string // files
	underLoad  sync.RWMutex
	requests   atomic.Int64
	refusals   atomic.Int64
	firstWrong atomic.Value
}

const shop = "https://shop.example"

// newCertified starts data centers whose clock the test moves, and a gate of the first that shows a certificate of home's.
func newCertified(t *testing.T, home int, ids ...string) *certified {
	t.Helper()
	h := &certified{t: t, clock: clock.NewManual(time.Now())}
	centers := testkit.StartWith(t, testkit.Options{Clock: h.clock, Logger: slog.New(slog.DiscardHandler)}, ids...)
	h.d = centers[0]
	h.d.Application("web", shop)
	h.d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{"shop.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, Protection: "public"}}})
	issuer := centers[home]
	h.d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{shop}, CertificateIdentities: []string{"spiffe://" + strings.ToLower(issuer.ClusterID) + "/agent/web"}})
	roots := x509.NewCertPool()
	for _, d := range centers {
		roots.AppendCertsFromPEM([]byte(d.CACertPEM))
		if d != h.d {
			h.d.Trusts(d)
			d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{shop}, CertificateIdentities: []string{"spiffe://" + strings.ToLower(issuer.ClusterID) + "/agent/web"}})
		}
	}
	dir := t.TempDir()
	h.cert, h.key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c := issuer.Certify("agent", "web", "1m")
	for name, text := range map[string]string{h.cert: c.CertPEM, h.key: c.KeyPEM} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := gate.Config{ClusterID: h.d.ClusterID, Agent: "web", ClientCertFile: h.cert, ClientKeyFile: h.key, Listen: "127.0.0.1:0", Upstream: newApplication(t).URL,
		ExternalScheme: "https", RootCAs: roots, Clock: h.clock, Logger: slog.New(slog.DiscardHandler)}
	for _, d := range centers {
		s := gate.Server{Node: strings.ToLower(d.ClusterID) + "1", URL: d.RuntimeURL}
		if d == h.d {
			cfg.Servers = append(cfg.Servers, s)
		} else {
			cfg.Secondaries = append(cfg.Secondaries, s)
		}
	}
	var err error
	if h.gate, err = gate.New(cfg); err != nil {
		t.Fatal(err)
	}
	h.front = httptest.NewServer(h.gate.Handler())
	t.Cleanup(h.front.Close)
	return h
}

// get opens the application as a browser does, and gives the status; 0 is no answer.
func (h *certified) get(c *http.Client) int {
	r, err := http.NewRequest(http.MethodGet, h.front.URL+"/x", nil)
	if err != nil {
		h.t.Error(err)
		return 0
	}
	r.Host = "shop.example"
	res, err := c.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		h.firstWrong.CompareAndSwap(nil, string(body))
	}
	return res.StatusCode
}

// load asks from several browsers until ctx ends. The clock moves only between requests, so that a request is not older than the time
// it was made in; renewals happen under it.
func (h *certified) load(ctx context.Context, browsers int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range browsers {
		wg.Go(func() {
			pool := &http.Transport{}
			defer pool.CloseIdleConnections()
			for ctx.Err() == nil {
				h.underLoad.RLock()
				if h.get(&http.Client{Transport: pool}) != http.StatusOK {
					h.refusals.Add(1)
				}
				h.requests.Add(1)
				h.underLoad.RUnlock()
			}
		})
	}
	return &wg
}

func (h *certified) advance(d time.Duration) {
	h.underLoad.Lock()
	defer h.underLoad.Unlock()
	h.clock.Advance(d)
}

// TestRenewalUnderLoad is FLT-21 in its quick form: certificates of a minute, each renewed at two thirds of its life, a hundred in a
// row under load, and not one request is refused; the files hold what is in use, and nobody else can read them.
func TestRenewalUnderLoad(t *testing.T) {
	t.Parallel()
	h := newCertified(t, 0, "NYDC")
	ctx, stop := context.WithCancel(t.Context())
	running := h.load(ctx, 4)
	defer running.Wait()
	defer stop()
	rotations := 100
	if testing.Short() {
		rotations = 10
	}
	serials := map[string]bool{}
	for i := range rotations {
		before := h.requests.Load()
		h.advance(41 * time.Second)
		if err := h.gate.RenewIfDue(ctx); err != nil {
			t.Fatalf("renewal %d: %v", i, err)
		}
		h.d.Within(20*time.Second, "requests go on", func() bool { return h.requests.Load() > before+4 })
		text, err := os.ReadFile(h.cert)
		if err != nil {
			t.Fatal(err)
		}
		serials[string(text)] = true
	}
	stop()
	running.Wait()
	if h.refusals.Load() != 0 || len(serials) != rotations {
		t.Errorf("%d of %d requests were refused over %d certificates; the first: %v", h.refusals.Load(), h.requests.Load(), len(serials), h.firstWrong.Load())
	}
	for _, name := range []string{h.cert, h.key} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(h.cert + "*.next"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Logf("%d requests over %d certificates", h.requests.Load(), len(serials))
}

// TestRenewalAsksTheIssuer: a gate whose certificate another data center issued is served by its own, and renewed by that other one.
func TestRenewalAsksTheIssuer(t *testing.T) {
	t.Parallel()
	h := newCertified(t, 1, "NYDC", "LDC")
	if got := h.get(http.DefaultClient); got != http.StatusOK {
		t.Fatalf("at its own data center: %d %v", got, h.firstWrong.Load())
	}
	if err := h.gate.RenewIfDue(t.Context()); err != nil {
		t.Errorf("before it is due: %v", err)
	}
	h.clock.Advance(41 * time.Second)
	if err := h.gate.RenewIfDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(41 * time.Second)
	if got := h.get(http.DefaultClient); got != http.StatusOK {
		t.Errorf("with the renewed one: %d %v", got, h.firstWrong.Load())
	}
}

// TestExpiredGateIsClosed: whose certificate ended while no data center could be asked lets nobody through, says so, and goes on as
// soon as another lies in its place (FLT-21).
func TestExpiredGateIsClosed(t *testing.T) {
	t.Parallel()
	h := newCertified(t, 0, "NYDC")
	if got := h.get(http.DefaultClient); got != http.StatusOK {
		t.Fatalf("before: %d %v", got, h.firstWrong.Load())
	}
	h.clock.Advance(2 * time.Minute)
	if got := h.get(http.DefaultClient); got != http.StatusServiceUnavailable {
		t.Errorf("expired: %d", got)
	}
	if err := h.gate.RenewIfDue(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
	c := h.d.Certify("agent", "web", "")
	for name, text := range map[string]string{h.key: c.KeyPEM, h.cert: c.CertPEM} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.d.Within(20*time.Second, "the gate goes on", func() bool {
		h.clock.Advance(time.Second) // the server's back-off ends
		return h.get(http.DefaultClient) == http.StatusOK
	})
}

// TestRevokedGateIsRefused at its next request, on the connection that it has (SEC-43).
func TestRevokedGateIsRefused(t *testing.T) {
	t.Parallel()
	h := newCertified(t, 0, "NYDC")
	if got := h.get(http.DefaultClient); got != http.StatusOK {
		t.Fatalf("before: %d", got)
	}
	h.d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{shop}})
	if got := h.get(http.DefaultClient); got != http.StatusServiceUnavailable {
		t.Errorf("taken off the agent's list: %d", got)
	}
}

// TestGateWantsItsOwnCertificate: another agent's, or no agent's, is found at the start.
func TestGateWantsItsOwnCertificate(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	for profile, name := range map[string]string{"agent": "other", "administrator": "web", "node": "web"} {
		dir, c := t.TempDir(), d.Certify(profile, name, "")
		cfg := gate.Config{ClusterID: "NYDC", Agent: "web", ClientCertFile: filepath.Join(dir, "c"), ClientKeyFile: filepath.Join(dir, "k"), Listen: "127.0.0.1:0", Upstream: "http://127.0.0.1:1",
			ExternalScheme: "https", Servers: []gate.Server{{Node: "ny1", URL: d.RuntimeURL}}, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)}
		for file, text := range map[string]string{cfg.ClientCertFile: c.CertPEM, cfg.ClientKeyFile: c.KeyPEM} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := gate.New(cfg); err == nil {
			t.Errorf("%s %s: taken", profile, name)
		}
	}
}
