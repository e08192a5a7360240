package testkit

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Gate is an agent as a program of its own, which shows a certificate to its data center and renews it.
type Gate struct {
	Origin string // https://host:port

	t        testing.TB
	certFile string
	log      string
}

// StartGate puts a gate before an application, registers both at d, and lets every signed-in user in. The certificate that it shows
// lives for ttl at first.
func StartGate(t testing.TB, program string, d *DataCenter, agent, ttl, upstream string) *Gate {
	t.Helper()
	return startGate(t, program, d, wire.Agent{Name: agent}, ttl, upstream, d.CACertPEM)
}

// StartGateOver is StartGate with an agent that is registered with servers: the nodes of its data center, the first of which is in its
// file, and of others that are asked when none of those answers.
func StartGateOver(t testing.TB, program, agent, upstream string, nodes, others []*DataCenter) *Gate {
	t.Helper()
	a, roots := wire.Agent{Name: agent}, nodes[0].CACertPEM
	for _, d := range nodes {
		a.Primary = append(a.Primary, d.cfg.NodeName+"="+d.RuntimeURL)
	}
	for _, d := range others {
		a.Secondary = append(a.Secondary, d.ClusterID+"/"+d.cfg.NodeName+"="+d.RuntimeURL)
		roots += d.CACertPEM
	}
	return startGate(t, program, nodes[0], a, "24h", upstream, roots)
}

func startGate(t testing.TB, program string, d *DataCenter, a wire.Agent, ttl, upstream, roots string) *Gate {
	t.Helper()
	dir, address, agent := t.TempDir(), freeAddress(t), a.Name
	g := &Gate{Origin: "https://" + address, t: t, certFile: filepath.Join(dir, "agent.pem"), log: filepath.Join(dir, "log")}
	a.Hosts, a.CertificateIdentities = []string{g.Origin}, []string{"spiffe://" + strings.ToLower(d.ClusterID) + "/agent/" + agent}
	d.Put(client.Path("v1", "agents", agent), a)
	d.Put(client.Path("v1", "applications", agent), wire.Application{Name: agent, Hosts: []string{address}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
	shown := d.Certify("agent", agent, ttl)
	var own wire.IssuedCertificate
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/certificates", In: wire.CertificateOrder{Profile: "web_server", SANs: []string{"127.0.0.1"}, TTL: "24h"}, Out: &own}); err != nil {
		t.Fatalf("certify the gate's listener: %v", err)
	}
	for name, text := range map[string]string{"agent.pem": shown.CertPEM, "agent.key": shown.KeyPEM, "own.pem": own.CertificatePEM + own.ChainPEM, "own.key": own.PrivateKeyPEM, "ca.pem": roots, "gate.hcl": g.file(d, agent, address, upstream)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.run(program, filepath.Join(dir, "gate.hcl"))
	d.Within(patience, "the gate listens", func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return g
}

func (g *Gate) file(d *DataCenter, agent, address, upstream string) string {
	return fmt.Sprintf(`cluster_id = %q
agent      = %q
listen     = %q
upstream   = %q
ca_file    = "ca.pem"

server %q {
  url = %q
}

tls {
  cert_file        = "own.pem"
  key_file         = "own.key"
  client_cert_file = "agent.pem"
  client_key_file  = "agent.key"
}
`, d.ClusterID, agent, address, upstream, d.cfg.NodeName, d.RuntimeURL)
}

func (g *Gate) run(program, file string) {
	g.t.Helper()
	log, err := os.OpenFile(g.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()                                      // the child has its own handle
	cmd := exec.Command(program, "gate", "--config", file) //nolint:gosec // a program that the test built
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		g.t.Fatalf("start gate: %v", err)
	}
	g.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		if text, err := os.ReadFile(g.log); err == nil && g.t.Failed() {
			g.t.Logf("log of the gate:\n%s", text)
		}
	})
}

// SignIn goes to the application, signs in where it is asked to, and gives what the application says in the end.
func (g *Gate) SignIn(b *Browser, user string) Page {
	g.t.Helper()
	p := b.Get(g.Origin + "/")
	for range 8 {
		switch {
		case p.Form != nil:
			p = b.Submit(p, url.Values{"user": {user}, "password": {Password}})
		case p.Location != "":
			next, err := p.URL.Parse(p.Location)
			if err != nil {
				g.t.Fatal(err)
			}
			p = b.Get(next.String())
		default:
			return p
		}
	}
	g.t.Fatalf("%s: sent in circles", g.Origin)
	return p
}

// Shown is the certificate that lies in the gate's file now.
func (g *Gate) Shown() *x509.Certificate {
	g.t.Helper()
	pair, err := tls.LoadX509KeyPair(g.certFile, strings.TrimSuffix(g.certFile, "pem")+"key")
	if err != nil {
		return nil // the two files are replaced one after the other
	}
	return pair.Leaf
}
