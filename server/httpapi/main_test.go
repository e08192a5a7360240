package httpapi_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestMain wants every node of every test to end whole (FLT-32).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *testkit.DataCenter {
	t.Helper()
	t.Parallel()
	return testkit.Start(t, "NYDC")[0]
}

// ask is one plain HTTP request, for what internal/client would not send.
type ask struct {
	method, url string
	body        string
	header      http.Header
	tls         *tls.Config     // nil: trust in the data center's root
	pool        *http.Transport // nil: over a connection of its own
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send asks and, when a program's route refuses, checks that the refusal is a problem document.
func send(t *testing.T, d *testkit.DataCenter, a ask) answer {
	t.Helper()
	if a.tls == nil {
		a.tls = d.TLS()
	}
	pool := a.pool
	if pool == nil {
		pool = &http.Transport{TLSClientConfig: a.tls, DisableCompression: true}
		defer pool.CloseIdleConnections()
	}
	req, err := http.NewRequestWithContext(t.Context(), a.method, a.url, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		req.Header[k] = v
	}
	res, err := pool.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", a.method, a.url, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: res.StatusCode, header: res.Header, body: string(b)}
	if out.status >= 400 && a.method != http.MethodHead && !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		out.problem(t)
	}
	return out
}

// admin is send with the administrator's token and a JSON body.
func admin(t *testing.T, d *testkit.DataCenter, method, path, body string, header ...string) answer {
	t.Helper()
	h := http.Header{"Authorization": {"Bearer " + d.Token}}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return send(t, d, ask{method: method, url: d.Endpoint + path, body: body, header: h})
}

// problem reads the answer as a problem document and checks its shape (STD-01).
func (a answer) problem(t *testing.T) (p wire.Problem) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != wire.ProblemType {
		t.Errorf("status %d with content type %q: %.200s", a.status, got, a.body)
		return p
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Errorf("problem: %v in %s", err, a.body)
		return p
	}
	switch {
	case p.Status != a.status, p.Title != http.StatusText(a.status), p.Code == "", p.Detail == "", p.Type != "urn:concord:problem:"+p.Code:
		t.Errorf("status %d with the problem %+v", a.status, p)
	case p.RequestID == "" || p.RequestID != a.header.Get(wire.HeaderRequestID):
		t.Errorf("the problem's request id is %q, the header's %q", p.RequestID, a.header.Get(wire.HeaderRequestID))
	case a.status != http.StatusMethodNotAllowed && a.status != http.StatusUnsupportedMediaType && client.KindName(client.KindFromStatus(a.status)) != p.Kind:
		t.Errorf("status %d is of kind %q", a.status, p.Kind)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of a problem: %v", a.header)
	}
	return p
}

// refused checks status and code.
func (a answer) refused(t *testing.T, status int, code string) wire.Problem {
	t.Helper()
	p := a.problem(t)
	if a.status != status || p.Code != code {
		t.Errorf("got %d %q (%s), want %d %q", a.status, p.Code, p.Detail, status, code)
	}
	return p
}

// wantFault checks what internal/client made of a refusal.
func wantFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if !fault.Is(err, kind) || fault.CodeOf(err) != code {
		t.Errorf("got %v (code %q), want code %q", err, fault.CodeOf(err), code)
	}
}
