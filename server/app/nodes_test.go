package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func nodesOf(d *testkit.DataCenter) (working string, all map[string]wire.Node) {
	var v wire.Nodes
	d.Get("/v1/nodes", &v)
	all = map[string]wire.Node{}
	for _, n := range v.Nodes {
		all[n.NodeName] = n
		if n.Works {
			working = n.NodeName
		}
	}
	return working, all
}

// TestTwoNodes runs a clone of two nodes on one etcd cluster beside a master on Badger: what one node learns decides at the
// other, a person who signed in at one is known at the other, and when the node that follows the master is killed the other one
// goes on, with every session (TAM-01, CAMS-01, CAMS-04, CAMS-06, FLT-19).
func TestTwoNodes(t *testing.T) {
	p := program(t)
	c := members(t)
	master, one := testkit.NewProcess(t, p, "LDC"), testkit.NewProcess(t, p, "NYDC")
	one.UseEtcd(c.Block("concord/NYDC"))
	master.Start()
	one.Start()
	two := testkit.NewNode(t, one, "nydc2")
	two.Start()
	testkit.Link(&master.DataCenter, &one.DataCenter)
	master.User("ann")
	application := master.Application("portal", master.RuntimeURL)
	testkit.InStep(&master.DataCenter, &one.DataCenter, &two.DataCenter)

	one.Within(testkit.Limit, "both nodes are ready and one works", func() bool {
		working, all := nodesOf(&one.DataCenter)
		return len(all) == 2 && working != "" && all["nydc1"].State == "ready" && all["nydc2"].State == "ready"
	})
	b := testkit.NewBrowser(t, &master.DataCenter, &one.DataCenter, &two.DataCenter)
	if seen := b.Open(application.Through(&one.DataCenter), "ann", testkit.Password); seen.User != "ann" {
		t.Fatalf("sign-in at the first node: %+v", seen)
	}
	if seen := b.Open(application.Through(&two.DataCenter), "", ""); seen.User != "ann" || seen.Asked {
		t.Fatalf("the second node: %+v", seen)
	}

	working, _ := nodesOf(&one.DataCenter)
	killed, left := one, two
	if working == "nydc2" {
		killed, left = two, one
	}
	killed.Kill()
	if seen := b.Open(application.Through(&left.DataCenter), "", ""); seen.User != "ann" || seen.Asked {
		t.Fatalf("after a node was killed: %+v", seen)
	}
	left.Within(testkit.Limit, "the other node works", func() bool { working, _ := nodesOf(&left.DataCenter); return working == left.View().NodeName })
	master.User("bob")
	testkit.InStep(&master.DataCenter, &left.DataCenter)
	if seen := testkit.NewBrowser(t, &left.DataCenter).Open(application.Through(&left.DataCenter), "bob", testkit.Password); seen.User != "bob" {
		t.Fatalf("a user that came after the kill: %+v", seen)
	}
	killed.Start()
	testkit.InStep(&master.DataCenter, &killed.DataCenter)
	if seen := b.Open(application.Through(&killed.DataCenter), "", ""); seen.User != "ann" || seen.Asked {
		t.Fatalf("at the node that is back: %+v", seen)
	}
	sessions := left.Sessions("ann")
	if len(sessions) == 0 {
		t.Fatal("no session of ann")
	}
	if _, err := killed.Do(client.Request{Method: http.MethodDelete, Path: "/v1/sessions/" + sessions[0].ID}); err != nil {
		t.Fatal(err)
	}
	left.Within(testkit.Limit, "the sign-out at the other node", func() bool {
		return application.Through(&left.DataCenter).Authorize(b.AgentCookie(application)).Decision == wire.DecisionChallenge
	})
}

// TestNodeJoins: two nodes of one data center cannot have one name (CAMS-01), and one that has joined and changed nothing yet starts again after a
// kill (FLT-01, FLT-07).
func TestNodeJoins(t *testing.T) {
	p := program(t)
	one := testkit.NewProcess(t, p, "NYDC")
	one.UseEtcd(members(t).Block("concord/NYDC"))
	one.Start()
	two := testkit.NewNode(t, one, "NYDC1")
	two.Launch()
	if code := two.Exit(); code != 1 || !strings.Contains(two.Log(), "Another node nydc1 of this data center is alive") {
		t.Errorf("exit code %d:\n%s", code, two.Log())
	}
	three := testkit.NewNode(t, one, "nydc3")
	three.Start()
	three.Kill()
	three.Start()
}
