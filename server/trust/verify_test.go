package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

const dc1 = "spiffe://dc1/node/n1"

// rawSAN puts URI names into a leaf byte for byte, past net/url.
func rawSAN(t *testing.T, names ...string) func(*x509.Certificate) {
	t.Helper()
	var all []asn1.RawValue
	for _, n := range names {
		all = append(all, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(n)})
	}
	der, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		c.URIs = nil
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}}
	}
}

// TestIdentityTable is SEC-41: certificates that some trusted authority did sign and that still are no peer.
func TestIdentityTable(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "dc1 root", nil, now)
	issuer := newAuthority(t, "dc1 issuing", root, now)
	twin := newAuthority(t, "dc1 root", nil, now) // the same subject, another key
	other := newAuthority(t, "dc2 root", nil, now)
	d := &declared{partners: partners("DC1", "dc2"), certificates: []mdc.TrustedCertificate{trusted("dc1", root.cert), trusted("DC2", other.cert)}}
	s := newStore(t, d, clock.NewManual(now))

	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	raw := func(names ...string) *tls.Certificate { return issuer.leafOf(t, "", now, rawSAN(t, names...)) }
	for name, c := range map[string]struct {
		leaf *tls.Certificate
		code string
	}{
		"sound":            {issuer.leafOf(t, dc1, now, nil), ""},
		"sound, raw":       {raw(dc1), ""},
		"extra DNS name":   {issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.DNSNames = []string{"x.example"} }), ""},
		"below the root":   {root.leafOf(t, dc1, now, nil), ""},
		"common name only": {issuer.leafOf(t, "", now, func(c *x509.Certificate) { c.Subject.CommonName = dc1 }), trust.CodeWrongIdentity},
		"DNS name only":    {issuer.leafOf(t, "", now, func(c *x509.Certificate) { c.DNSNames = []string{"dc1"} }), trust.CodeWrongIdentity},
		"two URIs": {issuer.leafOf(t, dc1, now, func(c *x509.Certificate) {
			c.URIs = append(c.URIs, uri(t, "spiffe://dc1/node/n2"))
		}), trust.CodeWrongIdentity},
		"the same URI twice":        {raw(dc1, dc1), trust.CodeWrongIdentity},
		"agent path":                {raw("spiffe://dc1/agent/a1"), trust.CodeWrongIdentity},
		"no node name":              {raw("spiffe://dc1/node/"), trust.CodeWrongIdentity},
		"longer path":               {raw("spiffe://dc1/node/n1/x"), trust.CodeWrongIdentity},
		"dots in the path":          {raw("spiffe://dc1/x/../node/n1"), trust.CodeWrongIdentity},
		"upper-case cluster":        {raw("spiffe://DC1/node/n1"), trust.CodeWrongIdentity},
		"upper-case scheme":         {raw("SPIFFE://dc1/node/n1"), trust.CodeWrongIdentity},
		"empty fragment":            {raw("spiffe://dc1/node/n1#"), trust.CodeWrongIdentity},
		"query":                     {raw("spiffe://dc1/node/n1?"), trust.CodeWrongIdentity},
		"escape":                    {raw("spiffe://dc1/node/n%31"), trust.CodeWrongIdentity},
		"port":                      {raw("spiffe://dc1:443/node/n1"), trust.CodeWrongIdentity},
		"user":                      {raw("spiffe://x@dc1/node/n1"), trust.CodeWrongIdentity},
		"sub-domain":                {raw("spiffe://x.dc1/node/n1"), trust.CodeWrongIdentity},
		"another scheme":            {raw("https://dc1/node/n1"), trust.CodeWrongIdentity},
		"unknown data center":       {raw("spiffe://dc9/node/n1"), trust.CodeNotAPartner},
		"our own data center":       {raw("spiffe://dc0/node/n1"), trust.CodeNotAPartner},
		"dc2 says it is dc1":        {other.leafOf(t, dc1, now, nil), trust.CodeUntrustedCertificate},
		"dc1 says it is dc2":        {issuer.leafOf(t, "spiffe://dc2/node/n1", now, nil), trust.CodeUntrustedCertificate},
		"authority, same subject":   {twin.leafOf(t, dc1, now, nil), trust.CodeUntrustedCertificate},
		"leaf is an authority":      {authorityLeaf(t, issuer, now), trust.CodeUntrustedCertificate},
		"the root itself":           {&tls.Certificate{Certificate: [][]byte{root.cert.Raw}}, trust.CodeWrongIdentity},
		"leaf may sign":             {issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), trust.CodeUntrustedCertificate},
		"signed by itself":          {selfSigned(t, now), trust.CodeUntrustedCertificate},
		"for servers only":          {issuer.leafOf(t, dc1, now, usage(x509.ExtKeyUsageServerAuth)), trust.CodeUntrustedCertificate},
		"for no use":                {issuer.leafOf(t, dc1, now, usage()), trust.CodeUntrustedCertificate},
		"for any use":               {issuer.leafOf(t, dc1, now, usage(x509.ExtKeyUsageAny)), trust.CodeUntrustedCertificate},
		"expired":                   {issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), trust.CodeExpiredCertificate},
		"not yet valid":             {issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), trust.CodeExpiredCertificate},
		"without its issuer":        {alone(issuer.leafOf(t, dc1, now, nil)), trust.CodeUntrustedCertificate},
		"nine certificates":         {padded(issuer.leafOf(t, dc1, now, nil)), trust.CodeUntrustedCertificate},
		"a leaf signed by a leaf":   {leafBelowLeaf(t, issuer, now), trust.CodeUntrustedCertificate},
		"no certificate":            {&tls.Certificate{}, trust.CodeUntrustedCertificate},
		"dc1 name below dc2's root": {newAuthority(t, "dc1 issuing", other, now).leafOf(t, dc1, now, nil), trust.CodeUntrustedCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second answer may come from the cache
				p, err := s.Verify(state(t, c.leaf), x509.ExtKeyUsageClientAuth)
				if fault.CodeOf(err) != c.code || (err != nil && !fault.Is(err, fault.Forbidden)) {
					t.Fatalf("got %q (%v), want %q", fault.CodeOf(err), err, c.code)
				}
				if err == nil && (p.ClusterID != "DC1" || p.NodeName != "n1" || p.Fingerprint != mdc.Fingerprint(c.leaf.Leaf)) {
					t.Errorf("peer %+v", p)
				}
			}
		})
	}
}

func authorityLeaf(t *testing.T, up *authority, now time.Time) *tls.Certificate {
	return up.leafOf(t, dc1, now, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
}

func selfSigned(t *testing.T, now time.Time) *tls.Certificate {
	a := newAuthority(t, "evil", nil, now)
	c := create(t, &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour), URIs: []*url.URL{uri(t, dc1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key, a.key)
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, Leaf: c}
}

func alone(c *tls.Certificate) *tls.Certificate {
	c.Certificate = c.Certificate[:1]
	return c
}

func padded(c *tls.Certificate) *tls.Certificate {
	for len(c.Certificate) < 9 {
		c.Certificate = append(c.Certificate, c.Certificate[1])
	}
	return c
}

func leafBelowLeaf(t *testing.T, up *authority, now time.Time) *tls.Certificate {
	middle := up.leafOf(t, dc1, now, nil)
	leaf := up.leafOf(t, dc1, now, nil)
	cert := create(t, &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour), URIs: []*url.URL{uri(t, dc1)},
		ExtKeyUsage: leaf.Leaf.ExtKeyUsage,
	}, middle.Leaf, keyOf(leaf), keyOf(middle))
	return &tls.Certificate{Certificate: append([][]byte{cert.Raw}, middle.Certificate...), Leaf: cert}
}

// TestUsageIsPartOfTheCache: a leaf taken as a server's is not thereby a client's.
func TestUsageIsPartOfTheCache(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "dc1 root", nil, now)
	s := newStore(t, &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{trusted("", root.cert)}}, clock.NewManual(now))
	cs := state(t, root.leafOf(t, dc1, now, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }))
	if _, err := s.Verify(cs, x509.ExtKeyUsageServerAuth); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(cs, x509.ExtKeyUsageClientAuth); fault.CodeOf(err) != trust.CodeUntrustedCertificate {
		t.Fatalf("taken as a client: %v", err)
	}
}

// TestExpiryOnAnOpenConnection: a kept success ends with the earliest certificate of its way, here the intermediate.
func TestExpiryOnAnOpenConnection(t *testing.T) {
	now := time.Now()
	m := clock.NewManual(now)
	root := newAuthority(t, "dc1 root", nil, now)
	issuer := newAuthority(t, "dc1 issuing", root, now.Add(-990*time.Hour)) // ends in 10 hours
	s := newStore(t, &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{trusted("", root.cert)}}, m)
	cs := state(t, issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.NotAfter = now.Add(50 * time.Hour) }))
	p, err := s.Verify(cs, x509.ExtKeyUsageClientAuth)
	if err != nil || !p.ExpiresAt.Equal(issuer.cert.NotAfter) {
		t.Fatalf("%+v %v", p, err)
	}
	m.Advance(11 * time.Hour)
	if _, err := s.Verify(cs, x509.ExtKeyUsageClientAuth); fault.CodeOf(err) != trust.CodeExpiredCertificate {
		t.Fatalf("after the intermediate's end: %v", err)
	}
}

// TestKindsOfTrust: root, intermediate and server certificates (MSS-10, OAM-42), for one partner and for all.
func TestKindsOfTrust(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "corp root", nil, now)
	issuer := newAuthority(t, "corp issuing", root, now)
	leaf, sister := issuer.leafOf(t, dc1, now, nil), issuer.leafOf(t, dc1, now, nil)
	agent := issuer.leafOf(t, "spiffe://dc1/agent/a1", now, nil)
	old := issuer.leafOf(t, dc1, now, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) })
	for name, c := range map[string]struct {
		trust     mdc.TrustedCertificate
		presented *tls.Certificate
		code      string
	}{
		"root":                             {trusted("dc1", root.cert), leaf, ""},
		"root for all":                     {trusted("", root.cert), leaf, ""},
		"root, id in another case":         {trusted("Dc1", root.cert), leaf, ""},
		"root of another partner":          {trusted("dc2", root.cert), leaf, trust.CodeUntrustedCertificate},
		"root of nobody registered":        {trusted("dc7", root.cert), leaf, trust.CodeUntrustedCertificate},
		"intermediate as anchor":           {trusted("dc1", issuer.cert), leaf, ""},
		"server itself":                    {trusted("dc1", leaf.Leaf), leaf, ""},
		"server itself, chain not sent":    {trusted("dc1", leaf.Leaf), &tls.Certificate{Certificate: leaf.Certificate[:1], Leaf: leaf.Leaf}, ""},
		"server, its sister shown":         {trusted("dc1", leaf.Leaf), sister, trust.CodeUntrustedCertificate},
		"server of another partner":        {trusted("dc2", leaf.Leaf), leaf, trust.CodeUntrustedCertificate},
		"server pinned, not a node's name": {trusted("dc1", agent.Leaf), agent, trust.CodeWrongIdentity},
		"server pinned, expired":           {trusted("dc1", old.Leaf), old, trust.CodeExpiredCertificate},
		"several in one text":              {trusted("dc1", sister.Leaf, issuer.cert), leaf, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, &declared{partners: partners("dc1", "dc2"), certificates: []mdc.TrustedCertificate{c.trust}}, clock.NewManual(now))
			if _, err := s.Verify(state(t, c.presented), x509.ExtKeyUsageClientAuth); fault.CodeOf(err) != c.code {
				t.Fatalf("got %q (%v), want %q", fault.CodeOf(err), err, c.code)
			}
		})
	}
}

// TestVerifyWhileReloading is for the race detector.
func TestVerifyWhileReloading(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "dc1 root", nil, now)
	s := newStore(t, &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{trusted("", root.cert)}}, clock.System{})
	cs := state(t, root.leafOf(t, dc1, now, nil))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := s.Verify(cs, x509.ExtKeyUsageClientAuth); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		if err := s.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func BenchmarkVerifyKept(b *testing.B) {
	now := time.Now()
	root := newAuthority(b, "dc1 root", nil, now)
	s, err := trust.New(b.Context(), trust.Config{
		ClusterID: "dc0", Certificate: func() *tls.Certificate { return nil },
		Source: &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{trusted("", root.cert)}},
	})
	if err != nil {
		b.Fatal(err)
	}
	cs := state(b, root.leafOf(b, dc1, now, nil))
	for b.Loop() {
		if _, err := s.Verify(cs, x509.ExtKeyUsageClientAuth); err != nil {
			b.Fatal(err)
		}
	}
}
