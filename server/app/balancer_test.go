package app_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// The nodes pose as these releases.
const (
	olderRelease = failpoint.InsteadVariable + "=version=0.8.0"
	newerRelease = failpoint.InsteadVariable + "=version=0.9.0"
)

// cluster is two nodes of one data center on etcd, behind nginx and HAProxy at once, as examples/load-balancer has them.
type cluster struct {
	one, two       *testkit.Process
	nginx, haproxy *testkit.DataCenter
	application    testkit.Application
	line           *testkit.Proxy // from the second node to etcd
}

func behindBalancers(t *testing.T) *cluster {
	t.Helper()
	program := fragile(t)
	p, err := theProgram.etcd()
	if err != nil {
		t.Fatal(err)
	}
	etcd := testkit.NewEtcd(t, p, 1, testkit.EtcdOptions{})
	c := &cluster{line: testkit.NewProxy(t, etcd.Members[0].Address), one: testkit.NewProcess(t, program, "NYDC")}
	c.one.UseEtcd(etcd.Block("concord/NYDC"))
	c.one.BehindBalancer()
	c.one.Env = []string{olderRelease}
	c.one.Start()
	c.two = testkit.NewNode(t, c.one, "nydc2")
	c.two.BehindBalancer()
	far := etcd.Block("concord/NYDC")
	far.Endpoints = []string{"http://" + c.line.Address}
	c.two.UseEtcd(far)
	c.two.Env = []string{olderRelease}
	c.two.Start()
	c.nginx, c.haproxy = testkit.NginxBalancer(t, c.one, c.two).Before(c.one), testkit.HAProxy(t, c.one, c.two).Before(c.one)
	c.one.User("ann")
	c.one.Role("operators", wire.AdminRole{Users: []string{"ann"}})
	policy(&c.one.DataCenter, wire.SessionPolicy{SignInURL: c.nginx.RuntimeURL})
	c.application = c.one.Application("portal", "https://portal.example")
	testkit.InStep(&c.one.DataCenter, &c.two.DataCenter)
	return c
}

// callers are people and administrators who come through both balancers. A token serves at every node, and so does the security
// context that one node opened.
func (c *cluster) callers(t *testing.T, context string) *crowd {
	t.Helper()
	all := newCrowd(t)
	all.join("a person through nginx", false, person(c.nginx, c.application, "ann"))
	all.join("a visitor through HAProxy", true, visitor(c.haproxy, c.application, "ann"))
	c.nginx.Token, c.haproxy.Token = c.one.AdminToken("deploy", "operators"), context
	all.join("a token through nginx", true, administrator(c.nginx.Admin(), "deploy"))
	all.join("a security context through HAProxy", true, administrator(c.haproxy.Admin(), "ann"))
	return all
}

// TestBehindLoadBalancers kills a node under load, and then stops and upgrades one after the other: of the kill nobody but who was
// being served by that node notices anything, of the rest nobody at all. Any node serves anybody: a sign-in at one goes on at the
// other, and so does an administrator's security context, also after the death of the node that opened it. A node that is cut off from etcd gets nobody (TAM-01, TAM-02,
// TAM-10, OAM-13, CAMS-03, CAMS-06, FLT-27, FLT-30).
func TestBehindLoadBalancers(t *testing.T) {
	c := behindBalancers(t)
	var opened wire.SecurityContextOpened
	if _, err := c.one.Do(client.Request{Method: http.MethodPost, Path: "/v1/security-contexts", In: wire.SecurityContextRequest{User: "ann", Password: testkit.Password}, Out: &opened}); err != nil {
		t.Fatal(err)
	}
	all := c.callers(t, opened.Token)
	all.more(c.nginx, 1)

	c.one.Kill()
	dead := time.Now()
	all.more(c.nginx, 2)
	for _, f := range all.failures(killed(dead)) {
		t.Errorf("after a kill: %s", f)
	}
	c.one.Start()
	all.more(c.nginx, 1)
	for _, node := range []*testkit.Process{c.two, c.one} {
		c.upgrade(t, node)
		all.more(c.nginx, 1)
	}
	all.end()
	for _, f := range all.failures(nothing) {
		t.Errorf("while nodes were stopped and started: %s", f)
	}
	for _, w := range all.all {
		t.Logf("%s: %d rounds", w.name, w.rounds.Load())
	}
	c.cutOff(t)
}

// cutOff takes etcd away from one node: it says that it wants nobody, and HAProxy sends nobody there until it is back.
func (c *cluster) cutOff(t *testing.T) {
	t.Helper()
	c.line.Silence(true, true)
	c.two.Within(2*testkit.Limit, "says that it does not keep up", func() bool { return len(c.two.Unhealthy()) > 0 })
	b := testkit.NewBrowser(t, c.haproxy)
	seen := func() map[string]int {
		nodes := map[string]int{}
		for range 6 {
			nodes[b.Get(c.haproxy.RuntimeURL+"/v1/health").Header.Get(wire.HeaderNode)]++
		}
		return nodes
	}
	c.haproxy.Within(testkit.Limit, "sends everybody to the other node", func() bool { return seen()["nydc1"] == 6 })
	c.line.Silence(false, false)
	c.haproxy.Within(2*testkit.Limit, "sends people to both again", func() bool { n := seen(); return n["nydc1"] > 0 && n["nydc2"] > 0 })
}

// upgrade stops a node and starts the newer release in its place.
func (c *cluster) upgrade(t *testing.T, node *testkit.Process) {
	t.Helper()
	node.Signal(syscall.SIGTERM)
	if code := node.Exit(); code != 0 || strings.Contains(node.Log(), "requests in flight") {
		t.Errorf("%s ends with %d:\n%s", node.View().NodeName, code, node.Log())
	}
	node.Env = []string{newerRelease}
	node.Start()
	_, nodes := nodesOf(&node.DataCenter)
	name := node.View().NodeName
	if nodes[name].Version != "0.9.0" {
		t.Errorf("%s says that it runs %s", name, nodes[name].Version)
	}
}
