package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// inFlight wants each class to have exactly as many requests under way.
func inFlight(t *testing.T, d *testkit.DataCenter, want int, classes ...string) {
	t.Helper()
	all := figures(t, d)
	for _, class := range classes {
		if got := all[`concord_requests_in_flight{class="`+class+`"}`]; got != float64(want) {
			t.Errorf("%s: %v under way, want %d", class, got, want)
		}
	}
}

// beginOn sends the heads of n requests with bodies over one connection of HTTP/2, and no body.
func beginOn(t *testing.T, l *line, n int, host, path string, more ...[2]string) {
	t.Helper()
	fields := headers(host, path, more...)
	for i := range n {
		if err := l.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: fields, EndHeaders: true}); err != nil { //nolint:gosec // some hundreds
			t.Fatal(err)
		}
	}
}

// TestSlowStrangersTakeNoPlaces: however many bodies of strangers do not come, over HTTP/2 or HTTP/1.1, they take neither places of sign-ins and
// pages nor of decisions; one connection gets few of them (FLT-29, SEC-33, SEC-64).
func TestSlowStrangersTakeNoPlaces(t *testing.T) {
	d := start(t)
	d.User("ann")
	app, b := d.Application("shop", shop), testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	host := strings.TrimPrefix(d.RuntimeURL, "https://")
	lines := make([]*line, 0, 8)
	for i := range 8 {
		l := newLine(t, d, d.RuntimeURL)
		lines = append(lines, l)
		beginOn(t, l, 60, host, []string{"/session/v1/authenticate", "/logout", "/login", "/account/password"}[i%4])
	}
	crowded := newLine(t, d, d.RuntimeURL)
	beginOn(t, crowded, 100, host, "/login")
	// the forms are refused only where their body is there, so all wait for it
	letGo := begin(t, d, "bodies", 8*60+64+40, d.RuntimeURL, "POST /session/v1/authenticate HTTP/1.1", 40)
	d.Within(testkit.Limit, "the rest of one connection's is refused", func() bool {
		return figures(t, d)[`concord_requests_shed_total{class="bodies",code="too_many_requests"}`] == 36
	})
	inFlight(t, d, 0, "decisions", "pages", "sign_ins")
	if a := app.Authorize(b.AgentCookie(app)); a.Decision != wire.DecisionAllow {
		t.Errorf("a decision: %+v", a)
	}
	testkit.NewBrowser(t, d).SignIn(d, "ann")
	if p := b.SignOut(d); p.Status != http.StatusOK && p.Status != http.StatusSeeOther {
		t.Errorf("signing out: %d", p.Status)
	}
	for _, l := range append(lines, crowded) {
		_ = l.conn.Close()
	}
	letGo()
}

// TestAnswersNobodyTakesHoldNoPlaces: a browser that lets no answer in has its place back before the answer is sent (FLT-29, SEC-64).
func TestAnswersNobodyTakesHoldNoPlaces(t *testing.T) {
	d := start(t)
	cfg := d.TLS().Clone()
	cfg.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", strings.TrimPrefix(d.RuntimeURL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing is lost
	_ = conn.SetDeadline(time.Now().Add(testkit.Limit))
	f := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	paths := []string{"/assets/console.css", "/login", "/openapi.json", "/.well-known/jwks.json"}
	const asked = 40
	for i := range asked {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", paths[i%len(paths)]}} {
			_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: b.Bytes(), EndHeaders: true, EndStream: true}); err != nil { //nolint:gosec // a few
			t.Fatal(err)
		}
	}
	for begun := 0; begun < asked; { // the heads come, the bodies may not
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("after %d answers: %v", begun, err)
		}
		if _, ok := frame.(*http2.HeadersFrame); ok {
			begun++
		}
	}
	inFlight(t, d, 0, "pages", "sign_ins", "decisions")
}

// TestAStolenSecretTakesAPart: who has one agent's secret and begins thousands of decisions leaves a quarter of the places to the other agents; who
// has none takes none of them, and is no decision that others wait for (FLT-29, SEC-64).
func TestAStolenSecretTakesAPart(t *testing.T) {
	d := start(t)
	d.User("ann")
	stolen, app, b := d.Application("stolen", "https://stolen.example"), d.Application("shop", shop), testkit.NewBrowser(t, d)
	b.Open(app, "ann", testkit.Password)
	host := strings.TrimPrefix(d.RuntimeURL, "https://")
	basic := func(secret string) [2]string {
		return [2]string{"authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(stolen.Agent+":"+secret))}
	}
	beginOn(t, newLine(t, d, d.RuntimeURL), 200, host, "/session/v1/authorize", basic("wrong"))
	const part = 3072
	for n := 0; n < part; n += 192 {
		beginOn(t, newLine(t, d, d.RuntimeURL), 192, host, "/session/v1/authorize", basic(stolen.Secret))
	}
	d.Within(testkit.Limit, "its part is taken", func() bool { return figures(t, d)[`concord_requests_in_flight{class="decisions"}`] == part })
	send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/session/v1/agent", header: http.Header{"Authorization": {basic(stolen.Secret)[1]}}}).again(t, http.StatusTooManyRequests, "too_many_requests")
	send(t, d, ask{method: http.MethodGet, url: d.RuntimeURL + "/forward-auth", header: http.Header{wire.HeaderAgent: {stolen.Agent}, wire.HeaderAgentSecret: {stolen.Secret},
		"X-Forwarded-Method": {"GET"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"stolen.example"}, "X-Forwarded-Uri": {"/"}}}).again(t, http.StatusTooManyRequests, "too_many_requests")
	if a := app.Authorize(b.AgentCookie(app)); a.Decision != wire.DecisionAllow {
		t.Errorf("another agent's decision: %+v", a)
	}
	testkit.NewBrowser(t, d).SignIn(d, "ann")
}

// TestSlowStrangersAtThePeerListener: who shows no certificate takes no partner's place, however slowly its body comes (FLT-29, SEC-64).
func TestSlowStrangersAtThePeerListener(t *testing.T) {
	d := start(t)
	peer := "https://" + d.PeerAddress
	host := d.PeerAddress
	blind := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a stranger does not know whom to believe yet
	l := newLineBy(t, blind.Clone(), peer)
	beginOn(t, l, 20, host, "/peer/v1/pair")
	d.Within(testkit.Limit, "so many are refused as come too fast", func() bool {
		return send(t, d, ask{method: http.MethodGet, url: peer + "/peer/v1/bundle", tls: blind}).status == http.StatusTooManyRequests
	})
	inFlight(t, d, 0, "peers", "strangers", "neighbours", "replication", "copies")
	if got := figures(t, d)[`concord_requests_shed_total{class="strangers",code="too_many_requests"}`]; got < 1 {
		t.Errorf("%v refusals of strangers were counted", got)
	}
}

// TestOnePersonTakesAPartOfDownloads: who begins packages and does not take them keeps nobody else from theirs (FLT-29, SEC-64).
func TestOnePersonTakesAPartOfDownloads(t *testing.T) {
	d := start(t)
	for _, user := range []string{"ann", "eve"} {
		d.User(user)
	}
	d.Package(wire.Package{Name: "p", Users: []string{"ann", "eve"}}, make([]byte, 32<<20))
	pool := &http.Transport{TLSClientConfig: d.TLS()}
	defer pool.CloseIdleConnections()
	fetch := func(b *testkit.Browser) *http.Response {
		t.Helper()
		res, err := (&http.Client{Transport: pool, Jar: b.Jar}).Get(d.RuntimeURL + "/packages/p")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	ann, eve := testkit.NewBrowser(t, d), testkit.NewBrowser(t, d)
	ann.SignIn(d, "ann")
	eve.SignIn(d, "eve")
	for range 32 {
		if res := fetch(ann); res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
	}
	inFlight(t, d, 32, "transfers")
	if res := fetch(ann); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s", res.Status)
	}
	if res := fetch(eve); res.StatusCode != http.StatusOK {
		t.Errorf("somebody else: %s", res.Status)
	}
}
