package httpapi_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// forger is an authority that signs whatever it is asked for.
type forger struct {
	cert *x509.Certificate
	key  crypto.Signer
	up   *forger
}

func newForger(t *testing.T, name string, up *forger, change func(*x509.Certificate)) *forger {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("the same key id")}
	if change != nil {
		change(ca)
	}
	f := &forger{key: key, up: up}
	parent, signer := ca, crypto.Signer(key)
	if up != nil {
		parent, signer = up.cert, up.key
	}
	f.cert = signed(t, ca, parent, key.Public(), signer)
	return f
}

func signed(t *testing.T, template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(signedDER(t, template, parent, key, by))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signedDER(t *testing.T, template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// leaf makes a sound certificate of FAKE's node, after change had its way with it.
func (f *forger) leaf(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return f.leafWith(t, key, change)
}

func (f *forger) leafWith(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	l := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "fake1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	named("spiffe://fake/node/fake1")(l)
	if change != nil {
		change(l)
	}
	out := tls.Certificate{Certificate: [][]byte{signedDER(t, l, f.cert, key.Public(), f.key)}, PrivateKey: key}
	for x := f; x.up != nil; x = x.up {
		out.Certificate = append(out.Certificate, x.cert.Raw)
	}
	return out
}

// named gives a certificate exactly these URI names, byte by byte, also those that no URL is.
func named(uris ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		var names []byte
		for _, u := range uris {
			b, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(u)})
			names = append(names, b...)
		}
		value, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: names})
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}
	}
}

// forgeries are certificates with one wrong property each. good is an authority that is trusted for FAKE, other one that is trusted
// for LDC, and stranger one that looks like good and is not.
func forgeries(t *testing.T, good, other, stranger *forger) map[string]tls.Certificate {
	t.Helper()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	between := newForger(t, "FAKE constrained", good, func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"elsewhere.example"}, true
	})
	noCA := newForger(t, "FAKE no authority", good, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	ended := newForger(t, "FAKE ended", good, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	out := map[string]tls.Certificate{
		"another data center's name":    other.leaf(t, nil),
		"our own name":                  good.leaf(t, named("spiffe://nydc/node/nydc1")),
		"a name that nobody registered": good.leaf(t, named("spiffe://nobody/node/n1")),
		"the other partner's name":      good.leaf(t, named("spiffe://ldc/node/ldc1")),
		"common name only":              good.leaf(t, func(c *x509.Certificate) { c.ExtraExtensions = nil; c.Subject.CommonName = "spiffe://fake/node/fake1" }),
		"DNS name only":                 good.leaf(t, func(c *x509.Certificate) { c.ExtraExtensions = nil; c.DNSNames = []string{"fake1.fake.example"} }),
		"no name":                       good.leaf(t, func(c *x509.Certificate) { c.ExtraExtensions = nil }),
		"two names":                     good.leaf(t, named("spiffe://fake/node/fake1", "spiffe://ldc/node/ldc1")),
		"the same name twice":           good.leaf(t, named("spiffe://fake/node/fake1", "spiffe://fake/node/fake1")),
		"an agent's name":               good.leaf(t, named("spiffe://fake/agent/fake1")),
		"an administrator's name":       good.leaf(t, named("spiffe://fake/admin/fake1")),
		"upper case":                    good.leaf(t, named("spiffe://FAKE/node/fake1")),
		"an upper-case scheme":          good.leaf(t, named("SPIFFE://fake/node/fake1")),
		"a slash at its end":            good.leaf(t, named("spiffe://fake/node/fake1/")),
		"two slashes":                   good.leaf(t, named("spiffe://fake//node/fake1")),
		"an escape":                     good.leaf(t, named("spiffe://f%61ke/node/fake1")),
		"an escaped slash":              good.leaf(t, named("spiffe://fake/node%2ffake1")),
		"dots in its path":              good.leaf(t, named("spiffe://fake/agent/../node/fake1")),
		"a port":                        good.leaf(t, named("spiffe://fake:443/node/fake1")),
		"a user":                        good.leaf(t, named("spiffe://ldc@fake/node/fake1")),
		"a query":                       good.leaf(t, named("spiffe://fake/node/fake1?x=1")),
		"a fragment":                    good.leaf(t, named("spiffe://fake/node/fake1#ldc")),
		"another scheme":                good.leaf(t, named("https://fake/node/fake1")),
		"a longer name":                 good.leaf(t, named("spiffe://fake/node/"+strings.Repeat("a", 300))),
		"expired":                       good.leaf(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"not yet valid":                 good.leaf(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }),
		"for servers only":              good.leaf(t, usage(x509.ExtKeyUsageServerAuth)),
		"for nothing said":              good.leaf(t, usage()),
		"for anything":                  good.leaf(t, usage(x509.ExtKeyUsageAny)),
		"for mail":                      good.leaf(t, usage(x509.ExtKeyUsageEmailProtection)),
		"the leaf an authority": good.leaf(t, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		}),
		"the leaf may sign":                    good.leaf(t, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }),
		"same subject and key id":              stranger.leaf(t, nil),
		"an intermediate outside of its names": between.leaf(t, nil),
		"an intermediate that is no authority": noCA.leaf(t, nil),
		"an intermediate that has expired":     ended.leaf(t, nil),
		"a short key":                          good.leafWith(t, short, nil),
		"a chain of nine":                      nine(good.leaf(t, nil), good),
		"the root itself":                      {Certificate: [][]byte{good.cert.Raw}, PrivateKey: good.key},
	}
	return out
}

func nine(c tls.Certificate, f *forger) tls.Certificate {
	for len(c.Certificate) < 9 {
		c.Certificate = append(c.Certificate, f.cert.Raw)
	}
	return c
}

// forgedAt is NYDC with FAKE and LDC as partners, each with an authority of its own.
func forgedAt(t *testing.T, d *testkit.DataCenter) (good, other, stranger *forger) {
	t.Helper()
	good, other, stranger = newForger(t, "FAKE Root CA", nil, nil), newForger(t, "LDC Root CA", nil, nil), newForger(t, "FAKE Root CA", nil, nil)
	for id, f := range map[string]*forger{"FAKE": good, "LDC": other} {
		root := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.cert.Raw}))
		d.Put("/v1/trust/certificates/"+id, wire.TrustedCertificate{Name: id, CertificatePEM: root, Partner: id})
		d.Put("/v1/partners/"+id, wire.Partner{ClusterID: id, AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	}
	return good, other, stranger
}

// hello asks for who answers, over a connection of its own.
func hello(t *testing.T, d *testkit.DataCenter, cert tls.Certificate) (status int, err error) {
	t.Helper()
	conn, err := tls.DialWithDialer(dialer(), "tcp", d.PeerAddress, &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true}) //nolint:gosec // the test is the attacker
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET /peer/v1/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// TestForgedCertificates shows a real peer listener every certificate that is wrong in one way (SEC-41): each is refused, in the
// handshake or with 403, each stands in the log, and the audit record has them up to its bound, with the number of the rest.
func TestForgedCertificates(t *testing.T) {
	t.Parallel()
	logged := &record{}
	d := testkit.StartWith(t, testkit.Options{Logger: logged.logger()}, "NYDC")[0]
	good, other, stranger := forgedAt(t, d)
	sound := newForger(t, "FAKE issuing", good, nil)
	for name, cert := range map[string]tls.Certificate{"a sound one": good.leaf(t, nil), "a sound one below an intermediate": sound.leaf(t, nil)} {
		if status, err := hello(t, d, cert); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %v", name, status, err)
		}
	}
	all := forgeries(t, good, other, stranger)
	for name, cert := range all {
		status, err := hello(t, d, cert)
		if err == nil && status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
		leaf, perr := x509.ParseCertificate(cert.Certificate[0])
		if perr != nil {
			continue // nor can the server read it
		}
		if !strings.Contains(logged.text(), mdc.Fingerprint(leaf)) {
			t.Errorf("%s is not in the log", name)
		}
	}
	if status, err := hello(t, d, tls.Certificate{}); err != nil || status != http.StatusForbidden {
		t.Errorf("no certificate at all: %d %v", status, err)
	}
	big := good.leaf(t, nil)
	for range 2000 {
		big.Certificate = append(big.Certificate, good.cert.Raw)
	}
	if status, err := hello(t, d, big); err == nil && status != http.StatusForbidden {
		t.Errorf("a megabyte of certificates: %d", status)
	}
	if status, err := hello(t, d, good.leaf(t, nil)); err != nil || status != http.StatusOK {
		t.Errorf("a sound one after all that: %d %v", status, err)
	}
	records := audited(t, d, `"action":"refuse"`)
	if len(records) == 0 || len(records) > 21 {
		t.Errorf("%d of %d refusals in the audit record", len(records), len(all))
	}
	for _, code := range []string{"wrong_identity", "untrusted_certificate"} {
		if !strings.Contains(strings.Join(records, "\n"), "peer/"+code) {
			t.Errorf("%s is not in the audit record: %s", code, records)
		}
	}
}

func dialer() *net.Dialer { return &net.Dialer{Timeout: 10 * time.Second} }

// audited stops the data center and gives its audit records with a text in them.
func audited(t *testing.T, d *testkit.DataCenter, text string) (out []string) {
	t.Helper()
	d.Stop()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(d.DataDir, "state"), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("a/e/")}, func(_, v []byte) error {
			if strings.Contains(string(v), text) {
				out = append(out, string(v))
			}
			return nil
		})
	})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Start()
	return out
}

// TestForgedCertificatesByOpenSSL: another TLS library than ours, as the peer: a sound certificate is answered, and of the forged
// ones none (SEC-41); names of servers that are odd change nothing (SEC-42).
func TestForgedCertificatesByOpenSSL(t *testing.T) {
	program := testkit.Tool(t, "apt-get install openssl", "openssl")
	d := start(t)
	good, other, stranger := forgedAt(t, d)
	dir := t.TempDir()
	ask := func(name string, cert tls.Certificate, more ...string) string {
		file := filepath.Join(dir, strings.Map(func(r rune) rune {
			if r == ' ' {
				return '-'
			}
			return r
		}, name))
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
		for _, der := range cert.Certificate {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, program, append([]string{"s_client", "-connect", d.PeerAddress, "-cert", file, "-key", file, "-cert_chain", file, "-ign_eof", "-quiet"}, more...)...) //nolint:gosec // the test's own arguments
		c.Stdin = strings.NewReader("GET /peer/v1/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		out, _ := c.CombinedOutput() // its code says little: the answer counts
		return string(out)
	}
	for _, sni := range [][]string{{"-noservername"}, {"-servername", "ldc"}, {"-servername", "*.example.com"}, {"-servername", "NYDC"}, {"-split_send_frag", "512"}, {"-tls1_3"}} {
		if out := ask("sound", good.leaf(t, nil), sni...); !strings.Contains(out, "HTTP/1.1 200 OK") {
			t.Errorf("a sound certificate with %v: %s", sni, out)
		}
		if out := ask("wrong", stranger.leaf(t, nil), sni...); strings.Contains(out, "HTTP/1.1 200") {
			t.Errorf("a wrong certificate with %v: %s", sni, out)
		}
	}
	if out := ask("old", good.leaf(t, nil), "-tls1_2"); strings.Contains(out, "HTTP/1.1") {
		t.Errorf("TLS 1.2: %s", out)
	}
	for name, cert := range forgeries(t, good, other, stranger) {
		if out := ask(name, cert); strings.Contains(out, "HTTP/1.1 200") {
			t.Errorf("%s: %s", name, out)
		}
	}
}
