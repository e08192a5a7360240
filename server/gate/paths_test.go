package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/gate"
)

// guarded are paths of which nobody gets any without signing in, one at each host; all others are open there.
func guarded() []string {
	return []string{"/admin/**", "/admin", "/admin/*", "/admin/", "/admin/users", "/a/b/**", "/a/*/c", "/*/admin/**", "/secret.txt", "/public/admin/**", "/public/**", "/über/**", "/a b/**", "/ADMIN/**",
		"/*", "/*/*", "/secret.txt/**", "/~root/**", "/a/b/c", "/**"}
}

func guardedHost(i int) string { return fmt.Sprintf("h%02d.example", i) }

// front is a real gate before a real data center and an application that keeps what reaches it.
type front struct {
	t       *testing.T
	d       *testkit.DataCenter
	address string
	reached *http.Request // by the last request; nil = none

	conn net.Conn
	in   *bufio.Reader
}

func newFront(t *testing.T) *front {
	t.Helper()
	t.Parallel()
	f := &front{t: t, d: testkit.Start(t, "NYDC")[0]}
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f.reached = r }))
	t.Cleanup(application.Close)
	agent := wire.Agent{Name: "web", Secret: secret, Hosts: []string{"https://a.wild.example", "https://b.wild.example", "https://told.example"}}
	for i, pattern := range guarded() {
		agent.Hosts = append(agent.Hosts, "https://"+guardedHost(i))
		resources := map[string]wire.Resource{"guarded": {Paths: []string{pattern}}}
		if pattern != "/**" {
			resources["open"] = wire.Resource{Paths: []string{"/**"}, Protection: "public"}
		}
		f.d.Put(fmt.Sprintf("/v1/applications/h%02d", i), wire.Application{Name: fmt.Sprintf("h%02d", i), Hosts: []string{guardedHost(i)}, Resources: resources})
	}
	all := func(protection string) map[string]wire.Resource {
		return map[string]wire.Resource{"all": {Paths: []string{"/**"}, Protection: protection}}
	}
	f.d.Put("/v1/applications/wild", wire.Application{Name: "wild", Hosts: []string{"*.wild.example"}, Resources: all("public")})
	f.d.Put("/v1/applications/b", wire.Application{Name: "b", Hosts: []string{"b.wild.example"}, Resources: all("protected")})
	f.d.Put("/v1/authorization-policies/told", wire.AuthorizationPolicy{Name: "told", Rules: []wire.Rule{}, Responses: &wire.Responses{Headers: map[string]string{"X-Department": "attributes.department"}}})
	told := all("public")
	told["staff"] = wire.Resource{Paths: []string{"/staff"}, AuthorizationPolicy: "told"}
	f.d.Put("/v1/applications/told", wire.Application{Name: "told", Hosts: []string{"told.example"}, Resources: told})
	f.d.Put("/v1/agents/web", agent)
	f.open(application.URL)
	return f
}

func (f *front) open(upstream string) {
	f.t.Helper()
	path := write(f.t, map[string]string{"ca.pem": f.d.CACertPEM, "secret": secret, "gate.hcl": `
cluster_id      = "NYDC"
agent           = "web"
secret_file     = "secret"
listen          = "127.0.0.1:1"
upstream        = "` + upstream + `"
ca_file         = "ca.pem"
external_scheme = "https"
server "nydc1" { url = "` + f.d.RuntimeURL + `" }
`})
	c, err := gate.Load(path)
	if err != nil {
		f.t.Fatal(err)
	}
	c.Clock, c.Logger = clock.System{}, slog.New(slog.DiscardHandler)
	g, err := gate.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	s := httptest.NewServer(g.Handler())
	f.t.Cleanup(s.Close)
	f.address = strings.TrimPrefix(s.URL, "http://")
	f.t.Cleanup(func() {
		if f.conn != nil {
			f.conn.Close()
		}
	})
}

// send writes a request as it is, over a connection that is kept while it can be, and says which request reached the application.
func (f *front) send(line, host string, headers ...string) (reached *http.Request, status int) {
	f.t.Helper()
	f.reached = nil
	if f.conn == nil {
		var err error
		if f.conn, err = net.DialTimeout("tcp", f.address, 10*time.Second); err != nil {
			f.t.Fatal(err)
		}
		f.in = bufio.NewReader(f.conn)
	}
	_ = f.conn.SetDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
	text := line + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(append(slices.Clone(headers), ""), "\r\n") + "\r\n"
	_, err := io.WriteString(f.conn, text)
	if err == nil {
		var res *http.Response
		if res, err = http.ReadResponse(f.in, &http.Request{Method: strings.SplitN(line, " ", 2)[0]}); err == nil {
			status = res.StatusCode
			_, err = io.Copy(io.Discard, res.Body)
			if res.Close {
				err = io.EOF
			}
		}
	}
	if err != nil {
		f.conn.Close()
		f.conn = nil
	}
	return f.reached, status
}

// covered says whether some reading of the target is one that the pattern covers.
func covered(pattern, target string) bool {
	return slices.ContainsFunc(testkit.PathReadings(target), func(r string) bool { return covers(pattern, r) })
}

func covers(pattern, path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	p, s := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	for i, x := range p {
		switch {
		case x == "**":
			return len(s) >= i
		case i >= len(s), x == "*" && s[i] == "", x != "*" && x != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

// TestNoSpellingOpensAPath sends each way of writing an address to each of 20 guarded applications, through a gate to an application.
// What reaches the application can be read in no way as a guarded path (SEC-22, SEC-23, G-18). The negative control: without a gate
// hundreds of them would.
func TestNoSpellingOpensAPath(t *testing.T) {
	f := newFront(t)
	vectors := testkit.PathVectors()
	if len(vectors) < 300 || len(guarded()) < 20 {
		t.Fatalf("%d vectors, %d policies", len(vectors), len(guarded()))
	}
	passed, without, open := 0, 0, map[string]bool{}
	for i, pattern := range guarded() {
		for _, v := range vectors {
			weak := covered(pattern, v)
			if path, _, _ := strings.Cut(v, "?"); weak && !covers(pattern, path) {
				without++
			}
			if strings.ContainsAny(v, "\r\n") {
				continue
			}
			r, status := f.send("GET "+v, guardedHost(i))
			if r == nil {
				continue
			}
			passed++
			open[v] = true
			if covered(pattern, r.RequestURI) || weak {
				t.Errorf("%s is guarded, and %q opens it: %d as %q", pattern, v, status, r.RequestURI)
			}
		}
	}
	if without < 500 || passed < 100 || !open["/public/x"] || !open["/public/%C3%BC"] || !open["/public/x?y=/admin/users"] {
		t.Errorf("%d passed, %d would be read otherwise: the vectors prove nothing", passed, without)
	}
	t.Logf("%d vectors at %d applications: %d passed, %d could have been misread, none was", len(vectors), len(guarded()), passed, without)
}

// TestMethodsAreWhatTheyAre: SEC-24. Nothing but a method in capitals that is known passes, and no header changes it.
func TestMethodsAreWhatTheyAre(t *testing.T) {
	f := newFront(t)
	for _, m := range []string{"get", "Get", "FOO", "TRACE", "CONNECT", "PROPFIND", "GET\t", "G%45T"} {
		if r, status := f.send(m+" /public/x", guardedHost(0)); r != nil || status < 400 {
			t.Errorf("%q: %d", m, status)
		}
	}
	for _, m := range []string{"GET", "HEAD", "OPTIONS", "DELETE"} {
		if r, status := f.send(m+" /public/x", guardedHost(0), "X-HTTP-Method-Override: PUT", "X_HTTP_Method: PUT"); r == nil || r.Method != m || r.Header.Get("X-Http-Method-Override") != "" {
			t.Errorf("%s: %d, %v", m, status, r)
		}
		if r, status := f.send(m+" /admin/users", guardedHost(0), "X-HTTP-Method-Override: GET"); r != nil || status != http.StatusUnauthorized {
			t.Errorf("%s of a guarded path: %d", m, status)
		}
	}
}

// TestHostsAreOneOrRefused: SEC-25. The same host in another spelling gets the same decision, everything else none; the exact host
// comes before the wildcard, and a wildcard stands for one label.
func TestHostsAreOneOrRefused(t *testing.T) {
	f := newFront(t)
	for host, want := range map[string]int{
		"h00.example": 200, "H00.Example": 200, "h00.example.": 200, "h00.example:443": 200, "H00.EXAMPLE.:443": 200, "a.wild.example": 200, "A.WILD.example": 200,
		"b.wild.example": 401, "B.wild.example.": 401, "told.example": 200,
		"h00.example:80": 0, "h00.example:8443": 0, "h00.example..": 0, "h00.example:": 0, "h00.example:0443": 0, "h00.example:443:443": 0, "evil.example": 0, "x.h00.example": 0, "a.b.wild.example": 0, "wild.example": 0, ".wild.example": 0,
		"*.wild.example": 0, "c.wild.example": 0, "h00.example@evil.example": 0, "evil.example@h00.example": 0, "h00.example, evil.example": 0, "[::1%25eth0]": 0, "[::1]": 0, "127.1": 0, "0x7f000001": 0, "h00。example": 0, "ｈ00.example": 0, "h00.example%00": 0, "": 0,
	} {
		r, status := f.send("GET /public/x", host)
		if (r != nil) != (want == 200) || want > 0 && status != want || want == 0 && status < 400 {
			t.Errorf("host %q: %d", host, status)
		}
		if want == 200 && strings.HasPrefix(strings.ToLower(host), "h00") {
			if r, status := f.send("GET /admin/users", host); r != nil || status != http.StatusUnauthorized {
				t.Errorf("host %q opens /admin/users: %d", host, status)
			}
		}
	}
	if r, status := f.send("GET /public/x", "h00.example\r\nHost: h10.example"); r != nil || status < 400 {
		t.Errorf("two hosts: %d", status)
	}
}

// TestPoliciesHeadersAreNobodysElse: SEC-20. A header that a policy of the host sets reaches the application from no browser, also on
// paths that the policy does not guard.
func TestPoliciesHeadersAreNobodysElse(t *testing.T) {
	f := newFront(t)
	for _, h := range []string{"X-Department: hr", "x-department: hr", "X_Department: hr", "X-DEPARTMENT: hr", "X.Department: hr"} {
		r, status := f.send("GET /", "told.example", h, "Connection: X-Department, keep-alive", "X-Own: kept")
		if r == nil {
			t.Fatalf("%s: %d", h, status)
		}
		for name, v := range r.Header {
			if strings.Contains(strings.ToLower(name), "department") && v[0] != "" {
				t.Errorf("%s reaches the application as %s: %s", h, name, v)
			}
		}
		if r.Header.Get("X-Own") != "kept" {
			t.Error("another header is lost")
		}
		if r, _ := f.send("GET /", "a.wild.example", h); r == nil || len(r.Header["X-Department"]) > 0 && r.Header.Get("X-Department") == "" {
			t.Error("a host without such a policy loses the header")
		}
	}
}
