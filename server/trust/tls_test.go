package trust_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// clearText stands in for the node key, which these tests are not about.
type clearText struct{}

func (clearText) Wrap(plain, _ []byte) ([]byte, error)    { return append([]byte(nil), plain...), nil }
func (clearText) Unwrap(sealed, _ []byte) ([]byte, error) { return append([]byte(nil), sealed...), nil }

// center is a data center with its real authority, its trust and its peer listener.
type center struct {
	id       string
	ca       *ca.Authority
	declared *declared
	trust    *trust.Store
	address  string
	kept     store.Store

	mu      sync.Mutex // guards refused
	refused []string   // codes
}

func newCenter(t *testing.T, id string) *center {
	t.Helper()
	kept, err := badger.Open(badger.Config{Dir: t.TempDir(), MemTableBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	c := &center{id: id, declared: &declared{}}
	c.kept = kept
	if c.ca, err = ca.Open(t.Context(), ca.Config{ClusterID: id, NodeName: "n1", Store: kept, Wrapper: clearText{}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.ca.Close() })
	c.trust, err = trust.New(t.Context(), trust.Config{ClusterID: id, Source: c.declared, Certificate: c.ca.PeerCertificate, Refused: c.note})
	if err != nil {
		t.Fatal(err)
	}
	c.address = serve(t, c.trust)
	return c
}

func (c *center) note(_ *x509.Certificate, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, fault.CodeOf(err))
}

func (c *center) refusals() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.refused, " ")
}

// know registers another data center with its own root, and puts it in force.
func (c *center) know(t *testing.T, other *center) {
	t.Helper()
	c.declared.set(func(d *declared) {
		d.partners = append(d.partners, partners(other.id)...)
		d.certificates = append(d.certificates, mdc.TrustedCertificate{Name: other.id, CertificatePEM: other.ca.RootsPEM(), Partner: other.id})
	})
	c.reload(t)
}

func (c *center) reload(t *testing.T) {
	t.Helper()
	if err := c.trust.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTwoDataCenters: trust is added while both run, in both directions, and the identity arrives (OAM-40, OAM-42).
//
// In part or whole also TAM-L1.
func TestTwoDataCenters(t *testing.T) {
	ny, ldn := newCenter(t, "NYdc"), newCenter(t, "ldndc")
	if _, _, err := call(t, client(t, ny.trust.ClientTLS("ldndc")), ldn.address); err == nil {
		t.Fatal("strangers talk")
	}
	ny.know(t, ldn)
	if _, _, err := call(t, client(t, ny.trust.ClientTLS("ldndc")), ldn.address); err == nil {
		t.Fatal("half a trust is enough")
	}
	ldn.know(t, ny)
	for _, c := range []struct {
		from, to *center
		want     string
	}{{ny, ldn, "NYdc/n1"}, {ldn, ny, "ldndc/n1"}} {
		status, body, err := call(t, client(t, c.from.trust.ClientTLS(c.to.id)), c.to.address)
		if err != nil || status != 200 || body != c.want {
			t.Errorf("%s to %s: %d %q %v", c.from.id, c.to.id, status, body, err)
		}
	}
	if got := ldn.refusals(); got != trust.CodeNotAPartner {
		t.Errorf("refusals told to the audit: %q", got)
	}
}

// TestClientWantsThatDataCenter: a partner at the other's address is refused by the caller, with a fault that says so.
func TestClientWantsThatDataCenter(t *testing.T) {
	ny, ldn, par := newCenter(t, "nydc"), newCenter(t, "ldndc"), newCenter(t, "pardc")
	for _, c := range []*center{ldn, par} {
		ny.know(t, c)
		c.know(t, ny)
	}
	_, _, err := call(t, client(t, ny.trust.ClientTLS("pardc")), ldn.address)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != trust.CodeWrongIdentity {
		t.Errorf("ldndc taken for pardc: %v", err)
	}
	if _, _, err := call(t, client(t, ny.trust.ClientTLS("PARDC")), par.address); err != nil {
		t.Errorf("cluster ids compare without case: %v", err)
	}
}

// TestForgery: the authority of a trusted partner cannot speak for another one, whatever it signs.
func TestForgery(t *testing.T) {
	ny, ldn := newCenter(t, "nydc"), newCenter(t, "ldndc")
	ny.know(t, ldn)
	evil := newAuthority(t, "dc2 root without constraints", nil, time.Now())
	ny.declared.set(func(d *declared) {
		d.partners = append(d.partners, partners("dc2")...)
		d.certificates = append(d.certificates, trusted("dc2", evil.cert))
	})
	ny.reload(t)
	for name, c := range map[string]struct {
		id string
		ok bool
	}{"for itself": {"spiffe://dc2/node/n1", true}, "for ldndc": {"spiffe://ldndc/node/n1", false}, "for us": {"spiffe://nydc/node/n1", false}} {
		t.Run(name, func(t *testing.T) {
			leaf := evil.leafOf(t, c.id, time.Now(), nil)
			status, _, err := call(t, client(t, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*leaf}}), ny.address)
			if (err == nil && status == 200) != c.ok {
				t.Errorf("%d %v", status, err)
			}
		})
	}
}

// TestRootConstraintHolds: even where our root is declared for every partner, it vouches for its own cluster only.
func TestRootConstraintHolds(t *testing.T) {
	ny, ldn := newCenter(t, "nydc"), newCenter(t, "ldndc")
	ny.declared.set(func(d *declared) {
		d.partners = partners("ldndc", "pardc")
		d.certificates = []mdc.TrustedCertificate{{Name: "all", CertificatePEM: ldn.ca.RootsPEM()}}
	})
	ny.reload(t)
	if _, err := ny.trust.Verify(state(t, ldn.ca.PeerCertificate()), x509.ExtKeyUsageClientAuth); err != nil {
		t.Fatal(err)
	}
	// ldndc's issuing key, stolen, signs for pardc.
	issuer, err := x509.ParseCertificate(ldn.ca.PeerCertificate().Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	stolen := &authority{cert: issuer, key: ldn.stolenKey(t), up: &authority{cert: ldn.ca.Roots()[0]}}
	forged := stolen.leafOf(t, "spiffe://pardc/node/n1", time.Now(), nil)
	if _, err := ny.trust.Verify(state(t, forged), x509.ExtKeyUsageClientAuth); fault.CodeOf(err) != trust.CodeUntrustedCertificate {
		t.Errorf("got %v", err)
	}
	honest := stolen.leafOf(t, "spiffe://ldndc/node/n2", time.Now(), nil)
	if _, err := ny.trust.Verify(state(t, honest), x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("the test's own forgery does not work: %v", err)
	}
}

// stolenKey takes the issuing key out of the store, where this test's wrapper left it open.
func (c *center) stolenKey(t *testing.T) (key *ecdsa.PrivateKey) {
	t.Helper()
	err := c.kept.View(t.Context(), func(r store.Reader) error {
		raw, err := r.Get([]byte("ca/authority"))
		if err != nil {
			return err
		}
		var record struct {
			Issuer struct {
				SealedKey []byte `json:"sealed_key"`
			} `json:"issuer"`
		}
		if err := json.Unmarshal(raw, &record); err != nil {
			return err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(record.Issuer.SealedKey)
		key, _ = parsed.(*ecdsa.PrivateKey)
		return err
	})
	if err != nil || key == nil {
		t.Fatal("no issuing key", err)
	}
	return key
}

// TestRemovalOnAnOpenConnection is SEC-43 for trust taken away: the next request on a live connection is refused, and so
// is a new connection; a registered partner without its certificate is no better off.
func TestRemovalOnAnOpenConnection(t *testing.T) {
	for name, c := range map[string]struct {
		remove func(*declared)
		code   string
	}{
		"partner removed":     {func(d *declared) { d.partners = nil }, trust.CodeNotAPartner},
		"certificate removed": {func(d *declared) { d.certificates = nil }, trust.CodeUntrustedCertificate},
		"source unreadable":   {func(d *declared) { d.err = errors.New("store: closed") }, trust.CodeNotAPartner},
	} {
		t.Run(name, func(t *testing.T) {
			ny, ldn := newCenter(t, "nydc"), newCenter(t, "ldndc")
			ny.know(t, ldn)
			ldn.know(t, ny)
			live := client(t, ny.trust.ClientTLS("ldndc"))
			if status, _, err := call(t, live, ldn.address); err != nil || status != 200 {
				t.Fatal(status, err)
			}
			ldn.declared.set(c.remove)
			cancelled, cancel := context.WithCancel(t.Context())
			cancel() // the administrator's request may be gone by then
			_ = ldn.trust.Reload(cancelled)
			r := false
			status, body, err := call(t, live, ldn.address, &r)
			if err != nil || !r || status != 403 || body != c.code {
				t.Errorf("live connection (reused %t): %d %q %v", r, status, body, err)
			}
			if _, _, err := call(t, client(t, ny.trust.ClientTLS("ldndc")), ldn.address); err == nil {
				t.Error("a new connection was taken")
			}
			ldn.declared.set(func(d *declared) {
				d.err, d.partners = nil, partners("nydc")
				d.certificates = []mdc.TrustedCertificate{{Name: "n", CertificatePEM: ny.ca.RootsPEM()}}
			})
			ldn.reload(t)
			if status, _, err := call(t, live, ldn.address); err != nil || status != 200 {
				t.Errorf("trusted again: %d %v", status, err)
			}
		})
	}
}

// TestNoResumption is SEC-44: a client that offers to resume gets a full handshake, and a refusal once trust is gone.
func TestNoResumption(t *testing.T) {
	ny, ldn := newCenter(t, "nydc"), newCenter(t, "ldndc")
	ny.know(t, ldn)
	ldn.know(t, ny)
	config := ny.trust.ClientTLS("ldndc")
	config.SessionTicketsDisabled = false
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	config.ServerName = "ldndc"
	for range 3 {
		conn := dial(t, ldn.address, config)
		if conn.ConnectionState().DidResume {
			t.Fatal("resumed")
		}
		_ = conn.Close()
	}
	ldn.declared.set(func(d *declared) { d.certificates = nil })
	ldn.reload(t)
	if _, _, err := call(t, client(t, config), ldn.address); err == nil {
		t.Fatal("taken after its root was removed")
	}
}

// TestDowngrade is SEC-40 for the peer listener: older TLS, a certificate that is no node's and plain HTTP end in the handshake;
// who shows no certificate is nobody.
func TestDowngrade(t *testing.T) {
	ny, ldn := newCenter(t, "nydc"), newCenter(t, "ldndc")
	ny.know(t, ldn)
	leaf := *ldn.ca.PeerCertificate()
	for name, c := range map[string]*tls.Config{
		"TLS 1.2":  {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{leaf}},
		"web leaf": {InsecureSkipVerify: true, Certificates: []tls.Certificate{*ldn.ca.WebCertificate()}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := call(t, client(t, c), ny.address); err == nil {
				t.Error("taken")
			}
		})
	}
	if status, _, err := call(t, client(t, &tls.Config{InsecureSkipVerify: true}), ny.address); err != nil || status != 403 {
		t.Errorf("no client certificate: %d, %v", status, err)
	}
	for _, name := range []string{"", "xn--strange", "127.0.0.1", "NYDC"} { // SEC-42: one configuration for every name
		c := &tls.Config{InsecureSkipVerify: true, ServerName: name}
		if status, _, err := call(t, client(t, c), ny.address); err == nil && status == 200 {
			t.Errorf("server name %q is let in without a certificate", name)
		}
	}
	if status, _, err := call(t, client(t, nil), "http"+strings.TrimPrefix(ny.address, "https")); err == nil && status == 200 {
		t.Error("plain HTTP is answered")
	}
}

// TestNewRefuses: bad wiring is found at start.
func TestNewRefuses(t *testing.T) {
	own := func() *tls.Certificate { return nil }
	for name, c := range map[string]trust.Config{
		"no source":         {ClusterID: "nydc", Certificate: own},
		"no certificate":    {ClusterID: "nydc", Source: &declared{}},
		"no cluster id":     {Source: &declared{}, Certificate: own},
		"source unreadable": {ClusterID: "nydc", Source: &declared{err: errors.New("broken")}, Certificate: own},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := trust.New(t.Context(), c); err == nil {
				t.Error("taken")
			}
		})
	}
}

// TestUnreadableCertificateIsLeftOut and the sound one beside it still counts.
func TestUnreadableCertificateIsLeftOut(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "dc1 root", nil, now)
	d := &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{{Name: "bad", CertificatePEM: "-----BEGIN"}, trusted("", root.cert)}}
	s := newStore(t, d, clock.NewManual(now))
	if _, err := s.Verify(state(t, root.leafOf(t, dc1, now, nil)), x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, address string, c *tls.Config) *tls.Conn {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: c}
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	// A request and its answer, so that a ticket, which comes after the handshake, would have arrived.
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	return conn.(*tls.Conn)
}
