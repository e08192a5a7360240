package gate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// told is a gate before a real data center that tells it of ended sign-ons and lets it use decisions again.
type told struct {
	t     *testing.T
	d     *testkit.DataCenter
	app   testkit.Application
	gate  *gate.Gate
	front *httptest.Server
	back  *testkit.Proxy // by which the gate reaches the data center
}

func newTold(t *testing.T) *told {
	t.Helper()
	h := &told{t: t, d: testkit.Start(t, "NYDC")[0]}
	h.app = h.d.Application("web", shop)
	h.d.User("ann")
	h.back = testkit.NewProxy(t, strings.TrimPrefix(h.d.RuntimeURL, "https://"))
	path := write(t, map[string]string{"ca.pem": h.d.CACertPEM, "secret": h.app.Secret, "gate.hcl": `
cluster_id      = "NYDC"
agent           = "web"
secret_file     = "secret"
listen          = "127.0.0.1:1"
upstream        = "` + upgrader(t).URL + `"
ca_file         = "ca.pem"
external_scheme = "https"
server "nydc1" { url = "https://` + h.back.Address + `" }
`})
	c, err := gate.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c.Clock, c.Logger = clock.System{}, slog.New(slog.DiscardHandler)
	if h.gate, err = gate.New(c); err != nil {
		t.Fatal(err)
	}
	h.front = httptest.NewServer(h.gate.Handler())
	t.Cleanup(h.front.Close)
	h.register(h.front.URL + "/.concord/backchannel-logout")
	return h
}

func (h *told) register(address string) {
	h.t.Helper()
	h.d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{shop}, BackchannelLogoutURL: address, CacheLifetime: "20s"})
}

// signIn gives a browser of ann's.
func (h *told) signIn() *testkit.Browser {
	h.t.Helper()
	b := testkit.NewBrowser(h.t, h.d)
	if v := b.Open(h.app, "ann", testkit.Password); v.User != "ann" {
		h.t.Fatalf("not signed in: %+v", v)
	}
	return b
}

func (h *told) cookie(b *testkit.Browser) string {
	return "__Host-concord_agent_web=" + b.AgentCookie(h.app)
}

// get opens the application through the gate, and gives the status.
func (h *told) get(b *testkit.Browser) (status int, setCookie string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.front.URL+"/x", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Host = "shop.example"
	r.Header.Set("Cookie", h.cookie(b))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Set-Cookie")
}

// OAM-L5, OAM-37: a gate that uses decisions again stops at once when the sign-on ends, and cuts off what goes on under it; other
// sign-ons of the same person go on. While it is not told it goes on until the time is over, which is what this lifts.
func TestGateIsToldOfAnEnd(t *testing.T) {
	t.Parallel()
	h := newTold(t)
	ann, other := h.signIn(), h.signIn()
	socket, in := h.webSocket(ann)
	defer socket.Close()
	for _, b := range []*testkit.Browser{ann, other} {
		if got, _ := h.get(b); got != http.StatusOK {
			t.Fatalf("signed in: %d", got)
		}
	}
	h.back.Refuse(true) // from here on the gate has only what it remembers
	for _, b := range []*testkit.Browser{ann, other} {
		if got, _ := h.get(b); got != http.StatusOK {
			t.Errorf("remembered: %d", got)
		}
	}
	h.back.Refuse(false)
	ann.SignOut(h.d)
	h.d.Within(testkit.Limit, "the gate is told", func() bool { got, _ := h.get(ann); return got == http.StatusUnauthorized })
	if _, err := in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection of the ended sign-on goes on: %v", err)
	}
	if got, _ := h.get(other); got != http.StatusOK {
		t.Errorf("another sign-on: %d", got)
	}
}

// webSocket opens one as ann, and sees that it works.
func (h *told) webSocket(b *testkit.Browser) (net.Conn, *bufio.Reader) {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.front.URL, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(testkit.Limit))
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: %s\r\n\r\n", h.cookie(b))
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		h.t.Fatalf("%v %v", res, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := in.ReadString('\n'); err != nil || line != "echo hello\n" {
		h.t.Fatalf("%q %v", line, err)
	}
	return conn, in
}

// A gate that is down when the sign-on ends is told when it is back; ends by an administrator and of a disabled user are told too
// (SEC-12, OAM-37). What is told is repeated only while it is not taken.
func TestReceiverDownAndBack(t *testing.T) {
	t.Parallel()
	h := newTold(t)
	var down atomic.Bool
	var tokens atomic.Int64
	down.Store(true)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		tokens.Add(1)
		h.front.Config.Handler.ServeHTTP(w, r)
	}))
	defer between.Close()
	h.register(between.URL + "/.concord/backchannel-logout")
	first, second := h.signIn(), h.signIn()
	for _, b := range []*testkit.Browser{first, second} {
		if got, _ := h.get(b); got != http.StatusOK {
			t.Fatalf("signed in: %d", got)
		}
	}
	id := h.d.Sessions("ann")[0].ID
	if _, err := h.d.Do(client.Request{Method: http.MethodDelete, Path: client.Path("v1", "sessions", id)}); err != nil {
		t.Fatal(err)
	}
	enabled := false
	h.d.Put("/v1/users/ann", wire.User{Name: "ann", Enabled: &enabled})
	for _, b := range []*testkit.Browser{first, second} {
		if got, _ := h.get(b); got != http.StatusOK {
			t.Errorf("remembered, not told yet: %d", got)
		}
	}
	down.Store(false)
	h.d.Within(testkit.Limit, "both ends are told", func() bool {
		one, _ := h.get(first)
		two, _ := h.get(second)
		return one == http.StatusUnauthorized && two == http.StatusUnauthorized
	})
	if n := tokens.Load(); n != 2 {
		t.Errorf("told %d times", n)
	}
}

// A token that is not right ends nothing: not signed, for another agent, of another kind, sent twice.
func TestGateBelievesOnlyItsDataCenters(t *testing.T) {
	t.Parallel()
	h := newTold(t)
	ann := h.signIn()
	answer := h.app.Authorize(ann.AgentCookie(h.app))
	post := func(contentType, body string) int {
		res, err := http.Post(h.front.URL+"/.concord/backchannel-logout", contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	const form = "application/x-www-form-urlencoded"
	none := "eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.e30."
	for name, body := range map[string]string{
		"nothing":      "",
		"no token":     "logout_token=x",
		"not signed":   "logout_token=" + none,
		"an assertion": "logout_token=" + answer.Headers[wire.HeaderAssertion],
		"twice":        "logout_token=x&logout_token=x",
		"too long":     "logout_token=" + strings.Repeat("x", 9000),
	} {
		if got := post(form, body); got != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := post("application/json", url.Values{"logout_token": {"x"}}.Encode()); got != http.StatusBadRequest {
		t.Errorf("no form: %d", got)
	}
	if got, _ := h.get(ann); got != http.StatusOK {
		t.Errorf("the sign-on goes on: %d", got)
	}
	if res, err := http.Get(h.front.URL + "/.concord/backchannel-logout"); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v %v", res, err)
	}
}

// OAM-10: a gate at work takes over the list that an administrator registers, and asks the file's server no more.
func TestGateTakesOverTheRegisteredList(t *testing.T) {
	t.Parallel()
	h := newTold(t)
	ann := h.signIn()
	h.d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{shop}, Primary: []string{"nydc1=" + h.d.RuntimeURL}})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.gate.Ask(ctx) }()
	h.d.Within(testkit.Limit, "the gate goes another way", func() bool {
		h.back.Reset()
		before, _ := h.back.Accepted()
		got, _ := h.get(ann)
		after, _ := h.back.Accepted()
		return got == http.StatusOK && after == before
	})
	h.back.Refuse(true)
	for range 3 {
		if got, _ := h.get(ann); got != http.StatusOK {
			t.Errorf("by the registered list: %d", got)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
