package gate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// raw sends bytes as they are and gives the answer with the open connection.
func raw(t *testing.T, address, request string) (*http.Response, net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, conn, in
}

// Proves SEC-20: identity, forwarding and override headers of a browser reach the application in no spelling, not by
// Connection, not as trailers; ours do. Concord's cookies stay behind, the application's pass exactly.
func TestApplicationGetsOnlyWhatConcordSaid(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Headers: map[string]string{"X-Concord-User": "bob", "Remote-Groups": "staff"}, SetCookies: []string{"concord_gito=new; Path=/"}})
	address := strings.TrimPrefix(h.front.URL, "http://")
	spoofed := []string{"X-Concord-User", "x-concord-user", "X_Concord_User", "X-Concord_User", "X_CONCORD_ASSERTION", "X.Concord.Groups", "X-Concord-New", "X_Concord",
		"Remote-Groups", "Remote_Groups", "REMOTE-GROUPS", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X_Forwarded_For",
		"X-Forwarded-User", "Forwarded", "X-Real-Ip", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override", "X-Request-Id"}
	request := "POST /a%20b?c=d;e HTTP/1.1\r\nHost: shop.example\r\n"
	for _, name := range spoofed {
		request += name + ": SPOOFED\r\n"
	}
	request += "Connection: X-Concord-User, Remote-Groups, X-Forwarded-For, keep-alive\r\nTE: trailers\r\nTrailer: X-Concord-User\r\nX-Own: kept\r\n" +
		"Cookie: a=\"1\"; concord_agent_portal=SPOOFED; __Host-concord_sso=SPOOFED; __Secure-concord_gito=SPOOFED; CONCORD_flow_x=SPOOFED; b=2=3\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Concord-User: SPOOFED\r\n\r\n"
	res, _, _ := raw(t, address, request)
	h.wantStatus(res, 200)
	got, last := h.app.requests[0], h.app.last
	if strings.Contains(got, "SPOOFED") || len(last.Trailer) != 0 {
		t.Errorf("spoofed values arrived: %s %v", got, last.Trailer)
	}
	want := map[string]string{"X-Concord-User": "bob", "Remote-Groups": "staff", "X-Own": "kept", "Cookie": `a="1"; b=2=3`,
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "http", "X-Request-Id": res.Header.Get("X-Request-Id")}
	for name, value := range want {
		if v := last.Header.Values(name); len(v) != 1 || v[0] != value {
			t.Errorf("%s is %q, want %q", name, v, value)
		}
	}
	if last.Host != "shop.example" || last.RequestURI != "/a%20b?c=d;e" || last.Method != "POST" || !strings.Contains(got, "\r\nbody\r\n") {
		t.Errorf("the request was changed: %s", got)
	}
	if cookies := res.Header.Values("Set-Cookie"); strings.Join(cookies, "|") != "concord_gito=new; Path=/|app=1; Path=/" {
		t.Errorf("cookies %q", cookies)
	}
}

func TestPublicPageHasNoIdentity(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionAllow})
	h.get("/", "X-Concord-User", "mallory", "X-Concord-Assertion", "eyJ")
	if strings.Contains(h.app.requests[0], "mallory") || strings.Contains(h.app.requests[0], "eyJ") {
		t.Errorf("got %s", h.app.requests[0])
	}
}

// Proves SEC-65 at the gate: what could be read as two requests, or is not origin form, goes nowhere.
func TestMalformedRequestsGoNowhere(t *testing.T) {
	h, c := simple(t)
	address := strings.TrimPrefix(h.front.URL, "http://")
	cases := map[string]string{
		"absolute form":          "GET http://evil.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n",
		"two hosts":              "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
		"no host":                "GET / HTTP/1.0\r\n\r\n",
		"connect":                "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n",
		"asterisk":               "OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n",
		"length and chunks":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"two lengths":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbodyx",
		"space before the colon": "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	}
	for name, request := range cases {
		t.Run(name, func(t *testing.T) {
			res, _, _ := raw(t, address, request)
			if res.StatusCode < 400 || res.StatusCode > 501 {
				t.Errorf("got %s", res.Status)
			}
		})
	}
	if len(c.taken()) != 0 || h.app.count() != 0 {
		t.Error("a malformed request went on")
	}
}

// upgrader is an application that changes to any protocol and echoes lines.
func upgrader(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := r.Header.Get("Upgrade")
		if up == "" {
			_, _ = io.WriteString(w, "no upgrade asked for")
			return
		}
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-User: %s\r\n\r\n", up, r.Header.Get("X-Concord-User"))
		for {
			line, err := buf.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "echo "+line)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestWebSocketPassesAndOtherUpgradesDoNot(t *testing.T) {
	app := upgrader(t)
	c := newConcord(t, "NYDC", "ny1")
	h := newHouse(t, []*concord{c}, nil, func(c *gate.Config) { c.Upstream = app.URL })
	address := strings.TrimPrefix(h.front.URL, "http://")
	res, conn, in := raw(t, address, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, X-Concord-User\r\nUpgrade: websocket\r\nX-Concord-User: eve\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("X-User") != "bob" {
		t.Fatalf("got %s %v", res.Status, res.Header)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
	conn.Close()
	res, _, _ = raw(t, address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
	if res.StatusCode != http.StatusOK {
		t.Errorf("h2c: %s", res.Status)
	}
}

func TestWebSocketIsAskedAboutToo(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.AuthorizeAnswer{Decision: wire.DecisionDeny})
	res, _ := h.get("/ws", "Connection", "Upgrade", "Upgrade", "websocket")
	h.wantStatus(res, http.StatusForbidden)
}

func TestApplicationDown(t *testing.T) {
	h, _ := simple(t)
	h.app.Close()
	res, body := h.get("/")
	h.wantStatus(res, http.StatusBadGateway)
	if p := problem(t, res, body); p.Code != "application_unreachable" || strings.Contains(body, "127.0.0.1") {
		t.Errorf("got %s", body)
	}
}

// Proves that an answer that comes bit by bit arrives bit by bit: the application goes on only when the first part has arrived.
func TestStreamsPassAsTheyCome(t *testing.T) {
	arrived := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-arrived:
			_, _ = io.WriteString(w, "data: two\n\n")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(app.Close)
	h := newHouse(t, []*concord{newConcord(t, "NYDC", "ny1")}, nil, func(c *gate.Config) { c.Upstream = app.URL })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.front.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, len("data: one\n\n"))
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: one\n\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(arrived)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: two\n\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}
