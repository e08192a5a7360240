package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// madeUp is a certificate for a node's name from an authority of the test's own, which bears the partner's name, behind it.
func madeUp(t *testing.T, uri string) tls.Certificate {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "LDC Root CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	id, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "ldc1"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, URIs: []*url.URL{id}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, root}, PrivateKey: key}
}

// TestPeerListenerTakesPartnersOnly: nothing passes without a certificate of a registered partner, on the wire as it is
// (SEC-40, SEC-41). The handshake, or at the latest the first answer, fails.
func TestPeerListenerTakesPartnersOnly(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d := both[0]
	testkit.Link(d, both[1])
	for name, cfg := range map[string]*tls.Config{
		"no certificate":      {},
		"another root":        {Certificates: []tls.Certificate{madeUp(t, "spiffe://ldc/node/ldc1")}},
		"our own name":        {Certificates: []tls.Certificate{madeUp(t, "spiffe://nydc/node/nydc1")}},
		"an agent's name":     {Certificates: []tls.Certificate{madeUp(t, "spiffe://ldc/agent/ldc1")}},
		"an older TLS":        {MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{madeUp(t, "spiffe://ldc/node/ldc1")}},
		"another server name": {ServerName: "ldc.example", Certificates: []tls.Certificate{madeUp(t, "spiffe://ldc/node/ldc1")}},
	} {
		cfg.InsecureSkipVerify = true //nolint:gosec // the test is the attacker
		pool := &http.Transport{TLSClientConfig: cfg}
		c := &http.Client{Transport: pool, Timeout: 10 * time.Second}
		for _, path := range []string{"/peer/v1/hello", "/openapi.json", "/metrics", "/debug/pprof/"} {
			res, err := c.Get("https://" + d.PeerAddress + path)
			if err != nil {
				continue
			}
			_ = res.Body.Close()
			if name != "no certificate" || res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusNotFound {
				t.Errorf("%s gets %d at %s", name, res.StatusCode, path)
			}
		}
		pool.CloseIdleConnections()
	}
	conn := &http.Client{Timeout: 10 * time.Second}
	res, err := conn.Get("http://" + d.PeerAddress + "/peer/v1/hello")
	if err == nil {
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS: %d %s", res.StatusCode, b)
		}
	}
	conn.CloseIdleConnections()
}

// TestBundleIsOpen: whoever asks without a certificate gets the roots as a SPIFFE bundle and nothing else, and not without a limit.
func TestBundleIsOpen(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	pool := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(pool.CloseIdleConnections)
	c := &http.Client{Transport: pool, Timeout: 10 * time.Second}
	get := func() (int, string, http.Header) {
		res, err := c.Get("https://" + d.PeerAddress + "/peer/v1/bundle")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // only read
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b), res.Header
	}
	var own wire.TrustBundle
	d.Get("/v1/trust/bundle", &own)
	status, body, _ := get()
	if status != http.StatusOK || body != own.BundleJSON {
		t.Errorf("%d %s", status, body)
	}
	for range 1000 {
		status, _, header := get()
		if status == http.StatusOK {
			continue
		}
		if status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
			t.Errorf("%d, %v", status, header)
		}
		return
	}
	t.Error("no limit")
}

// TestPeersAreWhoTheyMustBe takes real data centers whose trust is not what it should be (SEC-41): one that does not know
// the caller, one that trusts another root for it, and one that answers at another's address. Each refusal of an agreement
// says what is missing where (X6, OAM-02, OAM-39, OAM-55).
func TestPeersAreWhoTheyMustBe(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "FRA")
	ny, ldn, fra := all[0], all[1], all[2]
	for _, d := range all {
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	}
	ny.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master"})
	ldn.Put("/v1/groups/own", wire.Group{Name: "own"})
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})

	_, err := ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "partner_missing") // here
	ny.Trusts(ldn)
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "partner_missing") // there

	ldn.Trusts(ny)
	ldn.Put("/v1/trust/certificates/NYDC", wire.TrustedCertificate{Name: "NYDC", CertificatePEM: fra.CACertPEM, Partner: "NYDC"})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "partner_missing")

	ldn.Trusts(ny)
	ny.Put("/v1/trust/certificates/LDC", wire.TrustedCertificate{Name: "LDC", CertificatePEM: ldn.CACertPEM + fra.CACertPEM, Partner: "LDC"})
	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: testkit.AgentID, Primary: []string{fra.PeerAddress}})
	fra.Trusts(ny)
	if _, err = ny.TryAgree(ldn); err == nil {
		t.Error("another data center answered at the partner's address and was believed")
	}
	if v := fra.View(); v.Role != "standalone" || v.EpochHolder != "FRA" {
		t.Errorf("FRA was changed: %+v", v)
	}

	ny.Put("/v1/partners/LDC", wire.Partner{ClusterID: "LDC", AgentID: "other", Primary: []string{ldn.PeerAddress}})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "wrong_agent_id")
	ny.Trusts(ldn)
	ldn.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Forbidden, "management_not_allowed")
	ldn.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "clone_not_empty")
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "standalone"})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "not_a_clone")
	ldn.Delete("/v1/groups/own")
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "master"})
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "second_master")
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "standalone"})
	ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})
	if v, err := ny.TryAgree(ldn); err != nil || v.State != "ready" {
		t.Errorf("when all is right: %+v %v", v, err)
	}
	_, err = ny.TryAgree(ldn)
	wantFault(t, err, fault.Conflict, "agreement_exists")
	_, err = ldn.Do(client.Request{Method: http.MethodPost, Path: "/v1/replication/agreements", In: wire.Agreement{Name: "x", Source: "LDC", Target: "NYDC"}})
	wantFault(t, err, fault.Conflict, "not_master")
}
