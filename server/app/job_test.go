package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestOneSignInServesThreeDataCenters is the main job with other names, other ports and one data center more than the
// demo: one sign-in, no second question anywhere, wherever a request lands (OAM-09, OAM-17, OAM-18, OAM-30, OAM-35, OAM-36), one sign-out
// that ends it everywhere and for good (OAM-37, SEC-03), and what the master says counts at the clones (SEC-12, OAM-45), the agent's
// registration too, by which it asks each of them (OAM-11).
func TestOneSignInServesThreeDataCenters(t *testing.T) {
	all := linked(t, "Tokyo", "Oslo", "Lima")
	dcs := centers(all)
	master := dcs[0]
	master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	master.User("ann", "staff")
	master.User("bob", "staff")
	app := master.Application("desk", "https://desk.example:8443")
	testkit.InStep(dcs...)

	ann := testkit.NewBrowser(t, dcs...)
	for i, d := range dcs {
		v := ann.Open(app.Through(d), "ann", testkit.Password)
		if v.User != "ann" || v.Asked != (i == 0) {
			t.Fatalf("at %s: %+v", d.ClusterID, v)
		}
	}
	first := dcs[0].Sessions("ann")[0]
	for _, d := range dcs[1:] {
		here := d.Sessions("ann")
		if len(here) != 1 || here[0].SSOID != first.SSOID || here[0].Origin == nil || here[0].ID == first.ID || here[0].Degraded || !here[0].ExpiresAt.Equal(first.ExpiresAt) {
			t.Errorf("%s lists %+v, the sign-in made %+v", d.ClusterID, here, first)
		}
	}
	stolen := ann.Copy(dcs...)
	receipt := ann.SignOut(dcs[2])
	if receipt.Status != 200 {
		t.Fatalf("sign-out: %d %s", receipt.Status, receipt.Body)
	}
	nothingOpens(t, stolen, app, dcs)
	for _, d := range dcs {
		if left := d.Sessions("ann"); len(left) != 0 {
			t.Errorf("%s still lists %+v", d.ClusterID, left)
		}
	}
	disabled(t, app, dcs)
	changedPolicy(t, app, dcs)
}

// nothingOpens replays every old cookie at every data center, each alone and all together.
func nothingOpens(t *testing.T, stolen *testkit.Browser, app testkit.Application, dcs []*testkit.DataCenter) {
	t.Helper()
	cookie := stolen.AgentCookie(app)
	for _, d := range dcs {
		d.Within(testkit.Limit, "the agent's cookie is refused", func() bool { return app.Through(d).Authorize(cookie).Decision == wire.DecisionChallenge })
		alone := stolen.Copy(dcs...)
		alone.ForgetAgents() // the sign-in host's cookie alone
		if v := alone.Open(app.Through(d), "", ""); !v.Asked || v.User != "" {
			t.Errorf("the sign-in cookie at %s: %+v", d.ClusterID, v)
		}
		if v := stolen.Copy(dcs...).Open(app.Through(d), "", ""); !v.Asked || v.User != "" {
			t.Errorf("all cookies at %s: %+v", d.ClusterID, v)
		}
	}
}

// disabled: a user who is disabled on the master is out at once at the clones too (SEC-12).
func disabled(t *testing.T, app testkit.Application, dcs []*testkit.DataCenter) {
	t.Helper()
	bob := testkit.NewBrowser(t, dcs...)
	for _, d := range dcs {
		if v := bob.Open(app.Through(d), "bob", testkit.Password); v.User != "bob" {
			t.Fatalf("bob at %s: %+v", d.ClusterID, v)
		}
	}
	off := false
	dcs[0].Put("/v1/users/bob", wire.User{Name: "bob", Groups: []string{"staff"}, Enabled: &off})
	testkit.InStep(dcs...)
	for _, d := range dcs {
		if got := app.Through(d).Authorize(bob.AgentCookie(app)); got.Decision != wire.DecisionChallenge {
			t.Errorf("disabled bob at %s: %+v", d.ClusterID, got)
		}
		if v := bob.Open(app.Through(d), "bob", testkit.Password); v.User != "" {
			t.Errorf("disabled bob signs in at %s: %+v", d.ClusterID, v)
		}
	}
}

// changedPolicy: what the master forbids, the clones forbid, with the same session (SEC-12, SEC-26).
func changedPolicy(t *testing.T, app testkit.Application, dcs []*testkit.DataCenter) {
	t.Helper()
	ann := testkit.NewBrowser(t, dcs...)
	for _, d := range dcs {
		if v := ann.Open(app.Through(d), "ann", testkit.Password); v.User != "ann" {
			t.Fatalf("ann at %s: %+v", d.ClusterID, v)
		}
	}
	dcs[0].Put("/v1/authorization-policies/nobody", wire.AuthorizationPolicy{Name: "nobody", Rules: []wire.Rule{{Effect: "allow"}, {Effect: "deny", Groups: []string{"staff"}}}})
	dcs[0].Put("/v1/applications/desk", wire.Application{Name: "desk", Hosts: []string{"desk.example:8443"},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthorizationPolicy: "nobody"}}})
	testkit.InStep(dcs...)
	for _, d := range dcs {
		if got := app.Through(d).Authorize(ann.AgentCookie(app)); got.Decision != wire.DecisionDeny {
			t.Errorf("forbidden ann at %s: %+v", d.ClusterID, got)
		}
	}
}

// TestACodeIsGoodOnce: issued at one data center, redeemed at another, replayed at both.
func TestACodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dcs[0], dcs[1])
	dcs[0].User("ann")
	app := dcs[0].Application("desk", "https://desk.example")
	testkit.InStep(dcs...)
	b := testkit.NewBrowser(t, dcs...)
	b.Get(dcs[0].RuntimeURL + "/login")
	p := b.Submit(b.Get(dcs[0].RuntimeURL+"/login"), url.Values{"user": {"ann"}, "password": {testkit.Password}})
	if p.Status != 303 {
		t.Fatalf("sign-in: %d", p.Status)
	}
	for i, order := range [][3]int{{1, 0, 1}, {0, 1, 0}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			answer := app.Through(dcs[0]).Authorize("")
			at, err := url.Parse(b.Get(answer.Location).Location)
			if err != nil {
				t.Fatal(err)
			}
			flow := flowOf(t, answer)
			code, state := at.Query().Get("code"), at.Query().Get("state")
			if out, err := app.Through(dcs[order[0]]).Redeem(code, state, nil); err == nil {
				t.Errorf("without the flow cookie: %+v", out)
			}
			if out, err := app.Through(dcs[order[0]]).Redeem(code, state, []string{flow}); err != nil || out.User != "ann" {
				t.Fatalf("the first time: %+v %v", out, err)
			}
			for _, d := range order[1:] {
				if out, err := app.Through(dcs[d]).Redeem(code, state, []string{flow}); err == nil && out.User != "" {
					t.Errorf("again at %s: %+v", dcs[d].ClusterID, out)
				}
			}
		})
	}
}

// flowOf is the flow cookie that an answer sets, as "name=value".
func flowOf(t *testing.T, answer wire.AuthorizeAnswer) string {
	t.Helper()
	if len(answer.SetCookies) != 1 {
		t.Fatalf("cookies of a challenge: %v", answer.SetCookies)
	}
	flow, _, _ := strings.Cut(answer.SetCookies[0], ";")
	return flow
}
