package httpapi_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// openAsk is a request of mode open as FAKE makes it.
type openAsk struct {
	method, target, body string
	header               http.Header
	receiver             string           // "" = NYDC
	now                  func() time.Time // nil = the machine's clock
	off                  time.Duration    // what the sender's clock is away
	nonce                []byte
}

// proveOpen writes the proof of a request: once more, from the description.
func proveOpen(key []byte, a openAsk) string {
	if a.receiver == "" {
		a.receiver = "NYDC"
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.nonce == nil {
		a.nonce = make([]byte, 16)
		_, _ = rand.Read(a.nonce)
	}
	var fields []byte
	for _, name := range wire.ProvedRequestHeaders() {
		var values [][]byte
		for _, v := range a.header.Values(name) {
			values = append(values, []byte(v))
		}
		fields = append(fields, counted([]byte(name), counted(values...))...)
	}
	sum := sha256.Sum256([]byte(a.body))
	ms := strconv.FormatInt(a.now().Add(a.off).UnixMilli(), 10)
	mac := hmacOf(key, []byte("request"), []byte("fake"), []byte(strings.ToLower(a.receiver)), []byte(a.method), []byte(a.target), fields, sum[:], []byte(ms), a.nonce)
	b64 := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{"1", "FAKE", a.receiver, ms, b64(a.nonce), b64(sum[:]), b64(mac)}, " ")
}

// sendOpen asks in mode open with a proof as it is given.
func sendOpen(t *testing.T, d *testkit.DataCenter, a openAsk, proof string) answer {
	t.Helper()
	h := a.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if proof != "" {
		h.Set("X-Concord-Proof", proof)
	}
	return send(t, d, ask{method: a.method, url: "http://" + d.PeerAddress + a.target, body: a.body, header: h})
}

// TestOpenOnTheWire: in mode open what is asked has to prove the passphrase, for exactly this message, this receiver and this time, and
// once (SEC-40, OAM-41). Mode open has to be allowed by the node's file, and is reported.
func TestOpenOnTheWire(t *testing.T) {
	t.Parallel()
	closed := testkit.Start(t, "LDC")[0]
	_, err := closed.Do(client.Request{Method: http.MethodPut, Path: "/v1/data-center", In: wire.DataCenter{ClusterID: "LDC", Role: "standalone", SecurityMode: "open"}})
	wantFault(t, err, fault.Conflict, "open_not_allowed")

	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{AllowOpen: true, Clock: now}, "NYDC")[0]
	sendOpen := func(t *testing.T, d *testkit.DataCenter, a openAsk, proof string) answer {
		now.Advance(250 * time.Millisecond) // strangers may ask five times a second
		return sendOpen(t, d, a, proof)
	}
	before := figures(t, d)
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone", SecurityMode: "open"})
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	if total(before, "concord_security_mode_open") != 0 || total(figures(t, d), "concord_security_mode_open") != 1 {
		t.Error("the metric does not tell")
	}
	var found wire.Validation
	d.Get("/v1/validate", &found)
	if !slices.ContainsFunc(found.Findings, func(f wire.Finding) bool { return f.Code == "mode_open" }) {
		t.Errorf("validate does not tell: %+v", found.Findings)
	}
	if v := d.View(); !strings.HasPrefix(v.PeerURL, "http://") || v.SecurityMode != "open" {
		t.Errorf("%+v", v)
	}

	key := sharedKey("concord-open-1", phrase)
	hello := openAsk{now: now.Now, method: http.MethodGet, target: "/peer/v1/hello"}
	post := openAsk{now: now.Now, method: http.MethodPost, target: "/peer/v1/revocations/pull", body: `{"have":{}}`, header: http.Header{"Content-Type": {"application/json"}}}
	for name, a := range map[string]openAsk{"hello": hello, "a body": post, "now and a bit": {method: http.MethodGet, target: "/peer/v1/hello", off: 20 * time.Second}} {
		if got := sendOpen(t, d, a, proveOpen(key, a)); got.status != http.StatusOK || got.header.Get("X-Concord-Proof") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for name, c := range map[string]struct{ sent, proved openAsk }{
		"another path":             {openAsk{now: now.Now, method: http.MethodGet, target: "/peer/v1/replication/conflicts"}, hello},
		"another query":            {openAsk{now: now.Now, method: http.MethodGet, target: "/peer/v1/hello?x=1"}, hello},
		"another method":           {openAsk{now: now.Now, method: http.MethodHead, target: hello.target}, hello},
		"another body":             {openAsk{now: now.Now, method: post.method, target: post.target, body: `{"have":{"a":1}}`, header: post.header}, post},
		"a body where none was":    {openAsk{now: now.Now, method: hello.method, target: hello.target, body: "x"}, hello},
		"another header":           {openAsk{now: now.Now, method: hello.method, target: hello.target, header: http.Header{"Range": {"bytes=1-"}}}, hello},
		"too early":                {hello, openAsk{now: now.Now, method: hello.method, target: hello.target, off: 35 * time.Second}},
		"too late":                 {hello, openAsk{now: now.Now, method: hello.method, target: hello.target, off: -35 * time.Second}},
		"for another data center":  {hello, openAsk{now: now.Now, method: hello.method, target: hello.target, receiver: "LDC"}},
		"of before the last start": {hello, openAsk{now: now.Now, method: hello.method, target: hello.target, off: -25 * time.Second}},
	} {
		got := sendOpen(t, d, c.sent, proveOpen(key, c.proved))
		if c.sent.method == http.MethodHead {
			if got.status != http.StatusForbidden {
				t.Errorf("%s: %d", name, got.status)
			}
			continue
		}
		if p := got.refused(t, http.StatusForbidden, "unproved_message"); got.header.Get("X-Concord-Proof") != "" {
			t.Errorf("%s: the refusal is proved: %s", name, p.Detail)
		}
	}
	once := proveOpen(key, hello)
	if got := sendOpen(t, d, hello, once); got.status != http.StatusOK {
		t.Errorf("%d", got.status)
	}
	sendOpen(t, d, hello, once).refused(t, http.StatusForbidden, "unproved_message") // replayed
	sendOpen(t, d, hello, proveOpen(sharedKey("concord-open-1", otherPhrase), hello)).refused(t, http.StatusForbidden, "unproved_message")
	sendOpen(t, d, hello, proveOpen(sharedKey("concord-pair-1", phrase), hello)).refused(t, http.StatusForbidden, "unproved_message")
	sendOpen(t, d, hello, "").refused(t, http.StatusForbidden, "unproved_message")
	for _, damaged := range []string{"1", once + " ", once[2:], strings.Replace(once, "1 ", "2 ", 1), strings.Repeat("A", 4000), strings.Replace(once, " FAKE ", " NYDC ", 1)} {
		if got := sendOpen(t, d, hello, damaged); got.status != http.StatusForbidden {
			t.Errorf("%.30q: %d", damaged, got.status)
		}
	}
	if got := sendOpen(t, d, openAsk{now: now.Now, method: http.MethodGet, target: "/peer/v1/bundle"}, ""); got.status != http.StatusOK {
		t.Errorf("the bundle is open to everybody: %d", got.status)
	}
	pairing := openAsk{now: now.Now, method: http.MethodPost, target: "/peer/v1/pair", body: `{"cluster_id":"FAKE","bundle":"{}","proof":""}`, header: post.header}
	sendOpen(t, d, pairing, "").refused(t, http.StatusConflict, "mode_mismatch")
	// Nobody tells of roots, or acknowledges any, by a passphrase that other partners have too, and no token's secret goes without TLS.
	roots := openAsk{now: now.Now, method: http.MethodHead, target: "/peer/v1/trust?after=0&crl=0&wait=0s"}
	if got := sendOpen(t, d, roots, proveOpen(key, roots)); got.status != http.StatusConflict {
		t.Errorf("roots are told without TLS: %d", got.status)
	}
	enroll := openAsk{now: now.Now, method: http.MethodPost, target: "/peer/v1/enroll", body: `{"id":"x","purpose":"agent","secret":"","csr_pem":""}`, header: post.header}
	sendOpen(t, d, enroll, "").refused(t, http.StatusConflict, "mode_mismatch")
	if conn, err := tls.Dial("tcp", d.PeerAddress, &tls.Config{InsecureSkipVerify: true}); err == nil { //nolint:gosec // the test is the caller
		_ = conn.Close()
		t.Error("mode open takes TLS")
	}
	// The former passphrase proves for a while, until the new one was proved.
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: otherPhrase})
	if got := sendOpen(t, d, hello, proveOpen(key, hello)); got.status != http.StatusOK {
		t.Errorf("the former passphrase: %d %s", got.status, got.body)
	}
	if got := sendOpen(t, d, hello, proveOpen(sharedKey("concord-open-1", otherPhrase), hello)); got.status != http.StatusOK {
		t.Errorf("the new passphrase: %d %s", got.status, got.body)
	}
	sendOpen(t, d, hello, proveOpen(key, hello)).refused(t, http.StatusForbidden, "unproved_message")
}

// TestAConnectionOutlivesNoMode: a change of the mode counts at the next request, on connections that were there before too (SEC-40).
func TestAConnectionOutlivesNoMode(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC")[0]
	cfg := stranger(t, d)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, Passphrase: phrase})
	secured := &http.Transport{TLSClientConfig: cfg.Clone()}
	t.Cleanup(secured.CloseIdleConnections)
	asked := func(c http.RoundTripper, url, proof string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if proof != "" {
			req.Header.Set("X-Concord-Proof", proof)
		}
		res, err := c.RoundTrip(req)
		if err != nil {
			return 0 // there is nobody there who speaks so
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode
	}
	if got := asked(secured, "https://"+d.PeerAddress+"/peer/v1/hello", ""); got != http.StatusOK {
		t.Fatalf("in mode cert: %d", got)
	}
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "open"})
	if got := asked(secured, "https://"+d.PeerAddress+"/peer/v1/hello", ""); got != http.StatusConflict && got != 0 { // it is cut off, too
		t.Errorf("the former connection, in mode open: %d", got)
	}
	plain := &http.Transport{DisableCompression: true}
	t.Cleanup(plain.CloseIdleConnections)
	proof := func() string {
		return proveOpen(sharedKey("concord-open-1", phrase), openAsk{method: http.MethodGet, target: "/peer/v1/hello"})
	}
	if got := asked(plain, "http://"+d.PeerAddress+"/peer/v1/hello", proof()); got != http.StatusOK {
		t.Errorf("in mode open: %d", got)
	}
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "cert"})
	if got := asked(plain, "http://"+d.PeerAddress+"/peer/v1/hello", proof()); got == http.StatusOK || got == http.StatusForbidden { // it is cut off, and a new one finds TLS
		t.Errorf("the plain connection, in mode cert again: %d", got)
	}
	if got := asked(secured, "https://"+d.PeerAddress+"/peer/v1/hello", ""); got != http.StatusOK {
		t.Errorf("in mode cert again: %d", got)
	}
}

// TestAManInTheMiddleOfOpen: what answers between two real data centers in mode open can change nothing of an answer, nor cut it off, nor
// answer with another one: each time the test of the partner fails, and passes when it is left alone (OAM-41).
func TestAManInTheMiddleOfOpen(t *testing.T) {
	t.Parallel()
	all := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	target, err := url.Parse("http://" + ldn.PeerAddress)
	if err != nil {
		t.Fatal(err)
	}
	var spoil atomic.Pointer[func(*http.Response) error]
	middle := httptest.NewServer(&httputil.ReverseProxy{
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(res *http.Response) error {
			if f := spoil.Load(); f != nil && strings.HasPrefix(res.Request.URL.Path, "/peer/v1/hello") {
				return (*f)(res)
			}
			return nil
		},
	})
	t.Cleanup(middle.Close)
	for _, d := range all {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: "standalone", SecurityMode: "open"})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	}
	ldn.Shares(ny, phrase)
	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{strings.TrimPrefix(middle.URL, "http://")}, Passphrase: phrase})
	tested := func() wire.PartnerTest {
		var out wire.PartnerTest
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &out}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := tested(); got.Result != wire.ResultPass {
		t.Fatalf("left alone: %+v", got)
	}
	whole := func(res *http.Response, change func([]byte) []byte) error {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		b = change(b)
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		res.Header.Set("Content-Length", strconv.Itoa(len(b)))
		return nil
	}
	var former []byte
	var formerProof string
	for _, c := range []struct {
		name  string
		spoil func(res *http.Response) error
	}{
		{"a byte of the body", func(res *http.Response) error {
			return whole(res, func(b []byte) []byte { b[10] ^= 1; return b })
		}},
		{"cut off", func(res *http.Response) error {
			return whole(res, func(b []byte) []byte {
				former, formerProof = slices.Clone(b), res.Header.Get("X-Concord-Proof")
				return b[:len(b)-40]
			})
		}},
		{"without its frames", func(res *http.Response) error {
			return whole(res, func(b []byte) []byte { return b[4 : len(b)-32] })
		}},
		{"the answer to another question", func(res *http.Response) error {
			res.Header.Set("X-Concord-Proof", formerProof)
			return whole(res, func([]byte) []byte { return former })
		}},
		{"another status", func(res *http.Response) error { res.StatusCode = http.StatusCreated; return nil }},
		{"another header", func(res *http.Response) error { res.Header.Set("X-Concord-Cluster", "XDC"); return nil }},
		{"no proof", func(res *http.Response) error { res.Header.Del("X-Concord-Proof"); return nil }},
		{"the question's proof, reflected", func(res *http.Response) error {
			res.Header.Set("X-Concord-Proof", res.Request.Header.Get("X-Concord-Proof"))
			return nil
		}},
		{"a refusal of its own", func(res *http.Response) error {
			res.StatusCode = http.StatusForbidden
			return whole(res, func([]byte) []byte { return []byte(`{"code":"not_a_partner","detail":"LIES"}`) })
		}},
	} {
		spoil.Store(&c.spoil)
		got := tested()
		if got.Result != wire.ResultFail {
			t.Errorf("%s is believed: %+v", c.name, got)
		}
		for _, check := range got.Checks {
			if strings.Contains(check.Detail, "LIES") {
				t.Errorf("%s is shown: %+v", c.name, check)
			}
		}
	}
	spoil.Store(nil)
	if got := tested(); got.Result != wire.ResultPass {
		t.Errorf("left alone again: %+v", got)
	}
}

// TestAManInTheMiddleOfSimple relays between two real data centers that pair, under TLS of its own to both: the keying material of
// the two connections differs, so neither proof is good on the other, and nobody pins anything (OAM-41).
func TestAManInTheMiddleOfSimple(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{madeUp(t, "spiffe://ldc/node/ldc1")}, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	var relayed atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go relay(c, ldn.PeerAddress, &relayed)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	for _, d := range all {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: "standalone", SecurityMode: "simple"})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	}
	ldn.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{l.Addr().String()}, Passphrase: phrase})
	var here, there wire.PartnerView
	ny.Within(testkit.Limit, "the relayed proof is refused", func() bool {
		ny.Get("/v1/partners/LDC", &here)
		return strings.Contains(here.PairingError, "made on another connection")
	})
	ldn.Get("/v1/partners/NYDC", &there)
	if here.Paired || there.Paired || relayed.Load() == 0 {
		t.Errorf("paired through the man in the middle: %+v %+v, %d requests relayed", here, there, relayed.Load())
	}
	var test wire.PartnerTest
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil || test.Result != wire.ResultFail {
		t.Errorf("%+v %v", test, err)
	}
	// The way to the real one is enough for the two to pair, but for the proof that was refused: a new version tries at once.
	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{ldn.PeerAddress}, Passphrase: phrase, PassphraseVersion: 2})
	ny.Within(testkit.Limit, "paired", func() bool {
		here = wire.PartnerView{} // what an answer leaves out stays as it was
		ny.Get("/v1/partners/LDC", &here)
		return here.Paired && here.PairingError == ""
	})
}

// relay passes requests on, one after another, under another TLS connection.
func relay(c net.Conn, to string, relayed *atomic.Int64) {
	defer c.Close()                                                                                         //nolint:errcheck // the test is over
	up, err := tls.Dial("tcp", to, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // the test is the attacker
	if err != nil {
		return
	}
	defer up.Close() //nolint:errcheck // the same
	from, back := bufio.NewReader(c), bufio.NewReader(up)
	for {
		req, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		if req.Write(up) != nil {
			return
		}
		res, err := http.ReadResponse(back, req)
		if err != nil || res.Write(c) != nil {
			return
		}
		relayed.Add(1)
	}
}
