package app_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// offices are two data centers with one identity store, corp, of which each has a directory of its own, and an application for
// the group staff.
type offices struct {
	t                 *testing.T
	clock             *clock.Manual
	master, clone     *testkit.DataCenter
	atMaster, atClone *testkit.Directory
	app               testkit.Application
}

func newOffices(t *testing.T) *offices {
	t.Helper()
	o := &offices{t: t, clock: clock.NewManual(time.Now())}
	people := testkit.DirectoryPerson("ada", "mail: ada@example.org") + testkit.DirectoryPerson("bob") + testkit.DirectoryGroup("staff", testkit.PersonDN("ada"), testkit.PersonDN("bob"))
	o.atMaster, o.atClone = testkit.Slapd(t, people), testkit.Slapd(t, people)
	both := testkit.StartWith(t, testkit.Options{Clock: o.clock}, "NYDC", "LDC")
	o.master, o.clone = both[0], both[1]
	testkit.Link(o.master, o.clone)
	store := o.atMaster.Store("corp")
	store.CACertificatePEM += o.atClone.CACertPEM
	o.master.Put("/v1/identity-stores/corp", store)
	o.master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	o.master.Put("/v1/authorization-policies/staff", wire.AuthorizationPolicy{Name: "staff", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"staff"}}}})
	o.app = o.master.Application("desk", "https://desk.example")
	o.master.Put("/v1/applications/desk", wire.Application{Name: "desk", Hosts: []string{"desk.example"},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthorizationPolicy: "staff"}}})
	on := true
	o.master.Put("/v1/session-policy", wire.SessionPolicy{ContinueOnSyncFailure: &on})
	testkit.InStep(both...)
	values, err := json.Marshal(map[string][]string{"urls": {o.atClone.SecureURL}})
	if err != nil {
		t.Fatal(err)
	}
	o.clone.Put("/v1/overrides/identity_store/corp", wire.Override{Kind: "identity_store", Name: "corp", Values: values, BindPassword: testkit.DirectorySecret})
	return o
}

// signedIn is a browser in which somebody of the directory has signed in at a data center.
func (o *offices) signedIn(at *testkit.DataCenter, user string) *testkit.Browser {
	o.t.Helper()
	b := testkit.NewBrowser(o.t, o.master, o.clone)
	if status, code := b.SignInTo(at, "corp", user, testkit.Password); status != http.StatusOK {
		o.t.Fatalf("%s at %s: %d %s", user, at.ClusterID, status, code)
	}
	return b
}

func (o *offices) recheck() { o.clock.Advance(time.Minute + time.Second) }

// TestPeopleOfADirectoryAreKnownEverywhere: who signs in at one data center with the password of a directory is adopted at the
// other, whose own directory is asked from then on: the groups that it has now count, and who is gone there is asked for a
// password. With the home data center dead the session is made from the cookie, with the groups of the directory here
// (OAM-12, OAM-18, SEC-12).
func TestPeopleOfADirectoryAreKnownEverywhere(t *testing.T) {
	t.Parallel()
	o := newOffices(t)
	there := o.app.Through(o.clone)
	b := o.signedIn(o.master, "ADA")
	for _, app := range []testkit.Application{o.app, there} {
		if v := b.Open(app, "", ""); v.Asked || v.User != "ada" {
			t.Fatalf("at %s: %+v", app.At.ClusterID, v)
		}
	}
	if s := o.clone.Sessions("ada"); len(s) != 1 || s[0].IdentityStore != "corp" || s[0].Rule != "adopted_found" {
		t.Errorf("sessions at the clone: %+v", s)
	}
	cookie := b.AgentCookie(there)
	decides := func(want string) {
		t.Helper()
		if got := there.Authorize(cookie); got.Decision != want {
			t.Errorf("the clone says %s (%s), want %s", got.Decision, got.Reason, want)
		}
	}
	o.atClone.Admin(func(c *goldap.Conn) error {
		change := goldap.NewModifyRequest(testkit.GroupDN("staff"), nil)
		change.Delete("member", []string{testkit.PersonDN("ada")})
		return c.Modify(change)
	})
	decides(wire.DecisionAllow)
	o.recheck()
	decides(wire.DecisionDeny)
	if got := o.app.Authorize(b.AgentCookie(o.app)); got.Decision != wire.DecisionAllow {
		t.Errorf("the master, whose directory says otherwise: %s", got.Decision)
	}
	o.atClone.Admin(func(c *goldap.Conn) error { return c.Del(goldap.NewDelRequest(testkit.PersonDN("ada"), nil)) })
	o.recheck()
	decides(wire.DecisionChallenge)

	other := o.signedIn(o.master, "bob")
	o.master.Stop()
	if v := other.Open(there, "", ""); v.Asked || v.User != "bob" {
		t.Errorf("from the cookie: %+v", v)
	}
	if s := o.clone.Sessions("bob"); len(s) != 1 || s[0].Rule != "adopted_alone" {
		t.Errorf("sessions at the clone: %+v", s)
	}
}

// TestDirectoryThatIsDown: sessions go on, also after a restart and when they are adopted; a sign-in says that the directory is
// down and counts as no guess; local people and the other data center's are not touched by it.
func TestDirectoryThatIsDown(t *testing.T) {
	t.Parallel()
	o := newOffices(t)
	o.master.Put("/v1/users/lou", wire.User{Name: "lou", Password: testkit.Password, Groups: []string{"staff"}})
	b, stranger := o.signedIn(o.master, "ada"), testkit.NewBrowser(t, o.master)
	if v := b.Open(o.app, "", ""); v.User != "ada" {
		t.Fatalf("%+v", v)
	}
	o.atMaster.Kill()
	o.recheck()
	goesOn := func(when string) {
		t.Helper()
		if got := o.app.Authorize(b.AgentCookie(o.app)); got.Decision != wire.DecisionAllow {
			t.Errorf("%s: %s (%s)", when, got.Decision, got.Reason)
		}
	}
	goesOn("an open session")
	o.master.Stop()
	o.master.Start()
	goesOn("after a restart")
	for n := range 25 { // far beyond what an account may be guessed at
		if status, code := stranger.SignInTo(o.master, "corp", "ada", []string{testkit.Password, "wrong"}[n%2]); status != http.StatusServiceUnavailable || code != "identity_store_down" {
			t.Fatalf("sign-in: %d %s", status, code)
		}
	}
	if v := testkit.NewBrowser(t, o.master).Open(o.app, "lou", testkit.Password); v.User != "lou" {
		t.Errorf("a local user: %+v", v)
	}
	elsewhere := o.signedIn(o.clone, "bob")
	if v := elsewhere.Open(o.app, "", ""); v.Asked || v.User != "bob" {
		t.Errorf("adopted from the data center whose directory answers: %+v", v)
	}
	o.atMaster.Start()
	o.master.Within(testkit.Limit, "the directory is asked again, and nothing was counted", func() bool {
		status, _ := stranger.SignInTo(o.master, "corp", "ada", testkit.Password)
		return status == http.StatusOK
	})
}

// TestStoreThatIsTakenAway: sessions end with the store of their user, and its people sign in no more.
func TestStoreThatIsTakenAway(t *testing.T) {
	t.Parallel()
	o := newOffices(t)
	b := o.signedIn(o.clone, "ada")
	there := o.app.Through(o.clone)
	if v := b.Open(there, "", ""); v.User != "ada" {
		t.Fatalf("%+v", v)
	}
	o.clone.Delete("/v1/overrides/identity_store/corp")
	o.master.Delete("/v1/identity-stores/corp")
	testkit.InStep(o.master, o.clone)
	if got := there.Authorize(b.AgentCookie(there)); got.Decision != wire.DecisionChallenge {
		t.Errorf("%s (%s)", got.Decision, got.Reason)
	}
	if status, code := b.SignInTo(o.clone, "corp", "ada", testkit.Password); status != http.StatusServiceUnavailable || code != "no_identity_store" {
		t.Errorf("%d %s", status, code)
	}
}
