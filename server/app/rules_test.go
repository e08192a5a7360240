package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// mesh is three data centers as programs, with one application: NYDC is the master, people sign in at LDC.
type mesh struct {
	t            *testing.T
	ny, ldn, par *testkit.Process
	dcs          []*testkit.DataCenter
	app          testkit.Application // at LDC
}

func newMesh(t *testing.T, users ...string) *mesh {
	all := linked(t, "NYDC", "LDC", "PARIS")
	m := &mesh{t: t, ny: all[0], ldn: all[1], par: all[2], dcs: centers(all)}
	for _, u := range users {
		m.ny.User(u)
	}
	m.app = m.ny.Application("desk", desk).Through(&m.ldn.DataCenter)
	testkit.InStep(m.dcs...)
	return m
}

func (m *mesh) policy(p wire.SessionPolicy) {
	m.t.Helper()
	policy(&m.ny.DataCenter, p)
	testkit.InStep(m.dcs...)
}

// at goes to the application through the agent of a data center.
func (m *mesh) at(b *testkit.Browser, p *testkit.Process, user string) testkit.Visit {
	m.t.Helper()
	return b.Open(m.app.Through(&p.DataCenter), user, testkit.Password)
}

// in says where a user has sessions, without what does not run.
func (m *mesh) in(user string) string {
	m.t.Helper()
	var in []string
	for _, d := range m.dcs {
		if len(d.Sessions(user)) > 0 {
			in = append(in, d.ClusterID)
		}
	}
	return strings.Join(in, " ")
}

func (m *mesh) staysIn(user, want string) {
	m.t.Helper()
	m.ny.Within(testkit.Limit, user+" has sessions in "+want+" alone", func() bool { return m.in(user) == want })
}

// OAM-19, OAM-20, OAM-21, OAM-29, OAM-30, OAM-33, OAM-34, OAM-36: what becomes of the session of a person who signed in at LDC
// and goes to PARIS and back, under each policy, over real links.
func TestPoliciesOverTheWire(t *testing.T) {
	m := newMesh(t, "ann", "bob", "cid", "dan")
	for _, c := range []struct {
		name, user   string
		policy       wire.SessionPolicy
		asked        bool // at PARIS
		there, again string
	}{
		{"OAM-30 not anchored", "ann", wire.SessionPolicy{}, false, "LDC PARIS", "LDC PARIS"},
		{"OAM-29 anchored", "bob", wire.SessionPolicy{Anchored: yes()}, false, "PARIS", "LDC"},
		{"OAM-33 without retrieval", "cid", wire.SessionPolicy{RetrieveOnDemand: no()}, false, "LDC PARIS", "LDC PARIS"},
		{"OAM-21 the password again", "dan", wire.SessionPolicy{Reauthenticate: yes()}, true, "LDC PARIS", "LDC PARIS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.t = t
			m.policy(c.policy)
			b := signedIn(t, m.app, c.user, m.dcs...)
			home := m.ldn.Sessions(c.user)[0]
			fresh := b.Copy(m.dcs...)
			fresh.ForgetAgents() // a new application: the way leads through the sign-in host
			if v := m.at(fresh, m.par, c.user); v.User != c.user || v.Asked != c.asked {
				t.Fatalf("at PARIS: %+v", v)
			}
			m.staysIn(c.user, c.there)
			for _, d := range m.dcs {
				for _, s := range d.Sessions(c.user) {
					if s.SSOID != home.SSOID || !s.ExpiresAt.Equal(home.ExpiresAt) {
						t.Errorf("%s has %+v, the sign-in made %+v", d.ClusterID, s, home)
					}
				}
			}
			if v := m.at(b, m.ldn, ""); v.User != c.user || v.Asked { // OAM-36: the agent's cookie of LDC
				t.Fatalf("back at LDC: %+v", v)
			}
			m.staysIn(c.user, c.again)
			b.SignOut(&m.ldn.DataCenter)
			m.staysIn(c.user, "")
		})
	}
}

// OAM-31, OAM-32, OAM-34, OAM-38: LDC is killed. Without continuation PARIS asks for the password; with it the session is made
// from the cookie, and when LDC is back it is confirmed and, being anchored, taken over.
func TestKilledHome(t *testing.T) {
	m := newMesh(t, "ann", "bob")
	m.policy(wire.SessionPolicy{Anchored: yes()})
	ann := signedIn(t, m.app, "ann", m.dcs...)
	m.ldn.Kill()
	if v := ann.Open(m.app.Through(&m.par.DataCenter), "", ""); !v.Asked || v.User != "" {
		t.Errorf("OAM-31: %+v", v)
	}
	m.ldn.Start()
	m.policy(wire.SessionPolicy{Anchored: yes(), ContinueOnSyncFailure: yes()})
	bob := signedIn(t, m.app, "bob", m.dcs...)
	m.ldn.Kill()
	if v := m.at(bob, m.par, ""); v.Asked || v.User != "bob" {
		t.Errorf("OAM-32: %+v", v)
	}
	if s := m.par.Sessions("bob"); len(s) != 1 || !s[0].Degraded {
		t.Errorf("made from the cookie: %+v", s)
	}
	m.ldn.Start()
	m.staysIn("bob", "PARIS")
	if s := m.par.Sessions("bob"); len(s) != 1 || s[0].Degraded {
		t.Errorf("confirmed: %+v", s)
	}
}

// OAM-L2, CAMS-10: one number for a user over all data centers, one for a data center, on every path that makes a session.
func TestLimitsOverTheWire(t *testing.T) {
	m := newMesh(t, "ann", "bob")
	one := 1
	m.policy(wire.SessionPolicy{MaxSessionsPerUser: &one})
	ann := signedIn(t, m.app, "ann", m.dcs...)
	second := testkit.NewBrowser(t, m.dcs...)
	if v := m.at(second, m.par, "ann"); v.User != "" || !strings.Contains(v.Page.Body, "as often as is allowed") {
		t.Errorf("a second sign-in, at PARIS: %+v", v)
	}
	if v := m.at(ann, m.par, ""); v.User != "ann" || v.Asked {
		t.Errorf("adopted at PARIS: %+v", v)
	}
	ann.SignOut(&m.ldn.DataCenter)
	m.staysIn("ann", "")
	if v := m.at(second, m.par, "ann"); v.User != "ann" {
		t.Errorf("after the sign-out: %+v", v)
	}

	if _, err := m.par.Do(client.Request{Method: http.MethodPatch, Path: "/v1/data-center", In: map[string]any{"session_capacity": 1}}); err != nil {
		t.Fatal(err)
	}
	bob := signedIn(t, m.app, "bob", m.dcs...)
	if v := m.at(bob, m.par, ""); v.User != "" || !v.Asked {
		t.Errorf("PARIS is full: %+v", v)
	}
	second.SignOut(&m.par.DataCenter)
	m.staysIn("ann", "")
	if v := m.at(bob, m.par, ""); v.User != "bob" {
		t.Errorf("PARIS has room: %+v", v)
	}
}

// OAM-16, OAM-25: an authorization sets the cookie on the common domain, and takes it.
func TestInactivityCookieOverTheWire(t *testing.T) {
	m := newMesh(t, "ann")
	ann := signedIn(t, m.app, "ann", m.dcs...)
	cookie := ann.AgentCookie(m.app)
	m.policy(wire.SessionPolicy{GitoCookieDomain: "desk.example", SignInURL: "https://login.desk.example"})
	inactivity := ""
	for _, p := range []*testkit.Process{m.ldn, m.par, m.ldn} {
		var a wire.AuthorizeAnswer
		app := m.app.Through(&p.DataCenter)
		_, err := p.Agent(app.Agent, app.Secret).Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &a,
			In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: "https", Host: "desk.example", Target: "/", Cookie: cookie, InactivityCookie: inactivity}})
		if err != nil || a.Decision != wire.DecisionAllow || len(a.SetCookies) != 1 {
			t.Fatalf("at %s: %v %+v", p.ClusterID, err, a)
		}
		c, err := http.ParseSetCookie(a.SetCookies[0])
		if err != nil || c.Name != "__Secure-concord_gito" || c.Domain != "desk.example" || !c.Secure || !c.HttpOnly || c.Value == inactivity {
			t.Fatalf("at %s: %v %+v", p.ClusterID, err, c)
		}
		inactivity = c.Value
	}
}

// SEC-30: wrong passwords count over all data centers, right ones nowhere; a data center that is left alone goes on with its share.
func TestGuessesOverTheWire(t *testing.T) {
	m := newMesh(t, "ann", "bob")
	try := func(p *testkit.Process, user, password string) bool {
		t.Helper()
		_, err := p.Agent("", "").Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authenticate",
			In: wire.AuthenticateRequest{User: user, Password: password}})
		return err == nil
	}
	for _, p := range []*testkit.Process{m.ny, m.ldn, m.par, m.par, m.ldn, m.ny} {
		if !try(p, "ann", testkit.Password) {
			t.Fatalf("the right password at %s", p.ClusterID)
		}
	}
	for i := range 10 {
		try([]*testkit.Process{m.ny, m.ldn, m.par}[i%3], "ann", "a wrong password")
	}
	for _, p := range []*testkit.Process{m.ny, m.ldn, m.par} {
		if try(p, "ann", testkit.Password) {
			t.Errorf("after ten guesses everywhere %s still looks at passwords", p.ClusterID)
		}
	}
	m.ny.Kill()
	m.ldn.Kill()
	if !try(m.par, "bob", testkit.Password) {
		t.Error("alone PARIS signs nobody in")
	}
}
