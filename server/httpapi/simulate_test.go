package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func failing(kind, id string) wire.SimulationQuestion {
	return wire.SimulationQuestion{Fault: wire.SimulatedFault{Kind: kind, ClusterID: id}}
}

func foretold(t *testing.T, d *testkit.DataCenter, q wire.SimulationQuestion) wire.Simulation {
	t.Helper()
	v, err := d.Admin().Simulate(t.Context(), q)
	if err != nil {
		t.Fatalf("simulate %+v: %v", q, err)
	}
	return v
}

// pairsOf gives one line for each pair: origin, data center that answers, outcome, rule and row.
func pairsOf(v wire.Simulation) (out []string) {
	for _, p := range v.People {
		out = append(out, strings.Join([]string{p.Origin, p.At, p.Outcome, p.Rule, p.Row}, " "))
		if p.Sentence == "" {
			out = append(out, "no sentence")
		}
		for _, l := range p.Lost {
			if l.Detail == "" || l.Until == "" || l.Of == nil {
				out = append(out, fmt.Sprintf("a loss says nothing: %+v", l))
			}
		}
	}
	return out
}

func lost(p wire.SimulatedRequest) (out []string) {
	for _, l := range p.Lost {
		out = append(out, l.What)
	}
	return out
}

// OAM-08, OAM-29..33, OAM-38, OAM-L1, FLT-10: what a fault makes of three data centers, before it happens: people, writes, who can be
// promoted, which agreements stop, and whether the hot standby gets users. The question changes nothing.
func TestSimulate(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "PARIS")
	ny, ldn, par := all[0], all[1], all[2]
	testkit.Link(ny, ldn, par)
	par.Put("/v1/data-center", wire.DataCenter{ClusterID: "PARIS", Role: "clone", Availability: "hot_standby"})
	ny.User("ann")
	app := ny.Application("shop", "https://shop.example")
	testkit.InStep(all...)
	testkit.NewBrowser(t, all...).Open(app, "ann", testkit.Password)
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", Availability: "hot_standby"})
	for _, c := range foretold(t, ny, failing("data_center", "NYDC")).DataCenters[1:] { // one hot standby does not wait for the other
		if !c.GetsUsers || !c.TakesOver {
			t.Errorf("a hot standby without NYDC: %+v", c)
		}
	}
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})
	before := stateOf(t, all)

	on := true
	going := failing("data_center", "nydc")
	going.SessionPolicy = &wire.SessionPolicy{ContinueOnSyncFailure: &on, MaxDegradedAge: "5m"}
	for _, at := range []*testkit.DataCenter{ny, ldn} {
		v := foretold(t, at, failing("data_center", "nydc"))
		want := []string{"NYDC LDC challenged challenge_unreachable OAM-31", "NYDC PARIS challenged challenge_unreachable OAM-31", "LDC LDC served found_local OAM-17",
			"LDC PARIS served adopted_found OAM-30", "PARIS LDC served adopted_found OAM-30", "PARIS PARIS served found_local OAM-17"}
		if diff := cmp.Diff(want, pairsOf(v), cmp.Transformer("sorted", func(in []string) []string { return slices.Sorted(slices.Values(in)) })); diff != "" {
			t.Errorf("asked at %s (-want +got):\n%s", at.ClusterID, diff)
		}
		if v.ID != at.ClusterID || v.Outcome != wire.OutcomeChallenged || v.Fault.ClusterID != "NYDC" || len(v.Present) > 0 || len(v.Notes) > 0 {
			t.Errorf("asked at %s: %+v", at.ClusterID, v)
		}
		a := v.Administration
		if a.Master != "NYDC" || a.WritesPossible || !strings.Contains(a.Reason, "until a clone is promoted") || len(a.Agreements) != 2 || !a.Agreements[0].Stops || !a.Agreements[1].Stops {
			t.Errorf("administration, asked at %s: %+v", at.ClusterID, a)
		}
		if len(a.Promotions) != 2 || !a.Promotions[0].Possible || !a.Promotions[0].Forced || !a.Promotions[1].Possible {
			t.Errorf("promotions, asked at %s: %+v", at.ClusterID, a.Promotions)
		}

		v = foretold(t, at, going)
		i := slices.IndexFunc(v.People, func(p wire.SimulatedRequest) bool { return p.Origin == "NYDC" && p.At == "PARIS" })
		if p := v.People[i]; v.Outcome != wire.OutcomeServed || p.Rule != "adopted_alone" || p.Row != "OAM-32" || p.Lasts != "5m" || p.Then != "challenge_degraded" ||
			!slices.Equal(lost(p), []string{"attributes", "idle_time", "sign_outs"}) || !strings.Contains(p.Lost[2].Until, "12h") {
			t.Errorf("continued, asked at %s: %+v", at.ClusterID, p)
		}
	}

	v := foretold(t, ny, failing("data_center", "LDC"))
	if c := v.DataCenters[slices.IndexFunc(v.DataCenters, func(c wire.SimulatedDataCenter) bool { return c.ClusterID == "PARIS" })]; c.GetsUsers || c.TakesOver || !strings.Contains(c.Reason, "NYDC serves") {
		t.Errorf("the hot standby beside NYDC: %+v", c)
	}
	if a := v.Administration; !a.WritesPossible || a.Promotions[1].Forced || !a.Promotions[1].Possible || a.Promotions[0].Possible {
		t.Errorf("without LDC: %+v", a)
	}
	v = foretold(t, ny, failing("partner", "PARIS"))
	if c := v.DataCenters[slices.IndexFunc(v.DataCenters, func(c wire.SimulatedDataCenter) bool { return c.ClusterID == "PARIS" })]; !c.GetsUsers || !c.TakesOver || !c.Answers {
		t.Errorf("the hot standby that sees nobody: %+v", c)
	}
	link := foretold(t, ny, wire.SimulationQuestion{Fault: wire.SimulatedFault{Kind: "link", ClusterID: "LDC", Other: "PARIS"}})
	for _, p := range link.People {
		if p.Origin == "LDC" && p.At == "PARIS" && (p.Rule != "challenge_unreachable" || slices.Contains(lost(p), "sign_outs")) {
			t.Errorf("over the link: %+v", p)
		}
		if p.Origin == "NYDC" && p.Outcome != wire.OutcomeServed {
			t.Errorf("beside the link: %+v", p)
		}
	}
	if a := link.Administration; a.Agreements[0].Stops || a.Agreements[1].Stops || !a.WritesPossible {
		t.Errorf("over the link: %+v", a)
	}
	if diff := cmp.Diff(before, stateOf(t, all)); diff != "" {
		t.Errorf("simulations changed something (-before +after):\n%s", diff)
	}

	majority := wire.DataCenter{ClusterID: "NYDC", Role: "master", WriteRequires: "majority"}
	ny.Put("/v1/data-center", majority)
	if a := foretold(t, ny, failing("partner", "NYDC")).Administration; a.WritesPossible || !strings.Contains(a.Reason, "1 of the 2 data centers") {
		t.Errorf("without a majority: %+v", a)
	}
	if a := foretold(t, ny, failing("partner", "LDC")).Administration; !a.WritesPossible || a.WriteRequires != "majority" {
		t.Errorf("with a majority: %+v", a)
	}

	b := testkit.NewBrowser(t, all...)
	b.Open(app.Through(ldn), "ann", testkit.Password)
	ldn.Delete("/v1/trust/certificates/NYDC") // what is refused is not what does not answer
	v = foretold(t, ny, failing("data_center", "PARIS"))
	i := slices.IndexFunc(v.People, func(p wire.SimulatedRequest) bool { return p.Origin == "LDC" && p.At == "NYDC" })
	if got := app.Authorize(b.AgentCookie(app)); v.People[i].Rule != got.Reason || got.Reason != "challenge_refused" || len(v.Present) == 0 {
		t.Errorf("refused: %s, foretold %+v", got.Reason, v)
	}
	ldn.Trusts(ny)

	ldn.Stop() // what is down already counts together with the fault
	v = foretold(t, ny, failing("data_center", "PARIS"))
	if len(v.Present) == 0 || len(v.Notes) == 0 || !strings.Contains(v.Notes[0], "LDC") || slices.ContainsFunc(v.People, func(p wire.SimulatedRequest) bool { return p.At == "LDC" }) {
		t.Errorf("LDC is down already: %+v", v)
	}
	for _, p := range v.People {
		if want := map[bool]string{true: "found_local", false: "challenge_unreachable"}[p.Origin == "NYDC"]; p.Rule != want {
			t.Errorf("LDC is down already: %+v", p)
		}
	}
}

// stateOf is what a question could change: configuration, sessions and the audit of each data center.
func stateOf(t *testing.T, all []*testkit.DataCenter) (out []string) {
	t.Helper()
	for _, d := range all {
		v := d.View()
		var acts wire.AuditPage
		d.Get("/v1/audit-events?limit=1000", &acts)
		var sessions wire.Page[wire.SessionView]
		d.Get("/v1/sessions", &sessions)
		var ids []string
		for _, s := range sessions.Items {
			ids = append(ids, s.ID, s.LastAccess.String())
		}
		out = append(out, fmt.Sprint(d.ClusterID, v.LastSequence, v.Digest, v.Epoch, len(acts.Items), ids))
	}
	return out
}

// A user's own sign-ons are looked at: where they have sessions, whether they may sign in, and whether there is room for them.
// SEC-61: that needs the right to read sessions and users. Proves CAMS-10 and OAM-L2 of what is foretold.
func TestSimulateForAUser(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	for _, u := range []string{"ann", "bob"} {
		ny.User(u)
	}
	app := ny.Application("shop", "https://shop.example")
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	b.Open(app, "ann", testkit.Password)
	if v := b.Open(app.Through(ldn), "", ""); v.User != "ann" {
		t.Fatalf("at LDC: %+v", v)
	}
	q := failing("partner", "NYDC")
	q.User = "Ann"
	v := foretold(t, ldn, q)
	if len(v.People) != 2 || v.People[0].SSOID != ldn.Sessions("ann")[0].SSOID {
		t.Fatalf("ann, at LDC: %+v", v.People)
	}
	for _, p := range v.People { // both have a session of it already
		if p.Outcome != wire.OutcomeServed || p.Origin != "LDC" || p.Row != "OAM-17" || !slices.Equal(lost(p), []string{"sign_outs"}) {
			t.Errorf("ann: %+v", p)
		}
	}
	q.User = "bob"
	if v := foretold(t, ldn, q); len(v.People) != 4 || len(v.Notes) != 1 {
		t.Errorf("bob is not signed in: %+v", v)
	}
	one, deny := 1, wire.SessionPolicy{MaxSessionsWhenPartitioned: "deny"}
	deny.MaxSessionsPerUser = &one
	q.SessionPolicy = &deny
	for _, p := range foretold(t, ldn, q).People {
		if want := map[bool]string{true: wire.OutcomeServed, false: wire.OutcomeRefused}[p.Origin == p.At]; p.Outcome != want || want == wire.OutcomeRefused && p.SignIn != "challenge_limit" {
			t.Errorf("bob, denied: %+v", p)
		}
	}
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", SessionCapacity: &one})
	v = foretold(t, ldn, wire.SimulationQuestion{Fault: wire.SimulatedFault{Kind: "link", ClusterID: "NYDC", Other: "LDC"}})
	for _, p := range v.People {
		if p.Origin == "NYDC" && p.At == "LDC" && (p.Outcome != wire.OutcomeRefused || p.SignIn != "challenge_capacity") {
			t.Errorf("LDC is full: %+v", p)
		}
	}
	if c := v.DataCenters[0]; c.ClusterID != "LDC" || c.Sessions == nil || *c.Sessions != 1 || *c.SessionCapacity != 1 {
		t.Errorf("LDC is full: %+v", c)
	}
	off := false
	ny.Put("/v1/users/bob", wire.User{Name: "bob", Enabled: &off})
	q = failing("partner", "LDC")
	q.User = "bob"
	for _, p := range foretold(t, ny, q).People {
		if p.Outcome != wire.OutcomeRefused || p.Rule != "challenge_user" {
			t.Errorf("bob is disabled: %+v", p)
		}
	}

	ny.Role("checks", wire.AdminRole{Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"validation", "user"}}}})
	checker := ny.AdminWith(ny.AdminToken("checker", "checks"))
	if _, err := checker.Simulate(t.Context(), failing("partner", "LDC")); err != nil {
		t.Errorf("anybody, by who may validate: %v", err)
	}
	if _, err := checker.Simulate(t.Context(), q); fault.CodeOf(err) != "forbidden" {
		t.Errorf("bob, by who may not read sessions: %v", err)
	}
}

// SEC-60, SEC-62: what no data center can answer is refused with a pointer to what is wrong.
func TestSimulateRefuses(t *testing.T) {
	d := start(t)
	for body, want := range map[string]string{
		`[]`:                               "invalid_json",
		`{}`:                               "/fault/kind",
		`{"fault":null}`:                   "/fault/kind",
		`{"fault":{"kind":"data_center"}}`: "/fault/cluster_id is missing",
		`{"fault":{"kind":"DATA_CENTER","cluster_id":"NYDC"}}`:                                                               "/fault/kind",
		`{"fault":{"kind":"data_center","cluster_id":"LDC"}}`:                                                                "/fault/cluster_id is neither",
		`{"fault":{"kind":"data_center","cluster_id":"NY\u001b[31mDC"}}`:                                                     "/fault/cluster_id is neither",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC","other":"NYDC"}}`:                                                "/fault/other goes with",
		`{"fault":{"kind":"link","cluster_id":"NYDC","other":"nydc"}}`:                                                       "/fault/other is the same",
		`{"fault":{"kind":"link","cluster_id":"NYDC"}}`:                                                                      "/fault/other is missing",
		`{"fault":{"kind":"partner","cluster_id":7}}`:                                                                        "/fault/cluster_id",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"force":true}`:                                                  "/force",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"user":"a/b"}`:                                                  "/user is no user's name",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"user":"eve"}`:                                                  "/user",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"session_policy":{"idle_timeout":"x","lifetime":"1h"}}`:         "/session_policy",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"session_policy":{"idle_timeout":"24h"}}`:                       "/session_policy/idle_timeout",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"session_policy":{"anchored":true,"retrieve_on_demand":false}}`: "/session_policy/anchored",
		`{"fault":{"kind":"data_center","cluster_id":"NYDC"},"session_policy":{"id":"x"}}`:                                   "/session_policy/id",
		`{"fault":{"kind":"data_center","cluster_id":"` + strings.Repeat("N", 1<<20) + `"}}`:                                 "body_too_large",
	} {
		got := admin(t, d, http.MethodPost, "/v1/simulate", body)
		p := got.problem(t)
		said := p.Code + " " + p.Detail
		for _, e := range p.Errors {
			said += " " + e.Pointer + " " + e.Detail
		}
		if got.status < 400 || got.status >= 500 || !strings.Contains(said, want) || len(got.body) > 4000 {
			t.Errorf("%.200s: %d %s, want %s", body, got.status, said, want)
		}
	}
	v := foretold(t, d, failing("data_center", "NYDC"))
	if len(v.People) != 0 || v.Outcome != wire.OutcomeServed || v.Administration.WritesPossible || !strings.Contains(v.Administration.Reason, "no clone") {
		t.Errorf("the only data center fails: %+v", v)
	}
	for i := range 40 {
		id := fmt.Sprintf("DC%d", i)
		d.Put("/v1/partners/"+id, wire.Partner{ClusterID: id, AgentID: "mesh", Primary: []string{"127.0.0.1:1"}})
	}
	v = foretold(t, d, failing("data_center", "dc9"))
	if len(v.DataCenters) != 32 || v.DataCenters[1].ClusterID != "DC9" || len(v.People) != 32 || !strings.Contains(strings.Join(v.Notes, " "), "32 data centers are told of at most") {
		t.Errorf("of forty-one data centers: %d, %d pairs, %v", len(v.DataCenters), len(v.People), v.Notes)
	}
}
