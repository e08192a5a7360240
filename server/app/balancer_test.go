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
	etcd           *testkit.Etcd
}

func behindBalancers(t *testing.T) *cluster {
	t.Helper()
	program := fragile(t)
	p, err := theProgram.etcd()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{etcd: testkit.NewEtcd(t, p, 1, testkit.EtcdOptions{}), one: testkit.NewProcess(t, program, "NYDC")}
	c.one.UseEtcd(c.etcd.Block("concord/NYDC"))
	c.one.BehindBalancer()
	c.one.Env = []string{olderRelease}
	c.one.Start()
	c.two = testkit.NewNode(t, c.one, "nydc2")
	c.two.BehindBalancer()
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
	all.join("a person through nginx", person(c.nginx, c.application, "ann"))
	all.join("a visitor through nginx", visitor(c.nginx, c.application, "ann"))
	all.join("a visitor through HAProxy", visitor(c.haproxy, c.application, "ann"))
	token := c.one.AdminToken("deploy", "operators")
	for name, at := range map[string]*testkit.DataCenter{"nginx": c.nginx, "haproxy": c.haproxy} {
		at.Token = token
		all.join("a token through "+name, administrator(at.Admin(), "t"+name))
		signedIn := *at
		signedIn.Token = context
		all.join("a security context through "+name, administrator(signedIn.Admin(), "c"+name))
	}
	return all
}

// TestBehindLoadBalancers kills a node under load, and then stops and upgrades one after the other: of the kill nobody but who was
// being served by that node notices anything, of the rest nobody at all. Any node serves anybody: a sign-in at one goes on at the
// other, and so does an administrator's security context, also after the death of the node that opened it (TAM-01, TAM-02,
// TAM-10, OAM-13, CAMS-03, CAMS-06, FLT-27, FLT-30).
func TestBehindLoadBalancers(t *testing.T) {
	c := behindBalancers(t)
	var opened wire.SecurityContextOpened
	if _, err := c.one.Do(client.Request{Method: http.MethodPost, Path: "/v1/security-contexts", In: wire.SecurityContextRequest{User: "ann", Password: testkit.Password}, Out: &opened}); err != nil {
		t.Fatal(err)
	}
	all := c.callers(t, opened.Token)
	all.more(c.nginx, 2)

	c.one.Kill()
	dead := time.Now()
	all.more(c.nginx, 3)
	for _, f := range all.failures(killed(dead)) {
		t.Errorf("after a kill: %s", f)
	}
	c.one.Start()
	all.more(c.nginx, 2)
	for _, node := range []*testkit.Process{c.two, c.one} {
		c.upgrade(t, node)
		all.more(c.nginx, 2)
	}
	all.end()
	for _, f := range all.failures(nothing) {
		t.Errorf("while nodes were stopped and started: %s", f)
	}
	for _, w := range all.all {
		t.Logf("%s: %d rounds", w.name, w.rounds.Load())
	}
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
