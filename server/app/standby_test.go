package app_test

import (
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestSmallSite: a master and its clone without etcd, behind nginx as examples/load-balancer/standby.conf has it. The master is killed:
// nginx turns to the clone, whoever is signed in stays so, others sign in, administrators read. The clone is promoted, nginx told, and
// the same administrator's client writes on. The former master comes back as the clone, and gets its role back, with the addresses
// switched again (TAM-01, TAM-03, TAM-04, TAM-05, TAM-07, TAM-08, TAM-09, TAM-11, TAM-13,
// MSS-13).
func TestSmallSite(t *testing.T) {
	all := linked(t, "NYDC", "LDC")
	master, clone := all[0], all[1]
	nginx := testkit.NginxStandby(t, master, clone)
	front := nginx.Before(master)
	front.CACertPEM += clone.CACertPEM
	on := true
	policy(&master.DataCenter, wire.SessionPolicy{SignInURL: front.RuntimeURL, ContinueOnSyncFailure: &on})
	master.User("ann")
	master.User("bob")
	master.Role("operators", wire.AdminRole{Users: []string{"ann"}})
	portal := master.Application("portal", "https://portal.example").Through(front)
	testkit.InStep(centers(all)...)

	ann, admin := testkit.NewBrowser(t, front), front.AdminOf("ann", testkit.Password)
	if seen := ann.Open(portal, "ann", testkit.Password); seen.User != "ann" {
		t.Fatalf("sign-in: %+v", seen)
	}
	stays := func(when string) {
		t.Helper()
		if seen := ann.Open(portal, "", ""); seen.User != "ann" || seen.Asked {
			t.Errorf("%s: %+v", when, seen)
		}
	}
	write := func(when, group string) {
		t.Helper()
		if _, err := admin.Do(t.Context(), putGroup(group)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	write("at first", "one")
	testkit.InStep(centers(all)...)

	master.Kill()
	stays("the master is dead")
	if seen := testkit.NewBrowser(t, front).Open(portal, "bob", testkit.Password); seen.User != "bob" {
		t.Errorf("who signs in at the clone: %+v", seen)
	}
	if _, err := admin.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups/one"}); err != nil {
		t.Errorf("reading at the clone: %v", err)
	}
	if _, err := admin.Do(t.Context(), putGroup("two")); fault.CodeOf(err) != "not_master" {
		t.Errorf("writing at the clone: %v", err)
	}
	if _, err := clone.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{Force: true}}); err != nil {
		t.Fatal(err)
	}
	nginx.Exchange(master, clone)
	write("after the promotion", "two")

	master.Start()
	master.Within(testkit.Limit, "is a clone now", func() bool { return master.View().Role == "clone" })
	testkit.InStep(centers(all)...)
	stays("the former master is back")
	write("with both", "three")
	testkit.InStep(centers(all)...)

	if _, err := master.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{}}); err != nil {
		t.Fatal(err)
	}
	nginx.Exchange(clone, master)
	front.Within(testkit.Limit, "nginx leads to the master again", func() bool {
		_, err := admin.Do(t.Context(), putGroup("four"))
		if code := fault.CodeOf(err); err != nil && code != "not_master" && code != client.CodeUnreachable { // whose connection nginx cut
			t.Fatalf("after the return: %v", err)
		}
		return err == nil
	})
	stays("after the return")
}
