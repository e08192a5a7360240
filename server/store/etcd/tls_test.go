package etcd_test

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// single starts one member.
func single(t *testing.T, o testkit.EtcdOptions) *testkit.Etcd {
	t.Helper()
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewEtcd(t, p, 1, o)
}

// TestTLS: etcd that wants client certificates is used with them; what does not fit is refused at the start, in bounded time and
// with what to do; and renewed files, of another authority even, count without a restart (TAM-01, FLT-21).
func TestTLS(t *testing.T) {
	at := in(t.TempDir())
	ours, others := testkit.NewAuthority(t, "ours"), testkit.NewAuthority(t, "others")
	hour, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	ours.Write(t, at("ca.pem"))
	ours.Write(t, at("clients.pem"))
	others.Write(t, at("others.pem"))
	ours.Leaf(t, at("server"), x509.ExtKeyUsageServerAuth, hour)
	ours.Leaf(t, at("client"), x509.ExtKeyUsageClientAuth, hour)
	ours.Leaf(t, at("expired"), x509.ExtKeyUsageClientAuth, past)
	others.Leaf(t, at("stranger"), x509.ExtKeyUsageClientAuth, hour)
	c := single(t, testkit.EtcdOptions{CertFile: at("server.pem"), KeyFile: at("server.key"), ClientCAFile: at("clients.pem")})
	files := func(ca, client string) etcd.Files {
		f := etcd.Files{CA: at(ca)}
		if client != "" {
			f.Cert, f.Key = at(client+".pem"), at(client+".key")
		}
		return f
	}
	with := func(f etcd.Files, cfg etcd.Config) etcd.Config {
		config, err := f.TLS()
		if err != nil {
			t.Fatal(err)
		}
		cfg.TLS = config
		return cfg
	}
	s := open(t, c, with(files("ca.pem", "client"), etcd.Config{}))
	if err := s.Update(t.Context(), putting("a", "1")); err != nil {
		t.Fatal(err)
	}

	port := c.Endpoints()[0][strings.LastIndex(c.Endpoints()[0], ":"):]
	for name, tc := range map[string]struct {
		files    etcd.Files
		endpoint string
		says     string
	}{
		"another authority of the server": {files("others.pem", "client"), "", "Set ca_cert_file to the root certificate"},
		"another name of the server":      {files("ca.pem", "client"), "https://localhost" + port, "is for another name"},
		"no client certificate":           {files("ca.pem", ""), "", "Set client_cert_file and client_key_file"},
		"an expired client certificate":   {files("ca.pem", "expired"), "", "client certificate of this node"},
		"a stranger's client certificate": {files("ca.pem", "stranger"), "", "refuses the client certificate of this node"},
		"no TLS":                          {files("ca.pem", "client"), "http://127.0.0.1" + port, "write endpoints with https"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := etcd.Config{RequestTimeout: 400 * time.Millisecond}
			if tc.endpoint != "" {
				cfg.Endpoints = []string{tc.endpoint}
			}
			refused(t, withDefaults(c, with(tc.files, cfg)), tc.says)
		})
	}
	t.Run("an expired certificate of the server", func(t *testing.T) { // which reads its files for each connection, too
		ours.Leaf(t, at("server"), x509.ExtKeyUsageServerAuth, past)
		defer ours.Leaf(t, at("server"), x509.ExtKeyUsageServerAuth, hour)
		refused(t, withDefaults(c, with(files("ca.pem", "client"), etcd.Config{RequestTimeout: 400 * time.Millisecond})), "has expired")
	})

	others.Leaf(t, at("client"), x509.ExtKeyUsageClientAuth, hour)
	others.Write(t, at("clients.pem"))
	c.Members[0].Kill()
	c.Members[0].Start()
	c.Members[0].AwaitHealthy()
	if err := s.Update(t.Context(), putting("a", "2")); err != nil {
		t.Errorf("with the renewed client certificate: %v", err)
	}
}

// refused opens a store in vain.
func refused(t *testing.T, cfg etcd.Config, says string) {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := etcd.Open(bounded, cfg)
	if err == nil {
		_ = s.Close()
	}
	if fault.CodeOf(err) != etcd.CodeRefused || !strings.Contains(err.Error(), says) {
		t.Errorf("open = %v; want %s with %q", err, etcd.CodeRefused, says)
	}
}

// TestFiles: a file that holds something else is named.
func TestFiles(t *testing.T) {
	at := in(t.TempDir())
	a := testkit.NewAuthority(t, "ours")
	a.Leaf(t, at("client"), x509.ExtKeyUsageClientAuth, time.Now().Add(time.Hour))
	for name, f := range map[string]etcd.Files{
		at("client.key"): {CA: at("client.key")},
		at("client.pem"): {Cert: at("client.pem"), Key: at("client.pem")},
	} {
		if _, err := f.TLS(); fault.CodeOf(err) != "wrong_file" || !strings.Contains(err.Error(), name) {
			t.Errorf("%v = %v; want wrong_file that names %s", f, err, name)
		}
	}
}

// in joins names to a directory.
func in(dir string) func(string) string {
	return func(name string) string { return filepath.Join(dir, name) }
}
