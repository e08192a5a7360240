package agent_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/agent"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// server stands in for one Concord server: what is tested is whom the agent asks, and when.
type server struct {
	*httptest.Server
	cluster, node string

	mu           sync.Mutex // guards the rest
	asked        []string   // "authorize", "redeem", "agent"
	down         bool
	registration wire.AgentRegistration
	decides      func(wire.AuthorizeRequest) wire.AuthorizeAnswer // nil = ann may
}

func newServer(t *testing.T, cluster, node string) *server {
	t.Helper()
	s := &server{cluster: cluster, node: node}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
	w.Header().Set(wire.HeaderCluster, s.cluster)
	w.Header().Set(wire.HeaderNode, s.node)
	w.Header().Set("Content-Type", "application/json")
	if s.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var out any
	switch what {
	case "authorize":
		if s.decides != nil {
			var in wire.AuthorizeRequest
			_ = json.NewDecoder(r.Body).Decode(&in)
			out = s.decides(in)
			break
		}
		out = wire.AuthorizeAnswer{Decision: wire.DecisionAllow, User: "ann", Headers: map[string]string{wire.HeaderUser: "ann", wire.HeaderGroups: "a,b", wire.HeaderLevel: "2"}}
	case "redeem":
		out = wire.RedeemAnswer{Location: "https://shop.example/", SetCookies: []string{"concord_agent_web=" + s.node + "; Path=/"}}
	case "agent":
		out = s.registration
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *server) fail(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *server) register(primary, secondary []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registration = wire.AgentRegistration{Name: "web", Primary: primary, Secondary: secondary, CacheLifetime: "0s"}
}

// taken gives what s was asked since the last time.
func (s *server) taken(what string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a == what {
			n++
		}
	}
	s.asked = slices.DeleteFunc(s.asked, func(a string) bool { return a == what })
	return n
}

func (s *server) listed() string { return s.node + "=" + s.URL }

// front is an agent before a handler that says yes.
type front struct {
	*agent.Agent
	t     *testing.T
	clock *clock.Manual
	next  http.Handler
	log   *strings.Builder
}

func newFront(t *testing.T, primaries, secondaries []*server) *front {
	t.Helper()
	f := &front{t: t, clock: clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), log: new(strings.Builder)}
	c := agent.Config{ClusterID: "NYDC", Name: "web", Secret: "a secret of some length", Scheme: "http", Clock: f.clock, Logger: slog.New(slog.NewTextHandler(f.log, nil))}
	for _, s := range primaries {
		c.Servers = append(c.Servers, agent.Server{Node: s.node, URL: s.URL})
	}
	for _, s := range secondaries {
		c.Secondaries = append(c.Secondaries, agent.Server{Node: s.node, URL: s.URL, ClusterID: "LDC"})
	}
	var err error
	if f.Agent, err = agent.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	f.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return f
}

// ask opens a page, with the agent's cookie where it is not "".
func (f *front) ask(target, cookie string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, target, nil)
	r.Host = "shop.example"
	if cookie != "" {
		r.Header.Set("Cookie", "concord_agent_web="+cookie)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.Protect(f.next).ServeHTTP(w, r)
	return w
}

func (f *front) opens(cookie string) {
	f.t.Helper()
	if w := f.ask("/", cookie); w.Code != http.StatusNoContent {
		f.t.Errorf("got %d", w.Code)
	}
}

// OAM-10, CAMS-05: the registered list takes the place of the file's without a restart, in its order; when the registration has none
// any more, the file's counts again.
func TestRegisteredServersAreTakenOver(t *testing.T) {
	t.Parallel()
	first, other, far := newServer(t, "NYDC", "ny1"), newServer(t, "NYDC", "ny2"), newServer(t, "LDC", "ld1")
	f := newFront(t, []*server{first}, nil)
	first.register([]string{other.listed()}, []string{"LDC/" + far.listed()})
	f.Refresh(t.Context())
	f.opens("")
	if a, b, c := first.taken("authorize"), other.taken("authorize"), far.taken("authorize"); a != 0 || b != 1 || c != 0 {
		t.Errorf("asked the file's %d times, the registered %d, the secondary %d", a, b, c)
	}
	other.fail(true)
	f.opens("")
	if n := far.taken("authorize"); n != 1 {
		t.Errorf("the registered secondary was asked %d times", n)
	}
	far.fail(true)
	f.opens("")
	if n := first.taken("authorize"); n != 1 {
		t.Errorf("nobody on the list answers: the file's was asked %d times", n)
	}
	first.register(nil, nil)
	f.Refresh(t.Context())
	far.fail(false)
	f.clock.Advance(time.Minute) // nobody is left out for a failure of before
	first.taken("authorize")
	f.opens("")
	if n := first.taken("authorize"); n != 1 {
		t.Errorf("without a registered list the file's was asked %d times", n)
	}
}

// CAMS-05: a list on which nobody answers as the server that it should be is not taken over, and the log says why, once.
func TestListsThatLeadNowhereAreNotTakenOver(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]func(t *testing.T) []string{
		"nobody there":   func(t *testing.T) []string { s := newServer(t, "NYDC", "ny2"); s.Close(); return []string{s.listed()} },
		"another node":   func(t *testing.T) []string { return []string{"ny3=" + newServer(t, "NYDC", "ny2").URL} },
		"another center": func(t *testing.T) []string { return []string{newServer(t, "LDC", "ny2").listed()} },
		"fails": func(t *testing.T) []string {
			s := newServer(t, "NYDC", "ny2")
			s.fail(true)
			return []string{s.listed()}
		},
		"malformed": func(*testing.T) []string { return []string{"ny2"} },
		"in clear":  func(*testing.T) []string { return []string{"ny2=http://192.0.2.1:7401"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newServer(t, "NYDC", "ny1")
			f := newFront(t, []*server{first}, nil)
			first.register(list(t), nil)
			warned := f.Refresh(t.Context())
			if f.RefreshAfter(t.Context(), warned) != warned || warned == "" {
				t.Error("nothing is said, or another thing each time")
			}
			if n := strings.Count(f.log.String(), "are not used"); n != 1 {
				t.Errorf("said %d times: %s", n, f.log)
			}
			f.opens("")
			if n := first.taken("authorize"); n != 1 {
				t.Errorf("the file's server was asked %d times", n)
			}
		})
	}
}

// CAMS-07: a server that is back is tried by people who sign in, or by the agent's own question; who is signed in is asked about there
// only afterwards, and (CAMS-08) who was moved meanwhile stays where he is.
func TestRecoveredServerGetsSignInsFirst(t *testing.T) {
	t.Parallel()
	a, b := newServer(t, "NYDC", "ny1"), newServer(t, "NYDC", "ny2")
	f := newFront(t, []*server{a, b}, nil)
	var ofA []string // cookies of two people who are a's
	for i := 0; len(ofA) < 2; i++ {
		try := strings.Repeat("x", i+1)
		f.opens(try)
		if b.taken("authorize"); a.taken("authorize") == 1 {
			ofA = append(ofA, try)
		}
	}
	cookie, absent := ofA[0], ofA[1]
	a.fail(true)
	f.opens(cookie)
	if n := a.taken("authorize"); n != 1 {
		t.Fatalf("a was asked %d times", n)
	}
	a.fail(false)
	f.clock.Advance(2 * time.Second) // its back-off is over
	for range 5 {
		f.opens(cookie)
		f.opens(absent) // who did not see the failure
	}
	if n := a.taken("authorize"); n != 0 {
		t.Errorf("a person who is signed in tried the failed server %d times", n)
	}
	for range 2 { // one of the two begins at a
		f.ask("/.concord/callback?code=c&state=s", "")
	}
	if n := a.taken("redeem"); n == 0 {
		t.Error("no sign-in tried the server that is back")
	}
	f.opens(cookie)
	if n := a.taken("authorize"); n != 0 {
		t.Errorf("who was moved came back: %d", n)
	}
	seen := 0
	for i := range 40 { // others are asked about there again
		f.opens("other" + strings.Repeat("y", i))
	}
	if seen = a.taken("authorize"); seen == 0 {
		t.Error("the server that is back gets nobody")
	}
}

// CAMS-08: whoever signs in stays with the server that signed him in.
func TestPeopleStayWithTheServerThatSignedThemIn(t *testing.T) {
	t.Parallel()
	a, b, c := newServer(t, "NYDC", "ny1"), newServer(t, "NYDC", "ny2"), newServer(t, "NYDC", "ny3")
	f := newFront(t, []*server{a, b, c}, nil)
	for range 3 {
		f.ask("/.concord/callback?code=c&state=s", "")
	}
	for _, s := range []*server{a, b, c} {
		if n := s.taken("redeem"); n != 1 {
			t.Fatalf("%s signed %d in", s.node, n)
		}
		for range 3 {
			f.opens(s.node) // the cookie that it gave
		}
		if n := s.taken("authorize"); n != 3 {
			t.Errorf("%s was asked %d times about its own", s.node, n)
		}
	}
}

// SEC-20, OAM-15: the program behind Protect learns who asks from Concord alone.
func TestHandlerLearnsWhoAsks(t *testing.T) {
	t.Parallel()
	s := newServer(t, "NYDC", "ny1")
	f := newFront(t, []*server{s}, nil)
	var got agent.Identity
	var known bool
	var header http.Header
	f.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, known = agent.IdentityOf(r.Context())
		header = r.Header
	})
	f.ask("/", "c", "X-Concord-User", "eve", "X_concord_user", "eve", "x-concord-groups", "root", "Connection", "X-Concord-User", "X-Forwarded-For", "1.2.3.4")
	if !known || got.User != "ann" || !slices.Equal(got.Groups, []string{"a", "b"}) || got.Level != 2 {
		t.Errorf("got %+v %v", got, known)
	}
	for name, values := range header {
		if text := strings.Join(values, ","); strings.Contains(text, "eve") || strings.Contains(text, "root") || strings.Contains(text, "1.2.3.4") || name == "Connection" || name == "Cookie" {
			t.Errorf("%s: %s", name, text)
		}
	}
	if v := header.Values(wire.HeaderUser); len(v) != 1 || v[0] != "ann" {
		t.Errorf("user %v", v)
	}
}

// SEC-68: a secret prints itself nowhere.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", agent.Config{Secret: "p4ssword"}, "secret", agent.Secret("p4ssword"))
	if strings.Contains(out.String(), "p4ss") {
		t.Error(out.String())
	}
}
