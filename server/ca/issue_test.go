package ca_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
)

var root = ca.Actor{Name: "token:test", RequestID: "r1"}

func newTestKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request makes a certificate request as PEM, by a key of its own unless one is given.
func request(t *testing.T, key crypto.Signer, r x509.CertificateRequest) string {
	t.Helper()
	if key == nil {
		key = newTestKey(t)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &r, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func uris(t *testing.T, texts ...string) (out []*url.URL) {
	t.Helper()
	for _, text := range texts {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

func leafOf(t *testing.T, i ca.Issued) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(i.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestIssueByProfile: each profile gives exactly its names and usages, for a key that the server makes, and leads to the root.
func TestIssueByProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	client, server := x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	for name, c := range map[string]struct {
		ask   ca.Request
		names []string
		usage []x509.ExtKeyUsage
	}{
		"node":                     {ca.Request{Profile: ca.ProfileNode, Name: "node2"}, []string{"spiffe://nydc/node/node2"}, []x509.ExtKeyUsage{server, client}},
		"agent":                    {ca.Request{Profile: ca.ProfileAgent, Name: "portal-1"}, []string{"spiffe://nydc/agent/portal-1"}, []x509.ExtKeyUsage{client}},
		"administrator":            {ca.Request{Profile: ca.ProfileAdministrator, Name: "ann.b@x"}, []string{"spiffe://nydc/admin/ann.b@x"}, []x509.ExtKeyUsage{client}},
		"web server":               {ca.Request{Profile: ca.ProfileWebServer, SANs: []string{"App.example.com.", "192.0.2.9", "app.example.com"}}, []string{"192.0.2.9", "app.example.com"}, []x509.ExtKeyUsage{server}},
		"names given and the same": {ca.Request{Profile: ca.ProfileAgent, Name: "p", SANs: []string{"spiffe://nydc/agent/p"}}, []string{"spiffe://nydc/agent/p"}, []x509.ExtKeyUsage{client}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := a.Issue(t.Context(), root, c.ask)
			if err != nil {
				t.Fatal(err)
			}
			leaf := leafOf(t, made)
			names := slices.Concat(leaf.DNSNames, leaf.EmailAddresses)
			for _, ip := range leaf.IPAddresses {
				names = append(names, ip.String())
			}
			for _, u := range leaf.URIs {
				names = append(names, u.String())
			}
			slices.Sort(names)
			if !slices.Equal(names, c.names) || !slices.Equal(made.Names, c.names) || !slices.Equal(leaf.ExtKeyUsage, c.usage) || leaf.IsCA {
				t.Errorf("names %v, usage %v", names, leaf.ExtKeyUsage)
			}
			pair, err := tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), []byte(made.PrivateKeyPEM))
			if err != nil {
				t.Fatal(err)
			}
			pair.Certificate, pair.Leaf = append(pair.Certificate, made.Chain...), leaf
			if err := verify(a, &pair, b.clock.Now()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestIssueRefuses: SEC-41, the shapes that must not come into the world, asked for by name.
func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	a := newBench(t).open(t)
	for name, ask := range map[string]ca.Request{
		"no profile":                   {Name: "x"},
		"unknown profile":              {Profile: "root", Name: "x"},
		"path in a name":               {Profile: ca.ProfileAgent, Name: "a/../../admin/root"},
		"escaped path":                 {Profile: ca.ProfileAgent, Name: "a%2fb"},
		"dots":                         {Profile: ca.ProfileAdministrator, Name: ".."},
		"dots inside":                  {Profile: ca.ProfileAdministrator, Name: "a..b"},
		"query":                        {Profile: ca.ProfileAdministrator, Name: "a?b"},
		"fragment":                     {Profile: ca.ProfileAdministrator, Name: "a#b"},
		"no name":                      {Profile: ca.ProfileAgent},
		"name too long":                {Profile: ca.ProfileAgent, Name: strings.Repeat("a", 65)},
		"not ASCII":                    {Profile: ca.ProfileAgent, Name: "ä"},
		"control character":            {Profile: ca.ProfileAgent, Name: "a\n"},
		"agent with a DNS name":        {Profile: ca.ProfileAgent, Name: "a", SANs: []string{"spiffe://nydc/agent/a", "a.example.com"}},
		"agent with another's name":    {Profile: ca.ProfileAgent, Name: "a", SANs: []string{"spiffe://nydc/agent/b"}},
		"node of another data center":  {Profile: ca.ProfileNode, Name: "n", SANs: []string{"spiffe://ldndc/node/n"}},
		"web server with a URI":        {Profile: ca.ProfileWebServer, SANs: []string{"spiffe://nydc/node/Node1"}},
		"web server with an e-mail":    {Profile: ca.ProfileWebServer, SANs: []string{"a@example.com"}},
		"web server with a wildcard":   {Profile: ca.ProfileWebServer, SANs: []string{"*.example.com"}},
		"web server with a zone":       {Profile: ca.ProfileWebServer, SANs: []string{"fe80::1%eth0"}},
		"web server with a name":       {Profile: ca.ProfileWebServer, Name: "x", SANs: []string{"a.example.com"}},
		"web server without any":       {Profile: ca.ProfileWebServer},
		"web server with 65":           {Profile: ca.ProfileWebServer, SANs: slices.Repeat([]string{"a.example.com"}, 65)},
		"life too short":               {Profile: ca.ProfileAgent, Name: "a", TTL: time.Second},
		"life too long":                {Profile: ca.ProfileAgent, Name: "a", TTL: 91 * 24 * time.Hour},
		"life below zero":              {Profile: ca.ProfileAgent, Name: "a", TTL: -time.Hour},
		"request that is no PEM":       {Profile: ca.ProfileAgent, CSR: "x"},
		"request with a name to spare": {Profile: ca.ProfileAgent, Name: "a", CSR: request(t, nil, x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a", "spiffe://nydc/admin/root")})},
	} {
		t.Run(name, func(t *testing.T) {
			if made, err := a.Issue(t.Context(), root, ask); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v, error %v", made.Names, err)
			}
		})
	}
	page, _, err := a.Certificates(t.Context(), ca.Filter{}, "", 100)
	if err != nil || len(page) != 2 {
		t.Errorf("%d certificates on record beside the node's own two, error %v", len(page)-2, err)
	}
}

// forge changes a byte of the signature.
func forge(t *testing.T, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	block.Bytes[len(block.Bytes)-1] ^= 1
	return string(pem.EncodeToMemory(block))
}

// TestForgedRequests: SEC-41, SEC-49. What a request says is believed in nothing: not its signature, its names, its size.
func TestForgedRequests(t *testing.T) {
	t.Parallel()
	a := newBench(t).open(t)
	good := x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a")}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := good
	authority.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}}
	other := func(r x509.CertificateRequest) string { return request(t, nil, r) }
	for name, csr := range map[string]string{
		"bad signature":          forge(t, other(good)),
		"weak RSA key":           request(t, weak, good),
		"curve not taken":        request(t, curve, good),
		"asks to be a CA":        other(authority),
		"no name":                other(x509.CertificateRequest{Subject: pkix.Name{CommonName: "spiffe://nydc/agent/a"}}),
		"another data center":    other(x509.CertificateRequest{URIs: uris(t, "spiffe://ldndc/agent/a")}),
		"another profile":        other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/admin/a")}),
		"below a name":           other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a/b")}),
		"climbing path":          other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a/../../admin/root")}),
		"query":                  other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a?b=c")}),
		"fragment":               other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a#b")}),
		"user":                   other(x509.CertificateRequest{URIs: uris(t, "spiffe://u@nydc/agent/a")}),
		"port":                   other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc:443/agent/a")}),
		"upper case":             other(x509.CertificateRequest{URIs: uris(t, "spiffe://NYDC/agent/a")}),
		"two names":              other(x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a", "spiffe://nydc/agent/b")}),
		"a DNS name too":         other(x509.CertificateRequest{URIs: good.URIs, DNSNames: []string{"a.example.com"}}),
		"an address too":         other(x509.CertificateRequest{URIs: good.URIs, IPAddresses: []net.IP{{192, 0, 2, 1}}}),
		"an e-mail too":          other(x509.CertificateRequest{URIs: good.URIs, EmailAddresses: []string{"a@example.com"}}),
		"huge":                   other(good) + strings.Repeat("\n", 17<<10),
		"two requests":           other(good) + other(good),
		"a certificate":          strings.ReplaceAll(other(good), "CERTIFICATE REQUEST", "CERTIFICATE"),
		"cut off":                other(good)[:200] + "\n-----END CERTIFICATE REQUEST-----\n",
		"a private key with it":  other(good) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"nothing but the header": "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
	} {
		t.Run(name, func(t *testing.T) {
			if made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, CSR: csr}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v, error %v", made.Names, err)
			}
		})
	}
	key := newTestKey(t)
	made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, CSR: request(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "whatever", Country: []string{"XX"}}, URIs: good.URIs})})
	if err != nil || made.PrivateKeyPEM != "" {
		t.Fatalf("a good one: %v", err)
	}
	if leaf := leafOf(t, made); !key.PublicKey.Equal(leaf.PublicKey) || len(leaf.Subject.Country) > 0 || leaf.Subject.CommonName != "NYdc agent a" {
		t.Errorf("subject %s", leaf.Subject)
	}
}

// TestRenew: SEC-49. A successor is signed for what was issued here and still holds, and for nothing else.
func TestRenew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	issue := func(name string) ca.Issued {
		made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: name, TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	first := issue("a")
	second, err := a.Renew(t.Context(), root, strings.ToUpper(first.Serial), "")
	if err != nil || second.Renews != first.Serial || second.Serial == first.Serial || second.PrivateKeyPEM == "" {
		t.Fatalf("fresh key: %+v %v", second.Record.Renews, err)
	}
	key := newTestKey(t)
	third, err := a.RenewPresented(t.Context(), root, leafOf(t, second), request(t, key, x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/a")}))
	if err != nil || third.PrivateKeyPEM != "" || !key.PublicKey.Equal(leafOf(t, third).PublicKey) {
		t.Fatalf("rekey: %v", err)
	}
	if life := leafOf(t, third).NotAfter.Sub(b.clock.Now()); life > time.Hour || life < time.Hour-2*time.Second {
		t.Errorf("life of a successor: %s", life)
	}
	foreign := newBench(t).open(t)
	stranger, err := foreign.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.RenewPresented(t.Context(), root, leafOf(t, stranger), ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("another authority's: %v", err)
	}
	lookalike := leafOf(t, stranger)
	lookalike.SerialNumber = leafOf(t, third).SerialNumber
	if _, err := a.RenewPresented(t.Context(), root, lookalike, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("another authority's with a serial of ours: %v", err)
	}
	if _, err := a.Renew(t.Context(), root, third.Serial, request(t, nil, x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/b")})); !fault.Is(err, fault.Invalid) {
		t.Errorf("for another name: %v", err)
	}
	if _, err := a.Renew(t.Context(), root, ca.SerialText(a.PeerCertificate().Leaf.SerialNumber), ""); fault.CodeOf(err) != "own_certificate" {
		t.Errorf("the node's own: %v", err)
	}
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{third.Serial}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Renew(t.Context(), root, third.Serial, ""); fault.CodeOf(err) != "certificate_revoked" {
		t.Errorf("after revocation: %v", err)
	}
	b.clock.Advance(2 * time.Hour)
	if _, err := a.Renew(t.Context(), root, second.Serial, ""); fault.CodeOf(err) != "certificate_expired" {
		t.Errorf("after its end: %v", err)
	}
}

// TestRenewalKeepsTheLife over a long line of successors, however the times fall between two seconds.
func TestRenewalKeepsTheLife(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: "a", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		b.clock.Advance(40*time.Second + 370*time.Millisecond)
		if made, err = a.Renew(t.Context(), root, made.Serial, ""); err != nil {
			t.Fatal(err)
		}
	}
	if left := made.NotAfter.Sub(b.clock.Now()); left < 59*time.Second || left > time.Minute {
		t.Errorf("the thirtieth successor lives %s", left)
	}
}

// TestEachActIsAudited in its own transaction: SEC-75.
func TestEachActIsAudited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	log := audit.New("NYdc", b.clock)
	b.config.Audit = log
	a := b.open(t)
	made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Renew(t.Context(), root, made.Serial, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Identity: again.Identity}); err != nil {
		t.Fatal(err)
	}
	if n, err := log.Verify(t.Context(), b.config.Store); err != nil || n != 5 { // issue, renew, block, two revocations
		t.Errorf("%d audit records, %v", n, err)
	}
}

// TestNoCertificateWithoutRecord: SEC-49. The record fails after the signature, as on a full disk or a crash: nothing is handed
// out, and at the next start the serial that was meant for it counts as revoked, is on the list, and cannot be renewed.
func TestNoCertificateWithoutRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inner := b.config.Store
	broken := &nth{Store: inner}
	b.config.Store = broken
	a := b.open(t)
	for name, fail := range map[string]int64{"intent": 1, "record": 2} {
		broken.fail.Store(broken.count.Load() + fail)
		if made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: name}); !errors.Is(err, errDisk) || made.Certificate != nil {
			t.Fatalf("%s: error %v", name, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b.config.Store = inner
	again := b.open(t)
	page, _, err := again.Certificates(t.Context(), ca.Filter{Profile: ca.ProfileAgent}, "", 10)
	if err != nil || len(page) != 1 || page[0].Identity != "spiffe://nydc/agent/record" || page[0].Status(b.clock.Now()) != ca.StatusRevoked {
		t.Fatalf("on record after the restart: %+v %v", page, err)
	}
	list, err := x509.ParseRevocationList(again.CRL().DER)
	if err != nil || len(list.RevokedCertificateEntries) != 1 || ca.SerialText(list.RevokedCertificateEntries[0].SerialNumber) != page[0].Serial {
		t.Errorf("list %v %v", list, err)
	}
	if _, err := again.Renew(t.Context(), root, page[0].Serial, ""); fault.CodeOf(err) != "certificate_revoked" {
		t.Errorf("renewed what was never handed out: %v", err)
	}
}
