package ca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
)

// externalBench is a node whose authority is s.
func externalBench(t *testing.T, s *testkit.StepCA) *bench {
	t.Helper()
	b := newBench(t)
	b.config.External = &ca.External{URL: s.URL(), Fingerprint: s.Fingerprint, Provisioner: catest.Provisioner,
		Password: func() ([]byte, error) { return os.ReadFile(s.PasswordFile) }}
	if s.KeyFile != "" {
		b.config.External.Key = func() ([]byte, error) { return os.ReadFile(s.KeyFile) }
	}
	return b
}

var somebody = ca.Actor{Name: "test"}

// TestAnExternalAuthorityDoesWhatTheEmbeddedDoes runs through everything that is asked of an authority, with a real step-ca:
// its root, the node's leaves, issuing by each profile from a key of the server's and from a request, renewal, a new key,
// revocation by serial, identity and node, the list (OAM-42, SEC-49).
func TestAnExternalAuthorityDoesWhatTheEmbeddedDoes(t *testing.T) {
	t.Parallel()
	s := stepCA(t, catest.Options{})
	b := externalBench(t, s)
	a := b.open(t)
	if !a.Roots()[0].Equal(s.Root) {
		t.Error("the root is not the external authority's")
	}
	if got := a.PeerCertificate().Leaf; len(got.URIs) != 1 || got.URIs[0].String() != "spiffe://nydc/node/Node1" || len(got.DNSNames) > 0 {
		t.Errorf("peer leaf for %v %v", got.URIs, got.DNSNames)
	}
	if got := a.WebCertificate().Leaf; !slices.Equal(got.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || got.VerifyHostname("sso.example.com") != nil {
		t.Errorf("web leaf with usages %v for %v", got.ExtKeyUsage, got.DNSNames)
	}
	csr := foreignRequest(t, "somebody else's idea", "spiffe://nydc/agent/a-2")
	for name, r := range map[string]ca.Request{
		"node":           {Profile: ca.ProfileNode, Name: "ny2"},
		"agent":          {Profile: ca.ProfileAgent, Name: "a-1"},
		"administrator":  {Profile: ca.ProfileAdministrator, Name: "ann"},
		"web server":     {Profile: ca.ProfileWebServer, SANs: []string{"app.example.com", "192.0.2.9", "2001:db8::1"}},
		"from a request": {Profile: ca.ProfileAgent, CSR: csr, TTL: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			first, err := a.Issue(t.Context(), somebody, r)
			if err != nil {
				t.Fatal(err)
			}
			opensslVerifies(t, s.Root, first.Record)
			again, err := a.Renew(t.Context(), somebody, first.Serial, "")
			if err != nil {
				t.Fatal(err)
			}
			if again.Serial == first.Serial || again.PrivateKeyPEM == "" || !slices.Equal(again.Names, first.Names) {
				t.Errorf("renewed as %v", again.Record)
			}
			opensslVerifies(t, s.Root, again.Record)
		})
	}
	revokedThere(t, a, s, ca.Withdrawal{Identity: "spiffe://nydc/agent/a-1", Reason: ca.ReasonKeyCompromise}, 2)
	revokedThere(t, a, s, ca.Withdrawal{Node: "ny2"}, 2)
	if _, err := a.Renew(t.Context(), somebody, revokedSerial(t, a), ""); fault.CodeOf(err) != "certificate_revoked" {
		t.Errorf("a revoked certificate was renewed: %v", err)
	}
	before := a.PeerCertificate().Leaf
	revokedThere(t, a, s, ca.Withdrawal{Serials: []string{ca.SerialText(before.SerialNumber)}}, 1)
	if a.PeerCertificate().Leaf.Equal(before) {
		t.Error("the revoked leaf of the node was not replaced")
	}
}

// revokedThere revokes, and wants that many more entries, and all that are recorded, on the list that step-ca signed.
func revokedThere(t *testing.T, a *ca.Authority, s *testkit.StepCA, d ca.Withdrawal, more int) {
	t.Helper()
	before := len(a.Revocations())
	if _, err := a.Revoke(t.Context(), somebody, d); err != nil {
		t.Fatal(err)
	}
	if err := a.ListTrouble(); err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(a.CRL().DER)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(issuer(t, a)); err != nil {
		t.Error(err)
	}
	if len(list.RevokedCertificateEntries) != before+more || len(a.Revocations()) != before+more {
		t.Errorf("%d entries on the list, %d recorded, want %d", len(list.RevokedCertificateEntries), len(a.Revocations()), before+more)
	}
	for _, e := range list.RevokedCertificateEntries {
		if !a.Revoked(e.SerialNumber) {
			t.Errorf("%s is on the list and not revoked here", e.SerialNumber)
		}
	}
}

func revokedSerial(t *testing.T, a *ca.Authority) string {
	t.Helper()
	return a.Revocations()[0].Serial
}

func issuer(t *testing.T, a *ca.Authority) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(a.PeerCertificate().Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// foreignRequest is a certificate request by somebody who chose another common name.
func foreignRequest(t *testing.T, common, uri string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: common}, URIs: []*url.URL{u}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// opensslVerifies lets another implementation check the chain; where there is none, the test goes on without.
func opensslVerifies(t *testing.T, root *x509.Certificate, r ca.Record) {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("openssl is missing; the chain is not checked by it")
		return
	}
	dir := t.TempDir()
	put := func(name string, ders ...[]byte) string {
		var b bytes.Buffer
		for _, der := range ders {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out, err := exec.CommandContext(t.Context(), program, "verify", "-x509_strict", "-CAfile", put("root.pem", root.Raw), "-untrusted", put("chain.pem", r.Chain...), put("leaf.pem", r.Certificate)).CombinedOutput() //nolint:gosec // files of this test
	if err != nil || !strings.Contains(string(out), ": OK") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

// TestWhatAnExternalAuthorityCannotDo: each has a code and says what to do about it; a secret is in none.
func TestWhatAnExternalAuthorityCannotDo(t *testing.T) {
	t.Parallel()
	good := stepCA(t, catest.Options{})
	other := stepCA(t, catest.Options{})
	plain := stepCA(t, catest.Options{WithoutTemplate: true})
	apart := stepCA(t, catest.Options{KeyApart: true})
	for name, c := range map[string]struct {
		ca     *testkit.StepCA
		change func(*ca.Config)
		code   string
		says   []string
	}{
		"another fingerprint": {good, func(c *ca.Config) { c.External.Fingerprint = other.Fingerprint }, "ca_not_proved", []string{other.Fingerprint, "step certificate fingerprint"}},
		"wrong password": {good, func(c *ca.Config) {
			c.External.Password = func() ([]byte, error) { return []byte("hunter2hunter2"), nil }
		}, "ca_password", []string{"provisioner_password_file", `"concord"`}},
		"no such provisioner": {good, func(c *ca.Config) { c.External.Provisioner = "nobody" }, "ca_no_provisioner", []string{`"nobody"`, "Add it"}},
		"key not published":   {apart, func(c *ca.Config) { c.External.Key = nil }, "ca_no_key", []string{"provisioner_key_file"}},
		"another authority's key": {good, func(c *ca.Config) {
			key := *c.External
			key.Key = func() ([]byte, error) { return os.ReadFile(apart.KeyFile) }
			key.Password = func() ([]byte, error) { return os.ReadFile(apart.PasswordFile) }
			c.External = &key
		}, "ca_refused", []string{"did not accept the token"}},
		"a template of its own":        {plain, func(*ca.Config) {}, "ca_unlike_order", []string{"other usages", "docs/trust.md"}},
		"a longer life than it gives":  {good, func(c *ca.Config) { c.LeafTTL = 48 * time.Hour }, "ca_refused", []string{"more than the authorized maximum"}},
		"nobody there":                 {good, func(c *ca.Config) { c.External.URL = "https://127.0.0.1:1" }, "ca_unreachable", []string{"https://127.0.0.1:1"}},
		"a name that it does not have": {good, func(c *ca.Config) { c.External.URL = strings.Replace(good.URL(), "127.0.0.1", "localhost", 1) }, "ca_not_proved", []string{"dnsNames"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := externalBench(t, c.ca)
			c.change(&b.config)
			_, err := ca.Open(t.Context(), b.config)
			if fault.CodeOf(err) != c.code {
				t.Fatalf("%s: %v", fault.CodeOf(err), err)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q is not in %q", words, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is in %q", err)
			}
		})
	}
}
