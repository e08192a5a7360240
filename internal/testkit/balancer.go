package testkit

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// Balancer is a real load balancer, set up as examples/load-balancer says.
type Balancer struct {
	*WebServer         // the runtime listener's
	Admin, Peer string // host:port

	t    testing.TB
	dir  string
	file string
	cmd  *exec.Cmd
}

// LeaveTime is that of nodes behind the example's balancers.
const LeaveTime = 2 * time.Second

// BehindBalancer gives the node what the example says about nodes, from its next start on.
func (p *Process) BehindBalancer() {
	p.t.Helper()
	p.cfg.LeaveTime = LeaveTime
	p.cfg.Runtime.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	if err := config.WriteNode(p.ConfigFile, p.cfg); err != nil {
		p.t.Fatal(err)
	}
}

// NginxBalancer runs nginx with examples/load-balancer/nginx.conf before two nodes of one data center.
func NginxBalancer(t testing.TB, one, two *Process) *Balancer {
	t.Helper()
	b := newBalancer(t, "nginx.conf", one.CACertPEM, map[string]*Process{"10.0.0.5": one, "10.0.0.6": two})
	return b.run(nginxWithStream(t, b))
}

// NginxStandby runs nginx with examples/load-balancer/standby.conf: clone gets what master does not answer.
func NginxStandby(t testing.TB, master, clone *Process) *Balancer {
	t.Helper()
	b := newBalancer(t, "standby.conf", master.CACertPEM+clone.CACertPEM, map[string]*Process{"10.0.0.5": master, "10.1.0.5": clone})
	return b.run(nginxWithStream(t, b))
}

// HAProxy runs HAProxy with examples/load-balancer/haproxy.cfg before two nodes of one data center.
func HAProxy(t testing.TB, one, two *Process) *Balancer {
	t.Helper()
	program := Tool(t, "apt-get install haproxy", "haproxy", "/usr/sbin/haproxy")
	b := newBalancer(t, "haproxy.cfg", one.CACertPEM, map[string]*Process{"10.0.0.5": one, "10.0.0.6": two})
	return b.run(exec.Command(program, "-db", "-f", b.file)) //nolint:gosec // a tool that was looked for
}

func nginxWithStream(t testing.TB, b *Balancer) *exec.Cmd {
	t.Helper()
	program := Tool(t, "apt-get install nginx-light", "nginx", "/usr/sbin/nginx")
	needFile(t, "apt-get install libnginx-mod-stream", "/usr/lib/nginx/modules/ngx_stream_module.so")
	return nginx(t, program, b.dir, b.file)
}

func newBalancer(t testing.TB, file, roots string, nodes map[string]*Process) *Balancer {
	t.Helper()
	b := &Balancer{WebServer: &WebServer{Address: freeAddress(t)}, Admin: freeAddress(t), Peer: freeAddress(t), t: t, file: file}
	all := map[string]string{"10.0.0.4:443": b.Address, "10.0.0.4:7400": b.Admin, "10.0.0.4:7402": b.Peer}
	for host, p := range nodes {
		all[host+":7400"], all[host+":7401"] = p.cfg.Admin.Address, p.cfg.Runtime.Address
		if host != "10.1.0.5" { // data centers do not call each other through a balancer
			all[host+":7402"] = p.cfg.Peer.Address
		}
	}
	b.dir = layOut(t, "load-balancer", roots, all)
	return b
}

func (b *Balancer) run(cmd *exec.Cmd) *Balancer {
	b.t.Helper()
	b.cmd = cmd
	b.WebServer = serve(b.t, b.Address, b.dir, cmd)
	return b
}

// Before is the data center as those see it who come through the balancer.
func (b *Balancer) Before(p *Process) *DataCenter {
	b.t.Helper()
	d := p.DataCenter
	d.Endpoint, d.RuntimeURL, d.PeerAddress = "https://"+b.Admin, b.Origin, b.Peer
	d.CACertPEM = b.CertPEM + p.CACertPEM
	return &d
}

// Exchange puts every address of one node in the place of the other's, and has nginx read its file again.
func (b *Balancer) Exchange(one, two *Process) {
	b.t.Helper()
	file := filepath.Join(b.dir, b.file)
	text, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	swap := []string{}
	for _, pair := range [][2]string{{one.cfg.Admin.Address, two.cfg.Admin.Address}, {one.cfg.Runtime.Address, two.cfg.Runtime.Address}} {
		swap = append(swap, pair[0], pair[1], pair[1], pair[0])
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(swap...).Replace(string(text))), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		b.t.Fatal(err)
	}
}
