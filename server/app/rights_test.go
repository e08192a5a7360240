package app_test

import (
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestRightsEndWithTheUser: what an administrator takes away is gone from open sessions, in both data centers: a group at
// the next request; all of it when the user is disabled, gets another password or is replaced by another person of the
// same name (SEC-12, "Disabled user" and "a new password" in the rules of sign-out).
func TestRightsEndWithTheUser(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dcs[0], dcs[1])
	master := dcs[0]
	master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	master.Put("/v1/groups/other", wire.Group{Name: "other"})
	master.Put("/v1/authorization-policies/staff", wire.AuthorizationPolicy{Name: "staff", Rules: []wire.Rule{{Effect: "allow", Groups: []string{"staff"}}}})
	app := master.Application("desk", "https://desk.example")
	master.Put("/v1/applications/desk", wire.Application{Name: "desk", Hosts: []string{"desk.example"},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthorizationPolicy: "staff"}}})
	user := func(change func(*wire.User)) {
		u := wire.User{Name: "ann", Groups: []string{"staff"}}
		change(&u)
		master.Put("/v1/users/ann", u)
		testkit.InStep(dcs...)
	}
	enabled, disabled := true, false
	for _, act := range []struct {
		name string
		do   func()
		want string // of the old cookie, once the act is over
	}{
		{"another group", func() { user(func(u *wire.User) { u.Groups = []string{"other"} }) }, wire.DecisionDeny},
		{"disabled and enabled again", func() {
			user(func(u *wire.User) { u.Enabled = &disabled })
			user(func(u *wire.User) { u.Enabled = &enabled })
		}, wire.DecisionChallenge},
		{"another password", func() { user(func(u *wire.User) { u.Password = "quite another password" }) }, wire.DecisionChallenge},
		{"another person of that name", func() {
			master.Delete("/v1/users/ann")
			user(func(u *wire.User) { u.Password = testkit.Password })
		}, wire.DecisionChallenge},
	} {
		user(func(u *wire.User) { u.Password = testkit.Password })
		browser := testkit.NewBrowser(t, dcs...)
		for _, d := range dcs {
			if v := browser.Open(app.Through(d), "ann", testkit.Password); v.User != "ann" {
				t.Fatalf("%s: before, at %s: %+v", act.name, d.ClusterID, v)
			}
		}
		cookie := browser.AgentCookie(app)
		act.do()
		for _, d := range dcs {
			d.Within(testkit.Limit, act.name+": the old cookie gets "+act.want, func() bool { return app.Through(d).Authorize(cookie).Decision == act.want })
		}
	}
}
