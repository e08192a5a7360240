package gate_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const secret = "the-secret-of-the-agent"

// concord stands in for one Concord server: what is tested is what the gate sends and how it takes each answer.
type concord struct {
	*httptest.Server
	cluster, node string

	mu     sync.Mutex // guards the rest
	calls  []call
	answer func(path string) (status int, body any)
}

// call is one request that the gate made.
type call struct {
	path, user, password string
	authorize            wire.AuthorizeRequest
	redeem               wire.RedeemRequest
	logout               wire.LogoutRequest
}

func newConcord(t testing.TB, cluster, node string) *concord {
	t.Helper()
	c := &concord{cluster: cluster, node: node}
	c.Server = httptest.NewServer(c) // without TLS: the gates of most tests have none either, and go only with such servers
	t.Cleanup(c.Close)
	c.say(http.StatusOK, wire.AuthorizeAnswer{Decision: wire.DecisionAllow, User: "bob", Headers: map[string]string{"X-Concord-User": "bob"}})
	return c
}

func (c *concord) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := call{path: r.Method + " " + r.URL.Path}
	in.user, in.password, _ = r.BasicAuth()
	body, _ := io.ReadAll(r.Body)
	into := map[string]any{"authorize": &in.authorize, "redeem": &in.redeem, "logout": &in.logout}[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	_ = json.Unmarshal(body, into)
	c.mu.Lock()
	c.calls = append(c.calls, in)
	answer := c.answer
	cluster, node := c.cluster, c.node
	c.mu.Unlock()
	status, out := answer(r.URL.Path)
	w.Header().Set(wire.HeaderCluster, cluster)
	w.Header().Set(wire.HeaderNode, node)
	w.Header().Set("Content-Type", "application/json")
	if p, ok := out.(wire.Problem); ok {
		p.Status = status
		out = p
		w.Header().Set("Content-Type", wire.ProblemType)
	}
	w.WriteHeader(status)
	if text, ok := out.(string); ok {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

// say sets the answer to everything.
func (c *concord) say(status int, body any) {
	c.do(func(string) (int, any) { return status, body })
}

// do sets how answers are made.
func (c *concord) do(answer func(path string) (int, any)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *concord) rename(cluster, node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cluster, c.node = cluster, node
}

// taken gives the calls since the last time.
func (c *concord) taken() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.calls
	c.calls = nil
	return out
}

// application is a real web server that tells what it got.
type application struct {
	*httptest.Server
	mu       sync.Mutex // guards requests
	requests []string
	last     *http.Request
}

func newApplication(t testing.TB) *application {
	t.Helper()
	a := &application{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		a.mu.Lock()
		a.requests = append(a.requests, string(dump))
		a.last = r
		a.mu.Unlock()
		w.Header().Add("Set-Cookie", "app=1; Path=/")
		w.Header().Add("Set-Cookie", "__Host-concord_agent_portal=planted; Path=/; Secure")
		w.Header().Add("Set-Cookie", "concord_agent_portal=planted; Path=/")
		_, _ = io.WriteString(w, "application says hello")
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *application) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

// house is a gate with what it stands between.
type house struct {
	t       testing.TB
	gate    *gate.Gate
	front   *httptest.Server
	app     *application
	clock   *clock.Manual
	servers []*concord
}

// newHouse starts a gate on plain HTTP; change may alter its configuration.
func newHouse(t testing.TB, primaries, secondaries []*concord, change func(*gate.Config)) *house {
	t.Helper()
	h := &house{t: t, app: newApplication(t), clock: clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	h.servers = append(append(h.servers, primaries...), secondaries...)
	c := gate.Config{ClusterID: "NYDC", Agent: "portal", Secret: mdc.NewSecret(secret), Listen: "127.0.0.1:0", Upstream: h.app.URL,
		RootCAs: x509.NewCertPool(), Clock: h.clock, Logger: slog.New(slog.DiscardHandler)}
	for _, s := range primaries {
		c.Servers = append(c.Servers, gate.Server{Node: s.node, URL: s.URL})
	}
	for _, s := range secondaries {
		c.Secondaries = append(c.Secondaries, gate.Server{Node: s.node, URL: s.URL})
	}
	if change != nil {
		change(&c)
	}
	g, err := gate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h.gate = g
	h.front = httptest.NewUnstartedServer(g.Handler())
	h.front.Config.DisableGeneralOptionsHandler = true // as Serve does
	h.front.Start()
	t.Cleanup(h.front.Close)
	return h
}

// do asks the gate as a browser that follows nothing; headers come as name, value pairs and may repeat.
func (h *house) do(method, target string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.front.URL+target, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, string(body)
}

func (h *house) get(target string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	return h.do(http.MethodGet, target, headers...)
}

func (h *house) wantStatus(res *http.Response, want int) {
	h.t.Helper()
	if res.StatusCode != want {
		h.t.Errorf("got %s, want %d", res.Status, want)
	}
}

// problem reads a problem document.
func problem(t testing.TB, res *http.Response, body string) wire.Problem {
	t.Helper()
	var p wire.Problem
	if ct := res.Header.Get("Content-Type"); ct != wire.ProblemType {
		t.Errorf("content type %q", ct)
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != res.StatusCode || p.RequestID == "" || p.Code == "" {
		t.Errorf("not a whole problem document: %s (%v)", body, err)
	}
	return p
}
