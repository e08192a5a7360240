package trust_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// declared is what an administrator declared, changed while the tests run.
type declared struct {
	mu           sync.Mutex // guards the rest
	partners     []mdc.Partner
	certificates []mdc.TrustedCertificate
	err          error
}

func (d *declared) Partners(context.Context) ([]mdc.Partner, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.partners, d.err
}

func (d *declared) TrustedCertificates(ctx context.Context) ([]mdc.TrustedCertificate, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.certificates, errors.Join(d.err, ctx.Err())
}

func (d *declared) set(change func(*declared)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func partners(ids ...string) (out []mdc.Partner) {
	for _, id := range ids {
		out = append(out, mdc.Partner{ClusterID: id, AgentID: "concord", SecurityMode: mdc.ModeCert})
	}
	return out
}

func trusted(partner string, certificates ...*x509.Certificate) mdc.TrustedCertificate {
	return mdc.TrustedCertificate{Name: "t", CertificatePEM: pemOf(certificates...), Partner: partner}
}

func pemOf(certificates ...*x509.Certificate) (text string) {
	for _, c := range certificates {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return text
}

// newStore gives a store of data center "dc0" over d.
func newStore(t *testing.T, d *declared, c clock.Clock) *trust.Store {
	t.Helper()
	s, err := trust.New(t.Context(), trust.Config{ClusterID: "dc0", Source: d, Clock: c, Certificate: func() *tls.Certificate { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// authority is a certificate authority that signs whatever a test wants, unlike our own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	up   *authority
}

func serial() *big.Int { n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100)); return n }

func newAuthority(t testing.TB, name string, up *authority, now time.Time) *authority {
	t.Helper()
	a := &authority{up: up}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	parent, key := tmpl, a.key
	if up != nil {
		parent, key = up.cert, up.key
	}
	a.cert = create(t, tmpl, parent, a.key, key)
	return a
}

// leafOf makes a sound peer leaf for id, after change had its way with the template, with its chain below the root.
func (a *authority) leafOf(t testing.TB, id string, now time.Time, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	return a.leafOn(t, elliptic.P256(), id, now, change)
}

// leafOn is leafOf with a key on a curve.
func (a *authority) leafOn(t testing.TB, curve elliptic.Curve, id string, now time.Time, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, _ := ecdsa.GenerateKey(curve, rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "node"}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if id != "" {
		tmpl.URIs = []*url.URL{uri(t, id)}
	}
	if change != nil {
		change(tmpl)
	}
	leaf := create(t, tmpl, a.cert, key, a.key)
	out := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for x := a; x.up != nil; x = x.up {
		out.Certificate = append(out.Certificate, x.cert.Raw)
	}
	return out
}

func create(t testing.TB, tmpl, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func uri(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// state is the connection state in which c was presented.
func state(t testing.TB, c *tls.Certificate) *tls.ConnectionState {
	t.Helper()
	cs := &tls.ConnectionState{}
	for _, der := range c.Certificate {
		p, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		cs.PeerCertificates = append(cs.PeerCertificates, p)
	}
	return cs
}

// serve runs a peer listener whose handler checks each request, as the peer routes do. It gives the address.
func serve(t *testing.T, s *trust.Store) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", s.ServerTLS())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			p, err := s.Verify(r.TLS, x509.ExtKeyUsageClientAuth)
			if err != nil {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, fault.CodeOf(err))
				return
			}
			_, _ = io.WriteString(w, p.ClusterID+"/"+p.NodeName)
		})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return "https://" + listener.Addr().String()
}

func client(t *testing.T, c *tls.Config) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// call gives status and body of one request, and in reused whether its connection was used before.
func call(t *testing.T, c *http.Client, address string, reused ...*bool) (int, string, error) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		for _, r := range reused {
			*r = i.Reused
		}
	}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func keyOf(c *tls.Certificate) *ecdsa.PrivateKey { return c.PrivateKey.(*ecdsa.PrivateKey) }
