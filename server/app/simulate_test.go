package app_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// breakable is three data centers whose every way to one another leads through a proxy.
type breakable struct {
	t    *testing.T
	dcs  []*testkit.DataCenter
	ways map[[2]string]*testkit.Proxy
	app  testkit.Application
}

func newBreakable(t *testing.T) *breakable {
	t.Helper()
	b := &breakable{t: t, dcs: testkit.Start(t, "NYDC", "LDC", "PARIS"), ways: map[[2]string]*testkit.Proxy{}}
	testkit.Link(b.dcs[0], b.dcs[1:]...)
	for _, from := range b.dcs {
		for _, to := range b.dcs {
			if from != to {
				way := testkit.NewProxy(t, to.PeerAddress)
				b.ways[[2]string{from.ClusterID, to.ClusterID}] = way
				from.Put(client.Path("v1", "partners", to.ClusterID), wire.Partner{ClusterID: to.ClusterID, AgentID: testkit.AgentID, Primary: []string{way.Address}, RESTEndpoint: to.Endpoint})
			}
		}
	}
	b.dcs[0].User("ann")
	b.app = b.dcs[0].Application("desk", desk)
	testkit.InStep(b.dcs...)
	return b
}

func (b *breakable) center(id string) *testkit.DataCenter {
	for _, d := range b.dcs {
		if d.ClusterID == id {
			return d
		}
	}
	b.t.Fatalf("no data center %q", id)
	return nil
}

// make causes a fault, or ends it.
func (b *breakable) make(f wire.SimulatedFault, begins bool) {
	b.t.Helper()
	switch {
	case f.Kind == "data_center" && begins:
		b.center(f.ClusterID).Stop()
	case f.Kind == "data_center":
		b.center(f.ClusterID).Start()
	}
	for way, proxy := range b.ways {
		here := way[0] == f.ClusterID || way[1] == f.ClusterID
		if f.Kind == "link" {
			here = here && (way[0] == f.Other || way[1] == f.Other)
		}
		if here && f.Kind != "data_center" {
			proxy.Refuse(begins)
		}
	}
}

// faultsOfThree are all of three data centers.
func faultsOfThree() (all []wire.SimulatedFault) {
	ids := []string{"NYDC", "LDC", "PARIS"}
	for i, id := range ids {
		all = append(all, wire.SimulatedFault{Kind: "data_center", ClusterID: id}, wire.SimulatedFault{Kind: "partner", ClusterID: id}, wire.SimulatedFault{Kind: "link", ClusterID: id, Other: ids[(i+1)%3]})
	}
	return all
}

// policiesOfAll are all that may be declared of the settings that decide about an adoption.
func policiesOfAll() (all []wire.SessionPolicy) {
	on := func(bits, bit int) *bool { v := bits&bit > 0; return &v }
	for bits := range 32 {
		p := wire.SessionPolicy{Anchored: on(bits, 1), RetrieveOnDemand: on(bits, 2), Reauthenticate: on(bits, 4), ContinueOnSyncFailure: on(bits, 8)}
		if *on(bits, 16) {
			p.GitoCookieDomain, p.SignInURL = "desk.example", "https://login.desk.example"
		}
		if !*p.Anchored || *p.RetrieveOnDemand {
			all = append(all, p)
		}
	}
	return all
}

// OAM-19..25, OAM-29..33, OAM-38, FLT-10: real data centers, each policy under a fault that really happens, meet with what was
// foretold for it before, and before that policy was declared: each person signed in at one data center who comes to another.
func TestFaultsComeAsSimulated(t *testing.T) {
	b := newBreakable(t)
	faults, rules := faultsOfThree(), map[string]int{}
	for i, p := range policiesOfAll() {
		f := faults[i%len(faults)]
		v, err := b.dcs[0].Admin().Simulate(t.Context(), wire.SimulationQuestion{Fault: f, SessionPolicy: &p})
		if err != nil {
			t.Fatal(err)
		}
		cookies := map[int]string{}
		for i, r := range v.People {
			if r.Origin != r.At || len(rules) == 0 { // who stays meets the same everywhere
				cookies[i] = signedIn(t, b.app.Through(b.center(r.Origin)), "ann", b.dcs...).AgentCookie(b.app)
			}
		}
		policy(b.dcs[0], p)
		testkit.InStep(b.dcs...)
		b.make(f, true)
		for i, r := range v.People {
			if cookies[i] != "" {
				rules[r.Rule]++
				b.meets(fmt.Sprintf("%+v under %s: from %s at %s", f, worded(p), r.Origin, r.At), r, cookies[i])
			}
		}
		b.make(f, false)
		policy(b.dcs[0], wire.SessionPolicy{})
		testkit.InStep(b.dcs...)
	}
	for _, rule := range []string{"found_local", "adopted_found", "adopted_cookie", "adopted_alone", "challenge_unreachable", "challenge_reauthenticate"} {
		if rules[rule] == 0 {
			t.Errorf("no case of %s: %v", rule, rules)
		}
	}
}

// meets sends the next request of somebody and compares.
func (b *breakable) meets(what string, r wire.SimulatedRequest, cookie string) {
	b.t.Helper()
	there := b.app.Through(b.center(r.At))
	got := there.Authorize(cookie)
	if served := got.Decision == wire.DecisionAllow; got.Reason != r.Rule || served != (r.Outcome == wire.OutcomeServed) {
		b.t.Errorf("%s: %s by %s, foretold %s by %s", what, got.Decision, got.Reason, r.Outcome, r.Rule)
	}
	if u, err := url.Parse(got.Location); err == nil && got.Decision == wire.DecisionChallenge && u.Host == "login.desk.example" {
		return // a name that nobody serves in a test
	}
	if r.Outcome != wire.OutcomeChallenged {
		return
	}
	if v := testkit.NewBrowser(b.t, b.dcs...).Open(there, "ann", testkit.Password); v.User != "ann" {
		b.t.Errorf("%s: the password was foretold to help: %+v", what, v)
	}
}

func worded(p wire.SessionPolicy) string {
	return fmt.Sprintf("anchored %t, retrieve %t, reauthenticate %t, continue %t, domain %q", *p.Anchored, *p.RetrieveOnDemand, *p.Reauthenticate, *p.ContinueOnSyncFailure, p.GitoCookieDomain)
}
