package app_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const desk = "https://desk.example"

// pair is a master and a clone as programs, with three people and one application.
func pair(t *testing.T) (master, clone *testkit.Process, app testkit.Application) {
	t.Helper()
	all := linked(t, "NYDC", "LDC")
	for _, u := range []string{"ann", "bob", "cid"} {
		all[0].User(u)
	}
	app = all[0].Application("desk", desk)
	testkit.InStep(centers(all)...)
	return all[0], all[1], app
}

func policy(d *testkit.DataCenter, p wire.SessionPolicy) { d.Put("/v1/session-policy", p) }

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

// signedIn is a browser of a user who signed in at the application's data center.
func signedIn(t *testing.T, app testkit.Application, user string, dcs ...*testkit.DataCenter) *testkit.Browser {
	t.Helper()
	b := testkit.NewBrowser(t, dcs...)
	if v := b.Open(app, user, testkit.Password); v.User != user {
		t.Fatalf("%s cannot sign in at %s: %+v", user, app.At.ClusterID, v)
	}
	return b
}

// TestAClonesWayWithoutItsMaster kills the master. Without continue_on_sync_failure its users are asked (OAM-31, OAM-38),
// with it they are not and are confirmed when it is back (OAM-32, X1). All the while the clone, also after a restart of its
// own, signs people in and refuses writes with the master's address (FLT-10, OAM-04, TAM-11): it has all that it needs itself (OAM-01, CAMS-09).
func TestAClonesWayWithoutItsMaster(t *testing.T) {
	master, clone, app := pair(t)
	dcs := []*testkit.DataCenter{&master.DataCenter, &clone.DataCenter}
	there := app.Through(&clone.DataCenter)
	ann := signedIn(t, app, "ann", dcs...)
	master.Kill()
	if v := ann.Open(there, "", ""); !v.Asked || v.User != "" {
		t.Errorf("unreachable, not to be continued: %+v", v)
	}
	if s := clone.Sessions("ann"); len(s) != 0 {
		t.Errorf("a session was made: %+v", s)
	}
	clone.Kill()
	clone.Start()
	signedIn(t, there, "cid", dcs...)
	_, err := clone.Do(client.Request{Method: http.MethodPut, Path: "/v1/groups/g", In: wire.Group{Name: "g"}})
	if api := new(fault.Error); fault.CodeOf(err) != "not_master" || !asFault(err, &api) || api.Hint != master.Endpoint {
		t.Errorf("a write on the clone: %v", err)
	}

	master.Start()
	policy(&master.DataCenter, wire.SessionPolicy{ContinueOnSyncFailure: yes()})
	testkit.InStep(dcs...)
	bob := signedIn(t, app, "bob", dcs...)
	master.Kill()
	if v := bob.Open(there, "", ""); v.Asked || v.User != "bob" {
		t.Errorf("unreachable, to be continued: %+v", v)
	}
	if s := clone.Sessions("bob"); len(s) != 1 || !s[0].Degraded {
		t.Errorf("the session made from the cookie: %+v", s)
	}
	var st wire.ReplicationStatus
	clone.Within(testkit.Limit, "says that it is stale", func() bool {
		clone.Get("/v1/replication/status", &st)
		return !st.Healthy
	})
	master.Start()
	clone.Within(testkit.Limit, "bob's session is confirmed", func() bool {
		s := clone.Sessions("bob")
		return len(s) == 1 && !s[0].Degraded
	})
	master.Put("/v1/groups/after", wire.Group{Name: "after"})
	testkit.InStep(dcs...)
}

func asFault(err error, out **fault.Error) bool {
	api, ok := err.(*client.APIError) //nolint:errorlint // the client gives it as it is
	if ok {
		*out = api.Fault
	}
	return ok
}

// TestUnknownSessionsAreNotMadeAgain: a home that answers, but no longer knows the session, is not an unreachable one,
// whatever the policy says about those (X3, SEC-04, OAM-29).
func TestUnknownSessionsAreNotMadeAgain(t *testing.T) {
	master, clone, app := pair(t)
	policy(&master.DataCenter, wire.SessionPolicy{ContinueOnSyncFailure: yes()})
	dcs := []*testkit.DataCenter{&master.DataCenter, &clone.DataCenter}
	ann := signedIn(t, app, "ann", dcs...)
	master.Kill()
	if err := os.RemoveAll(filepath.Join(master.DataDir, "sessions")); err != nil {
		t.Fatal(err)
	}
	master.Start()
	testkit.InStep(dcs...)
	if v := ann.Open(app.Through(&clone.DataCenter), "", ""); !v.Asked || v.User != "" {
		t.Errorf("at the clone: %+v", v)
	}
	if v := ann.Open(app, "", ""); !v.Asked {
		t.Errorf("at the master: %+v", v)
	}
}

// TestEndedWhileAway: a data center that was down while a sign-on ended knows it before it lets anybody in (SEC-03,
// SEC-05, OAM-37), also when the one that ended it is gone by then.
func TestEndedWhileAway(t *testing.T) {
	all := linked(t, "NYDC", "LDC", "FRA")
	ny, ldn, fra := all[0], all[1], all[2]
	dcs := centers(all)
	ny.User("ann")
	app := ny.Application("desk", desk)
	testkit.InStep(dcs...)
	ann := signedIn(t, app, "ann", dcs...)
	for _, d := range dcs[1:] {
		if v := ann.Open(app.Through(d), "", ""); v.User != "ann" {
			t.Fatalf("at %s: %+v", d.ClusterID, v)
		}
	}
	stolen := ann.Copy(dcs...)
	ldn.Kill()
	if p := ann.SignOut(&ny.DataCenter); !strings.Contains(p.Body, "LDC") {
		t.Errorf("the page does not name LDC, which has not heard of it: %s", p.Body)
	}
	fra.Within(testkit.Limit, "has heard of it", func() bool { return len(fra.Sessions("ann")) == 0 })
	ny.Kill()
	fra.Signal(syscall.SIGSTOP) // LDC has to wait for its answer
	ldn.Launch()
	ldn.Within(testkit.Limit, "says that it is not ready, and why", func() bool { return strings.Contains(health(t, &ldn.DataCenter), "sign-outs") })
	fra.Signal(syscall.SIGCONT)
	ldn.WaitReady()
	nothingOpens(t, stolen, app, dcs[1:])
}

// health is what load balancers are told; "" while nothing answers.
func health(t *testing.T, d *testkit.DataCenter) string {
	t.Helper()
	pool := &http.Transport{TLSClientConfig: d.TLS()}
	defer pool.CloseIdleConnections()
	res, err := (&http.Client{Transport: pool, Timeout: testkit.Limit}).Get(d.RuntimeURL + "/v1/health")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode == http.StatusOK {
		return ""
	}
	return string(b)
}

// TestWithoutRetrieval makes the session from the cookie and asks nobody (OAM-20, OAM-33).
func TestWithoutRetrieval(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dcs[0], dcs[1])
	policy(dcs[0], wire.SessionPolicy{RetrieveOnDemand: no()})
	dcs[0].User("ann")
	app := dcs[0].Application("desk", desk)
	testkit.InStep(dcs...)
	ann := signedIn(t, app, "ann", dcs...)
	if v := ann.Open(app.Through(dcs[1]), "", ""); v.User != "ann" || v.Asked {
		t.Errorf("at the clone: %+v", v)
	}
	if s := dcs[1].Sessions("ann"); len(s) != 1 || s[0].Degraded || s[0].ClientAddress != "" {
		t.Errorf("its session: %+v", s)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, dcs[0].Endpoint+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+dcs[0].Token)
	if page := ann.Do(req); page.Status != http.StatusOK || strings.Contains(page.Body, "concord_peer_retrievals_total{") {
		t.Errorf("the session was asked for: %d %s", page.Status, page.Body)
	}
	stolen := ann.Copy(dcs...)
	ann.SignOut(dcs[0])
	nothingOpens(t, stolen, app, dcs)
}

// TestTrustTakenAwayCountsAtOnce: from the moment in which the master's administrator removes a clone's root, the clone
// gets nothing more, on the connection that it has open too (SEC-43, FLT-22, OAM-43), and a session cannot be fetched: refused is
// not unreachable (X3). With the root back everything recovers by itself.
func TestTrustTakenAwayCountsAtOnce(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	master, clone := dcs[0], dcs[1]
	testkit.Link(master, clone)
	policy(master, wire.SessionPolicy{ContinueOnSyncFailure: yes()})
	master.User("ann")
	app := master.Application("desk", desk)
	testkit.InStep(dcs...)
	ann := signedIn(t, app, "ann", dcs...)
	if _, err := master.Do(client.Request{Method: http.MethodDelete, Path: "/v1/partners/LDC"}); fault.CodeOf(err) != "in_use" {
		t.Errorf("a partner with an agreement was removed: %v", err)
	}
	master.Delete("/v1/trust/certificates/LDC")
	before := clone.View().LastSequence
	master.Put("/v1/groups/secret", wire.Group{Name: "secret"})
	var st wire.ReplicationStatus
	clone.Within(testkit.Limit, "is told that it is refused", func() bool {
		clone.Get("/v1/replication/status", &st)
		return !st.Healthy
	})
	if v := clone.View(); v.LastSequence != before {
		t.Errorf("the clone went from %d to %d after it had lost the master's trust", before, v.LastSequence)
	}
	if v := ann.Open(app.Through(clone), "", ""); !v.Asked || v.User != "" {
		t.Errorf("refused: %+v", v)
	}
	master.Trusts(clone)
	testkit.InStep(dcs...)
	if v := ann.Open(app.Through(clone), "", ""); v.User != "ann" {
		t.Errorf("trusted again: %+v", v)
	}
}

// TestASignOutDuringAPartition cuts the link between two data centers that both go on. Asked during the cut, the other one
// refuses without continue_on_sync_failure; with it, it lets the old cookie in as degraded, and ends that as soon as the
// link is back (SEC-05, FLT-10).
func TestASignOutDuringAPartition(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := dcs[0], dcs[1]
	testkit.Link(ny, ldn)
	ny.User("ann")
	ny.User("bob")
	app := ny.Application("desk", desk)
	policy(ny, wire.SessionPolicy{RetrievalMaxWait: "300ms"})
	testkit.InStep(dcs...)
	cut := func() {
		for i, d := range dcs {
			other := dcs[1-i]
			d.Put("/v1/partners/"+other.ClusterID, wire.Partner{ClusterID: other.ClusterID, AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}, RESTEndpoint: other.Endpoint})
		}
	}
	heal := func() {
		ny.Trusts(ldn)
		ldn.Trusts(ny)
		testkit.InStep(dcs...)
	}
	for _, c := range []struct {
		user string
		on   bool
	}{{"ann", false}, {"bob", true}} {
		policy(ny, wire.SessionPolicy{RetrievalMaxWait: "300ms", ContinueOnSyncFailure: &c.on})
		testkit.InStep(dcs...)
		b := signedIn(t, app, c.user, dcs...)
		stolen := b.Copy(dcs...)
		cut()
		b.SignOut(ny)
		v := stolen.Open(app.Through(ldn), "", "")
		if here := ldn.Sessions(c.user); c.on && (v.User != c.user || len(here) != 1 || !here[0].Degraded) || !c.on && (v.User != "" || len(here) != 0) {
			t.Errorf("continue_on_sync_failure = %t: %+v, sessions %+v", c.on, v, here)
		}
		heal()
		ldn.Within(testkit.Limit, "the sign-out arrives", func() bool { return len(ldn.Sessions(c.user)) == 0 })
		nothingOpens(t, stolen, app, dcs)
	}
}
