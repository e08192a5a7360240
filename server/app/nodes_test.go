package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
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

// TestTwoNodes runs a clone of two nodes on one etcd cluster beside a master on Badger, in mode simple, and with nginx before the nodes' peer
// listeners, as examples/load-balancer has it: the two data centers exchange their roots; what one node learns decides at the
// other, a person who signed in at one is known at the other, and when the node that follows the master is killed the other one
// goes on, with every session (TAM-01, CAMS-01, CAMS-04, CAMS-06, FLT-19, OAM-41, MSS-06).
func TestTwoNodes(t *testing.T) {
	p := program(t)
	c := members(t)
	master, one := testkit.NewProcess(t, p, "LDC"), testkit.NewProcess(t, p, "NYDC")
	one.UseEtcd(c.Block("concord/NYDC"))
	master.Start()
	one.Start()
	two := testkit.NewNode(t, one, "nydc2")
	two.Start()
	nginx, haproxy := testkit.NginxBalancer(t, one, two), testkit.HAProxy(t, one, two)
	testkit.LinkBy("simple", phrase, &master.DataCenter, reached(one, nginx.Peer))
	paired(t, &master.DataCenter, &one.DataCenter, &two.DataCenter)
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
	adopted(t, b, application, master, left)
	killed.Start()
	testkit.InStep(&master.DataCenter, &killed.DataCenter)
	master.Shares(reached(one, haproxy.Peer), phrase)
	adopted(t, b, application, master, killed)
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
	sharedConflicts(t, master, one, two, haproxy.Peer)
}

// reached is a data center that others reach at another address than its own.
func reached(p *testkit.Process, peer string) *testkit.DataCenter {
	d := p.DataCenter
	d.PeerAddress = peer
	return &d
}

// paired: the roots that a pairing pinned are in force at every node, whichever made it (OAM-41).
func paired(t *testing.T, master *testkit.DataCenter, nodes ...*testkit.DataCenter) {
	t.Helper()
	for _, d := range nodes {
		d.Within(testkit.Limit, "the pairing", func() bool {
			var p wire.PartnerView
			var test wire.PartnerTest
			d.Get("/v1/partners/"+master.ClusterID, &p)
			_, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/" + master.ClusterID + "/test", Out: &test})
			return err == nil && p.Paired && len(p.PinnedSHA256) == 1 && test.Result == wire.ResultPass
		})
	}
}

// adopted: who signed in at a node goes on at the other data center, which asks whichever node its link leads to (OAM-17).
func adopted(t *testing.T, b *testkit.Browser, app testkit.Application, master, node *testkit.Process) {
	t.Helper()
	c := b.Copy(&master.DataCenter, &node.DataCenter)
	if seen := c.Open(app.Through(&master.DataCenter), "", ""); seen.User != "ann" || seen.Asked {
		t.Errorf("at the other data center: %+v", seen)
	}
}

// sharedConflicts: what one node keeps of changes that a promotion ended, the other node lists, shows, applies anew and removes; so does the master
// of such a data center, whichever node it asks (SEC-50).
func sharedConflicts(t *testing.T, master, one, two *testkit.Process, balancer string) {
	t.Helper()
	writable := true
	one.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone", SecurityMode: "simple", WriteEnabled: &writable})
	one.Put("/v1/groups/ours", wire.Group{Name: "ours", Description: "of New York"})
	mustPromote(t, &one.DataCenter, wire.MastershipChange{Force: true})
	isMaster(&one.DataCenter, &master.DataCenter)
	const path = "/v1/replication/conflicts"
	var list wire.Conflicts
	if two.Get(path, &list); len(list.Items) != 1 || len(list.SilentNodes) != 0 {
		t.Fatalf("the other node lists %+v", list)
	}
	if kept, err := filepath.Glob(filepath.Join(two.DataDir, "conflicts", "*")); err != nil || len(kept) != 0 {
		t.Fatalf("the other node keeps the file itself: %v, %v", kept, err)
	}
	file := path + "/" + list.Items[0].ID
	var shown wire.ConflictView
	if two.Get(file, &shown); len(shown.Changes) != 1 || shown.Changes[0].Name != "ours" || !strings.Contains(string(shown.Changes[0].Object), "of New York") {
		t.Errorf("the other node shows %+v", shown)
	}
	_, err := two.Do(client.Request{Method: http.MethodPost, Path: file + "/reapply", In: wire.Reapply{Sequence: 1}})
	if err != nil {
		t.Fatal(err)
	}
	one.Get("/v1/groups/ours", &wire.GroupView{})
	promoted(t, &master.DataCenter)
	isMaster(&master.DataCenter, &one.DataCenter, &two.DataCenter)
	for _, address := range []string{one.PeerAddress, two.PeerAddress, balancer} {
		master.Shares(reached(one, address), phrase)
		if master.Get(file+"?cluster_id=NYDC", &shown); len(shown.Changes) != 1 {
			t.Errorf("the master is shown %+v", shown)
		}
	}
	two.Delete(file)
	for _, p := range []*testkit.Process{one, two} {
		if p.Get(path, &list); len(list.Items) != 0 {
			t.Errorf("after the removal %s lists %+v", p.ConfigFile, list.Items)
		}
		if _, err := p.Do(client.Request{Method: http.MethodGet, Path: file}); fault.CodeOf(err) != "not_found" {
			t.Errorf("a file that is gone: %v", err)
		}
	}
}

// TestNodesOfOneStore: two nodes of one data center cannot have one name (CAMS-01). What else the two of a store share: contents of packages, the
// root, and that mode open is refused to both.
func TestNodesOfOneStore(t *testing.T) {
	p := program(t)
	one := testkit.NewProcess(t, p, "NYDC")
	one.UseEtcd(members(t).Block("concord/NYDC"))
	allowOpen(t, one)
	one.Start()
	wrong := testkit.NewNode(t, one, "NYDC1")
	wrong.Launch()
	if code := wrong.Exit(); code != 1 || !strings.Contains(wrong.Log(), "Another node nydc1 of this data center is alive") {
		t.Errorf("exit code %d:\n%s", code, wrong.Log())
	}
	two := testkit.NewNode(t, one, "nydc2")
	allowOpen(t, two)
	two.Start()
	two.Kill() // it has joined and changed nothing yet, and starts again all the same (FLT-01, FLT-07)
	two.Start()
	t.Run("contents", func(t *testing.T) { sharedContents(t, one, two) })
	t.Run("guesses", func(t *testing.T) { sharedGuesses(t, one, two) })
	t.Run("root", func(t *testing.T) { sharedRoot(t, one, two) })
	t.Run("open", func(t *testing.T) { aloneInOpen(t, one.Fresh(), two) })
}

func allowOpen(t *testing.T, p *testkit.Process) {
	t.Helper()
	text, err := os.ReadFile(p.ConfigFile)
	if err == nil {
		err = os.WriteFile(p.ConfigFile, append([]byte("allow_open = true\n"), text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sharedContents: a content that was uploaded at one node may be declared at the other, and comes to the other one where it is declared at the first
// (MSS-11, TAM-01). A stranger, and a partner, get nothing at the neighbours' route: see the routes' own test.
func sharedContents(t *testing.T, one, two *testkit.Process) {
	first, second := content(1, 3_000_000), content(2, 5000)
	sum, err := one.Upload(first)
	if err != nil {
		t.Fatal(err)
	}
	two.Put("/v1/packages/setup", wire.Package{Name: "setup", SHA256: sum, Size: int64(len(first))})
	if got := filesIn(t, two, "whole"); !slices.Equal(got, []string{sum + ".raw"}) {
		t.Errorf("the node that the package was declared at has %v", got)
	}
	made := two.Package(wire.Package{Name: "tool"}, second)
	one.Within(testkit.Limit, "the content at the other node", func() bool {
		return slices.Contains(filesIn(t, one, "whole"), made.SHA256+".raw")
	})
	_, err = two.Do(client.Request{Method: http.MethodPut, Path: "/v1/packages/none", In: wire.Package{Name: "none", SHA256: strings.Repeat("0", 64), Size: 1}})
	if fault.CodeOf(err) != "blob_missing" {
		t.Errorf("a package whose content no node has: %v", err)
	}
}

// sharedRoot: each step of a rotation is made at another node than the one before, and counts at both without a restart: ca.pem, and what the
// listeners show (FLT-21).
func sharedRoot(t *testing.T, one, two *testkit.Process) {
	was := one.Rotation().Roots[0].FingerprintSHA256
	for i, step := range []string{"publish", "switch", "retire"} {
		at, other := one, two
		if i%2 == 1 {
			at, other = two, one
		}
		at.Within(testkit.Limit, step+" is ready", func() bool { return at.Rotation().Ready })
		if _, err := at.Rotate(step, false); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		want := at.Rotation()
		file := at.Fresh().CACertPEM
		other.Within(testkit.Limit, step+" at the other node", func() bool {
			if other.Fresh().CACertPEM != file {
				return false
			}
			now := other.Rotation() // over a connection that believes the new file alone
			return now.Phase == want.Phase && len(now.Roots) == len(want.Roots)
		})
	}
	for _, p := range []*testkit.Process{one, two} {
		if now := p.Rotation(); len(now.Roots) != 1 || now.Roots[0].FingerprintSHA256 == was {
			t.Errorf("%s: %+v", p.ConfigFile, now)
		}
	}
}

// sharedGuesses: wrong passwords count as one number for both nodes, whichever counts for the account; right ones count nowhere (SEC-30, SEC-32).
func sharedGuesses(t *testing.T, one, two *testkit.Process) {
	nodes := []*testkit.Process{one, two}
	for _, user := range []string{"ann", "bob", "carol"} { // of both nodes
		one.User(user)
		try := func(i int, password string) bool {
			_, err := nodes[i%2].Agent("", "").Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authenticate",
				In: wire.AuthenticateRequest{User: user, Password: password}})
			return err == nil
		}
		for i := range 4 {
			try(i, "a wrong password")
		}
		for i := range 2 {
			if !try(i, testkit.Password) {
				t.Errorf("%s: after four wrong passwords at both nodes the right one is refused at node %d", user, i+1)
			}
		}
		try(0, "a wrong password")
		for i := range 2 {
			if try(i, testkit.Password) {
				t.Errorf("%s: after five wrong passwords of one network, at both nodes, node %d still looks at one", user, i+1)
			}
		}
	}
}

// aloneInOpen: mode open is refused while two nodes are alive, and a second node where it is in force (SEC-40).
func aloneInOpen(t *testing.T, one *testkit.DataCenter, two *testkit.Process) {
	open := client.Request{Method: http.MethodPut, Path: "/v1/data-center", In: wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "open"}}
	if _, err := one.Do(open); fault.CodeOf(err) != "open_needs_one_node" || !strings.Contains(err.Error(), "nydc2") {
		t.Errorf("mode open with two nodes: %v", err)
	}
	two.Signal(syscall.SIGTERM)
	two.Exit()
	if _, err := one.Do(open); err != nil {
		t.Fatal(err)
	}
	two.Launch()
	if code := two.Exit(); code != 1 || !strings.Contains(two.Log(), "Security mode open is for a data center of one node") {
		t.Errorf("exit code %d:\n%s", code, two.Log())
	}
}
