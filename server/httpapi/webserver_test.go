package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// backend is an application that writes down what reached it.
type backend struct {
	*httptest.Server
	mu   sync.Mutex // guards seen
	seen []*http.Request
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.seen = append(b.seen, r)
		b.mu.Unlock()
		_, _ = io.WriteString(w, "hello "+r.Header.Get("X-Concord-User"))
	}))
	t.Cleanup(b.Close)
	return b
}

// taken gives what reached the application since it was asked last.
func (b *backend) taken() []*http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.seen
	b.seen = nil
	return out
}

// scene is a real web server between a browser and an application, which asks a data center.
type scene struct {
	t       *testing.T
	d       *testkit.DataCenter
	app     *backend
	front   *testkit.WebServer
	browser *testkit.Browser
	tls     *tls.Config
}

// webServers are those that the tests can run; each goes through the same.
func webServers() map[string]func(testing.TB, string, testkit.Site) *testkit.WebServer {
	return map[string]func(testing.TB, string, testkit.Site) *testkit.WebServer{"nginx": testkit.Nginx, "caddy": testkit.Caddy}
}

// play runs a test in front of each web server. Everybody may open /public, members of staff /admin, any user the rest.
func play(t *testing.T, act func(*testing.T, *scene)) {
	t.Helper()
	t.Parallel()
	for name, start := range webServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := testkit.Start(t, "NYDC")[0]
			d.User("ann")
			d.Put("/v1/groups/staff", wire.Group{Name: "staff"})
			d.User("sam", "staff")
			address, app := testkit.NewSite(t), newBackend(t)
			const secret = "a-secret-of-the-web-server"
			d.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://" + address}, StartPage: "https://" + address + "/start", Secret: secret})
			d.Put("/v1/authorization-policies/staff", wire.AuthorizationPolicy{Name: "staff", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"staff"}}}})
			d.Put("/v1/authorization-policies/near", wire.AuthorizationPolicy{Name: "near", Rules: []wire.Rule{{Effect: "allow", Networks: []string{"127.0.0.0/8"}}}})
			d.Put("/v1/authorization-policies/far", wire.AuthorizationPolicy{Name: "far", Rules: []wire.Rule{{Effect: "allow", Networks: []string{"10.0.0.0/8"}}}})
			d.Put("/v1/applications/web", wire.Application{Name: "web", Hosts: []string{address}, Resources: map[string]wire.Resource{
				"public": {Paths: []string{"/public/**", "/healthz"}, Protection: "excluded"}, "open": {Paths: []string{"/open"}, Protection: "public"},
				"admin": {Paths: []string{"/admin/**"}, AuthorizationPolicy: "staff"}, "near": {Paths: []string{"/near"}, AuthorizationPolicy: "near"}, "far": {Paths: []string{"/far"}, AuthorizationPolicy: "far"}, "all": {Paths: []string{"/**"}}}})
			front := start(t, address, testkit.Site{Application: app.Listener.Addr().String(), Agent: "web", Secret: secret,
				Runtime: strings.TrimPrefix(d.RuntimeURL, "https://"), CACertPEM: d.CACertPEM})
			trust, err := client.TLSFromPEM(front.CertPEM, "", "")
			if err != nil {
				t.Fatal(err)
			}
			act(t, &scene{t: t, d: d, app: app, front: front, tls: trust, browser: testkit.NewBrowser(t, d, &testkit.DataCenter{CACertPEM: front.CertPEM})})
		})
	}
}

// open goes to a path as a person does, through redirects and the sign-in form, and gives every answer on the way.
func (s *scene) open(path, user string) (all []testkit.Page) {
	s.t.Helper()
	at := s.front.Origin + path
	for range 12 {
		p := s.browser.Get(at)
		all = append(all, p)
		if p.Form != nil {
			if p = s.browser.Submit(p, url.Values{"user": {user}, "password": {testkit.Password}}); p.Form != nil {
				s.t.Fatalf("%s is not let in: %.300s", user, p.Body)
			}
			all = append(all, p)
		}
		if p.Location == "" {
			return all
		}
		to, err := p.URL.Parse(p.Location)
		if err != nil {
			s.t.Fatal(err)
		}
		at = to.String()
	}
	s.t.Fatalf("%s: sent in circles to %s", path, at)
	return nil
}

// raw sends bytes as they are, which no HTTP client would, and gives the status.
func (s *scene) raw(line string, headers ...string) int {
	s.t.Helper()
	c, err := (&tls.Dialer{Config: s.tls}).DialContext(s.t.Context(), "tcp", s.front.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // a TLS connection has deadlines
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", line, s.front.Address, strings.Join(append(slices.Clone(headers), ""), "\r\n"))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0 // it hung up on us
	}
	defer res.Body.Close()
	return res.StatusCode
}

// cookie is the browser's Cookie header for the application's host.
func (s *scene) cookie() string {
	u, _ := url.Parse(s.front.Origin)
	var out []string
	for _, c := range s.browser.Jar.Cookies(u) {
		out = append(out, c.Name+"="+c.Value)
	}
	return strings.Join(out, "; ")
}

// TestWebServersSignInAndOut is a person's way through a real web server: sent to sign in, back with a cookie, named to the
// application, which sees none of Concord's cookies and no secret, signed out, and asked again. No answer sets two cookies
// (OAM-15, SEC-13, SEC-20, STD-06).
func TestWebServersSignInAndOut(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		u, _ := url.Parse(s.front.Origin)
		s.browser.Jar.SetCookies(u, []*http.Cookie{{Name: "own", Value: `"a b"`, Path: "/"}})
		way := s.open("/reports?page=1", "ann")
		last := way[len(way)-1]
		if last.Status != 200 || last.Body != "hello ann" || last.URL.RequestURI() != "/reports?page=1" {
			t.Fatalf("at the end: %d %q at %s", last.Status, last.Body, last.URL)
		}
		if first := way[0]; first.Status != http.StatusFound || !strings.HasPrefix(first.Location, s.d.RuntimeURL+"/login?request=") {
			t.Errorf("first: %d to %s", first.Status, first.Location)
		}
		for _, p := range way {
			if n := len(p.Header.Values("Set-Cookie")); n > 1 && p.URL.Host == s.front.Address {
				t.Errorf("%s sets %d cookies", p.URL.Path, n)
			}
		}
		if strings.Contains(s.cookie(), "concord_flow_") || !strings.Contains(s.cookie(), "__Host-concord_agent_web=") {
			t.Errorf("cookies at the end: %s", s.cookie())
		}
		seen := s.app.taken()
		if len(seen) != 1 {
			t.Fatalf("%d requests reached the application", len(seen))
		}
		h := seen[0].Header
		if h.Get("X-Concord-User") != "ann" || h.Get("X-Concord-Level") != "1" || h.Get("X-Concord-Secret") != "" || h.Get("X-Concord-Agent") != "" {
			t.Errorf("the application gets %v", h)
		}
		if got := h.Get("Cookie"); strings.Contains(got, "concord") || !strings.Contains(got, "own=") {
			t.Errorf("the application gets the cookies %q", got)
		}
		if p := s.browser.Get(s.front.Origin + "/.concord/logout"); p.Status != http.StatusSeeOther || p.Location != s.d.RuntimeURL+"/logout" {
			t.Errorf("a link to sign out: %d to %s", p.Status, p.Location)
		}
		if n := s.raw("POST /.concord/logout", "Origin: https://evil.example", "Cookie: "+s.cookie()); n != http.StatusForbidden || len(s.d.Sessions("ann")) != 1 {
			t.Errorf("another site's sign-out: %d, %d sessions", n, len(s.d.Sessions("ann")))
		}
		if n := s.raw("POST /.concord/logout", "Origin: "+s.front.Origin, "Content-Length: 0", "Cookie: "+s.cookie()); n != http.StatusSeeOther || len(s.d.Sessions("ann")) != 0 {
			t.Errorf("the application's own: %d, %d sessions", n, len(s.d.Sessions("ann")))
		}
		if p := s.browser.Get(s.front.Origin + "/reports"); p.Status != http.StatusFound {
			t.Errorf("after sign-out: %d", p.Status)
		}
		if n := s.raw("GET /reports", "Cookie: "+s.cookie()); n != http.StatusUnauthorized {
			t.Errorf("a program after sign-out: %d", n)
		}
		if seen := s.app.taken(); len(seen) != 0 {
			t.Errorf("%s reached the application", seen[0].URL)
		}
	})
}

// TestWebServersPassNoTricks sends what made other products of this kind open: nothing of it opens anything (SEC-20 to SEC-24).
func TestWebServersPassNoTricks(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for _, h := range [][]string{
			{"X-Concord-User: sam"}, {"X_Concord_User: sam"}, {"x-concord-user: sam", "x_concord_groups: staff"}, {"X-Forwarded-Uri: /public/x"}, {"X-Forwarded-Method: OPTIONS"},
			{"X-Forwarded-Host: evil.example"}, {"X-Forwarded-Prefix: /public"}, {"X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/y"}, {"X-Original-URL: /public/x"},
			{"X-Original-URL: " + s.front.Origin + "/public/x", "X-Original-Method: GET"}, {"X-Rewrite-URL: /public/x"}, {"X-Concord-Agent: other"}, {"X-Concord-Secret: x"},
			{"X-HTTP-Method-Override: OPTIONS"}, {"User-Agent: kube-probe/1.29"}, {"User-Agent: GoogleHC/1.0"}, {"Authorization: Basic c2FtOng="},
			{"Connection: X-Forwarded-Uri, X-Concord-Secret"}, {"Cookie: __Host-concord_agent_web=x; __Host-concord_agent_web=y"},
		} {
			for _, line := range []string{"GET /admin/users", "GET /reports", "OPTIONS /reports", "HEAD /admin/", "GET /reports?x=/public/", "GET /reports/healthz"} {
				if n := s.raw(line, h...); n >= 200 && n < 300 {
					t.Errorf("%s with %q: %d", line, h, n)
				}
			}
		}
		for _, line := range []string{"GET //public/../admin/", "GET /public/../admin/users", "GET /public/%2e%2e/admin/users", "GET /public/..%2fadmin", "GET /public/%2e%2e%2fadmin", "GET /public/..;/admin",
			"GET /public/x%00/../../admin", "GET /public\\..\\admin", "GET /public/%5c../admin", "GET /public/%252e%252e/admin", "GET /public%23/../admin", "GET /admin?/public/x", "GET /%61dmin/users", "GET /./admin/users",
			"GET //admin/users", "GET /admin/.", "GET /admin%20", "GET /ADMIN/../admin", "GET /public/%c0%ae%c0%ae/admin", "get /public/x", "FOO /public/x", "TRACE /public/x", "CONNECT /public/x", "GET /.concord/../reports", "GET /.concord/authorize",
			"GET /%2econcord/authorize", "GET /.concord", "GET /.concord/x", "POST /.concord/callback", "GET https://" + s.front.Address + "/reports"} {
			if n := s.raw(line, "Sec-Fetch-Mode: navigate"); n >= 200 && n < 300 {
				t.Errorf("%s: %d", line, n)
			}
		}
		if seen := s.app.taken(); len(seen) != 0 {
			t.Errorf("%d requests of nobody reached the application, first %s %s", len(seen), seen[0].Method, seen[0].RequestURI)
		}
	})
}

// TestWebServersNameOnlyWhoIsSignedIn: what a signed-in browser or nobody sends under Concord's names never reaches the
// application as the name of somebody else, and people who may not get 403 (SEC-20).
func TestWebServersNameOnlyWhoIsSignedIn(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		if n := s.raw("GET /public/x", "X-Concord-User: sam", "X_Concord_User: sam", "X-Concord-Assertion: x"); n != 200 {
			t.Errorf("an excluded path: %d", n)
		}
		if n := s.raw("GET /open", "X-Concord-User: sam", "X_Concord_User: sam", "x-concord-groups: staff", "Cookie: own=1"); n != 200 {
			t.Errorf("a public path: %d", n)
		}
		s.open("/reports", "ann")
		mine := "Cookie: " + s.cookie()
		for _, h := range []string{"X-Concord-User: sam", "X_Concord_User: sam", "X-CONCORD-GROUPS: staff", "Connection: X-Concord-User", "X_CONCORD_USER: sam", "X-Concord-Secret: y"} {
			if n := s.raw("GET /reports", mine, h); n != 200 {
				t.Errorf("with %s: %d", h, n)
			}
		}
		if n := s.raw("GET /admin/x", mine, "X-Concord-Groups: staff", "X-Forwarded-Uri: /reports"); n != http.StatusForbidden {
			t.Errorf("ann in /admin: %d", n)
		}
		if n := s.raw("FOO /reports", mine); n < 400 {
			t.Errorf("an unknown method: %d", n)
		}
		seen := s.app.taken()
		if len(seen) != 9 {
			t.Errorf("%d requests reached the application", len(seen))
		}
		for _, r := range seen {
			for name, v := range r.Header {
				spelled := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
				if strings.HasPrefix(spelled, "x-concord-") && (strings.Contains(name, "_") || v[0] == "sam" || v[0] == "staff" || spelled == "x-concord-secret" && v[0] != "") {
					t.Errorf("%s reaches the application with %s: %v", r.RequestURI, name, v)
				}
				if spelled == "cookie" && strings.Contains(strings.Join(v, ";"), "concord") {
					t.Errorf("%s reaches the application with %v", r.RequestURI, v)
				}
			}
		}
	})
}

// TestWebServersManyTabs: a browser with many half-finished sign-ins gets on, with one cookie in each answer.
func TestWebServersManyTabs(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i := range 9 {
			p := s.browser.Get(s.front.Origin + fmt.Sprintf("/tab/%d", i))
			for hop := 0; p.Location == s.front.Origin+fmt.Sprintf("/tab/%d", i) && hop < 3; hop++ {
				p = s.browser.Get(p.Location)
			}
			if p.Status != http.StatusFound || !strings.Contains(p.Location, "/login?request=") || len(p.Header.Values("Set-Cookie")) != 1 {
				t.Fatalf("tab %d: %d to %q with %d cookies", i, p.Status, p.Location, len(p.Header.Values("Set-Cookie")))
			}
		}
		if way := s.open("/last", "ann"); way[len(way)-1].Body != "hello ann" {
			t.Errorf("at the end: %+v", way[len(way)-1])
		}
	})
}

// TestWebServersSayWhereTheClientIs: rules on networks go by the connection to the web server, whatever a browser says of its
// address (SEC-20).
func TestWebServersSayWhereTheClientIs(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.open("/reports", "ann")
		mine := "Cookie: " + s.cookie()
		for _, h := range []string{"X-Own: 1", "X-Concord-Client-Address: 10.1.2.3", "X_Concord_Client_Address: 10.1.2.3", "X-Concord-Client-Address: x-forwarded-for", "X-Forwarded-For: 10.1.2.3", "X-Real-IP: 10.1.2.3", "Forwarded: for=10.1.2.3", "Connection: X-Concord-Client-Address"} {
			if n := s.raw("GET /near", mine, h); n != 200 {
				t.Errorf("/near with %s: %d", h, n)
			}
			if n := s.raw("GET /far", mine, h, "X-Forwarded-For: 10.1.2.3"); n != http.StatusForbidden {
				t.Errorf("/far with %s: %d", h, n)
			}
		}
		for _, r := range s.app.taken() {
			if v := r.Header.Get("X-Concord-Client-Address"); v != "" {
				t.Errorf("the application gets the address %q", v)
			}
		}
	})
}

// TestWebServersOpenNoPathBySpelling: what reaches the application without a sign-in can be read in no way as a path that is not
// open (SEC-22, SEC-23, G-18), whatever the web server does with the address before it asks or after.
func TestWebServersOpenNoPathBySpelling(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		opened := 0
		for _, v := range testkit.PathVectors() {
			if strings.ContainsAny(v, "\r\n") {
				continue
			}
			s.raw("GET " + v)
			for _, r := range s.app.taken() {
				opened++
				for _, path := range testkit.PathReadings(r.RequestURI) {
					if path != "/open" && path != "/healthz" && path != "/public" && !strings.HasPrefix(path, "/public/") {
						t.Errorf("%q reaches the application as %q, which can be read as %q", v, r.RequestURI, path)
					}
				}
			}
		}
		if opened < 5 {
			t.Errorf("only %d requests were let through: the vectors prove nothing", opened)
		}
	})
}
