package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// demo is one run.
type demo struct {
	layout        *layout
	report        *report
	procs         *processes
	nydc          *process // the master's server; it is killed and started again
	tf            *terraform
	master, clone *admin
	trust         *tls.Config
	alice, bob    *browser
	bobSaved      *browser // with bob's cookies from before his session was ended
}

// all runs the steps. Where a later one could only repeat an earlier one's trouble, it stops.
func (d *demo) all(ctx context.Context) {
	m, c := d.layout.master.ClusterID, d.layout.clone.ClusterID
	ok := d.report.step(ctx, fmt.Sprintf("start %s and %s as separate processes", m, c), d.startServers) &&
		d.report.step(ctx, "terraform init and apply", d.apply) &&
		d.report.step(ctx, "start an application and an agent in each data center", d.startGates)
	if !ok {
		return
	}
	d.walk(ctx)
	d.report.step(ctx, "terraform plan after all that", d.tf.plan)
}

func (d *demo) startServers(ctx context.Context) (string, error) {
	var err error
	if d.nydc, err = d.server(d.layout.master); err != nil {
		return "", err
	}
	second, err := d.server(d.layout.clone)
	if err != nil {
		return "", err
	}
	if d.master, err = d.healthy(ctx, d.nydc, d.layout.master); err != nil {
		return "", err
	}
	if d.clone, err = d.healthy(ctx, second, d.layout.clone); err != nil {
		return "", err
	}
	d.trust, err = trust(d.layout)
	return d.layout.master.AdminURL + ", " + d.layout.clone.AdminURL, err
}

func (d *demo) server(c *center) (*process, error) {
	return d.procs.start(strings.ToLower(c.ClusterID), filepath.Join(d.layout.root, "bin", "concord"), "server", "--config", c.ConfigFile)
}

// healthy waits until the data center answers its administrator; a first start makes keys, root and token before that.
func (d *demo) healthy(ctx context.Context, p *process, c *center) (*admin, error) {
	var a *admin
	err := until(ctx, time.Minute, func(ctx context.Context) error {
		if err := p.ended(); err != nil {
			return err
		}
		var err error
		if a, err = newAdmin(c); err != nil {
			return err
		}
		_, err = a.dataCenter(ctx)
		return err
	})
	return a, err
}

func (d *demo) apply(ctx context.Context) (string, error) {
	var err error
	if d.tf, err = newTerraform(d.layout); err != nil {
		return "", err
	}
	return d.tf.apply(ctx)
}

func (d *demo) startGates(ctx context.Context) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	for _, c := range []*center{d.layout.master, d.layout.clone} {
		if err := d.gate(ctx, self, c); err != nil {
			return "", err
		}
	}
	return d.layout.master.origin() + ", " + d.layout.clone.origin(), nil
}

// gate starts an application and, in front of it, the agent of the same data center.
func (d *demo) gate(ctx context.Context, self string, c *center) error {
	app, err := d.procs.start("application-"+c.role, self, "application", c.app)
	if err != nil {
		return err
	}
	file, err := d.gateFile(c)
	if err != nil {
		return err
	}
	agent, err := d.procs.start("agent-"+c.role, filepath.Join(d.layout.root, "bin", "concord"), "gate", "--config", file)
	if err != nil {
		return err
	}
	if err := listening(ctx, app, c.app); err != nil {
		return err
	}
	return listening(ctx, agent, c.gate)
}

// gateFile writes the agent's configuration and its secret.
func (d *demo) gateFile(c *center) (string, error) {
	text := fmt.Sprintf(`cluster_id  = %q
agent       = %q
secret_file = %q
listen      = %q
upstream    = "http://%s"
ca_file     = %q

server %q {
  url = %q
}

tls {
  cert_file = %q
  key_file  = %q
}
`, c.ClusterID, c.agent, c.secretKey, c.gate, c.app, c.CACertFile, c.node, c.RuntimeURL, d.layout.cert, d.layout.key)
	file := filepath.Join(d.layout.dir, c.ClusterID, "gate.hcl")
	return file, errors.Join(os.WriteFile(c.secretKey, []byte(d.layout.secret[c.ClusterID]+"\n"), 0o600), os.WriteFile(file, []byte(text), 0o600))
}

// listening waits until a program takes connections.
func listening(ctx context.Context, p *process, address string) error {
	return until(ctx, 20*time.Second, func(ctx context.Context) error {
		if err := p.ended(); err != nil {
			return err
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("%s does not listen: %w", p.name, err)
		}
		return conn.Close()
	})
}

// introduce says what is running, for a person who wants to look around.
func (d *demo) introduce(script, env string) {
	l := d.layout
	var b strings.Builder
	line := func(name, text string) { fmt.Fprintf(&b, "  %-24s %s\n", name, text) }
	b.WriteString("\nStill running:\n")
	for _, c := range []*center{l.master, l.clone} {
		line("application behind "+c.ClusterID, c.origin()+"/")
	}
	line("sign out", l.master.origin()+"/.concord/logout")
	line("users", fmt.Sprintf("alice %s, bob %s", l.passwords["alice"], l.passwords["bob"]))
	line("logs", l.logs)
	line("Terraform's folder", l.terraform)
	for _, c := range []*center{l.master, l.clone} {
		line("administration of "+c.ClusterID, c.AdminURL)
		line("  token", c.TokenFile)
		line("  root certificate", c.CACertFile)
	}
	b.WriteString("\nA browser warns of certificates that it does not know; import the roots, or go on. To ask a data center:\n\n")
	for _, c := range []*center{l.master, l.clone} {
		fmt.Fprintf(&b, "  %s status --endpoint %s --ca-cert %s --token-file %s\n", filepath.Join(l.root, "bin", "concord"), c.AdminURL, c.CACertFile, c.TokenFile)
	}
	fmt.Fprintf(&b, "\nTo plan in Terraform's folder, set its variables first:\n\n  . %s\n", env)
	fmt.Fprintf(&b, "\nTo stop all: sh %s\n\n", script)
	fmt.Fprint(d.report.out, b.String()) //nolint:errcheck // standard output
}
