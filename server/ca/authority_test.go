package ca_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func TestLeavesHaveTheirProfiles(t *testing.T) {
	b := newBench(t)
	a := b.open(t)
	peer, web := a.PeerCertificate().Leaf, a.WebCertificate().Leaf
	if len(peer.URIs) != 1 || peer.URIs[0].String() != "spiffe://nydc/node/Node1" || len(peer.DNSNames)+len(peer.IPAddresses)+len(peer.EmailAddresses) > 0 {
		t.Errorf("peer names: %v %v %v", peer.URIs, peer.DNSNames, peer.IPAddresses)
	}
	if !slices.Equal(peer.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
		t.Errorf("peer usage: %v", peer.ExtKeyUsage)
	}
	if len(web.URIs) > 0 || !slices.Equal(web.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("web: uris %v usage %v", web.URIs, web.ExtKeyUsage)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "sso.example.com", "192.0.2.7"} {
		if err := web.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []*tls.Certificate{a.PeerCertificate(), a.WebCertificate()} {
		if life := c.Leaf.NotAfter.Sub(b.clock.Now().Truncate(time.Second)); life != 24*time.Hour || len(c.Certificate) != 2 {
			t.Errorf("life %s, chain of %d", life, len(c.Certificate))
		}
		if err := verify(a, c, b.clock.Now()); err != nil {
			t.Error(err)
		}
	}
}

// TestAuthoritiesAreConstrained: the root signs only for its own cluster, also one that is a single label ("nydc").
func TestAuthoritiesAreConstrained(t *testing.T) {
	a := newBench(t).open(t)
	issuer, err := x509.ParseCertificate(a.PeerCertificate().Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	root := a.Roots()[0]
	for _, c := range []*x509.Certificate{root, issuer} {
		if !c.PermittedDNSDomainsCritical || !cmp.Equal(c.PermittedURIDomains, []string{"nydc"}) || !c.IsCA {
			t.Errorf("%s: critical %t uri %v ca %t", c.Subject, c.PermittedDNSDomainsCritical, c.PermittedURIDomains, c.IsCA)
		}
		if _, ok := c.PublicKey.(*ecdsa.PublicKey); !ok {
			t.Errorf("%s: key %T", c.Subject, c.PublicKey)
		}
	}
	if !issuer.MaxPathLenZero || issuer.CheckSignatureFrom(root) != nil || issuer.NotAfter.After(root.NotAfter) {
		t.Error("the issuing certificate is not a last one below the root")
	}
}

// TestBundle: SPIFFE bundle with the root as x509-svid, and the same root as PEM that mdc takes.
func TestBundle(t *testing.T) {
	a := newBench(t).open(t)
	raw, err := a.BundleJSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Keys []struct {
			Use, Kty, Crv string
			X5c           []string
		}
		Sequence uint64 `json:"spiffe_sequence"`
	}
	if err := json.Unmarshal([]byte(raw), &doc); err != nil {
		t.Fatal(err)
	}
	root := a.Roots()[0]
	if len(doc.Keys) != 1 || doc.Sequence != 1 || doc.Keys[0].Use != "x509-svid" || doc.Keys[0].Crv != "P-256" || len(doc.Keys[0].X5c) != 1 ||
		doc.Keys[0].X5c[0] != base64.StdEncoding.EncodeToString(root.Raw) {
		t.Errorf("bundle %s", raw)
	}
	parsed, err := mdc.ParseCertificates(a.RootsPEM())
	if err != nil || len(parsed) != 1 || !parsed[0].Equal(root) || mdc.CertificateType(parsed[0]) != mdc.CertificateRoot {
		t.Errorf("roots PEM: %v %v", parsed, err)
	}
}

// TestRestartKeepsEverything: root, issuing certificate and leaves survive a restart of the store too.
func TestRestartKeepsEverything(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(t.TempDir(), "state")
	b.config.Store = openStore(t, dir, b.clock)
	first := b.open(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.config.Store.Close(); err != nil {
		t.Fatal(err)
	}
	b.config.Store = openStore(t, dir, b.clock)
	second := b.open(t)
	if first.RootsPEM() != second.RootsPEM() {
		t.Error("another root after a restart")
	}
	if !cmp.Equal(first.PeerCertificate().Certificate, second.PeerCertificate().Certificate) ||
		!cmp.Equal(first.WebCertificate().Certificate, second.WebCertificate().Certificate) {
		t.Error("other leaves after a restart")
	}
}

// TestOpenIssuesAnew: which leaf a start replaces, and that the root stays.
func TestOpenIssuesAnew(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*bench)
		peer, web bool // replaced
	}{
		"nothing changed":     {func(*bench) {}, false, false},
		"web names reordered": {func(b *bench) { b.config.WebNames = []string{"192.0.2.7", "SSO.example.com."} }, false, false},
		"web names changed":   {func(b *bench) { b.config.WebNames = []string{"other.example.com"} }, false, true},
		"near the end":        {func(b *bench) { b.clock.Advance(17 * time.Hour) }, true, true},
		"already expired":     {func(b *bench) { b.clock.Advance(400 * time.Hour) }, true, true},
		"shorter life wanted": {func(b *bench) { b.config.LeafTTL = time.Hour }, true, true},
		"node renamed":        {func(b *bench) { b.config.NodeName = "node2" }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			before := b.open(t)
			c.change(b)
			after := b.open(t)
			if before.RootsPEM() != after.RootsPEM() {
				t.Error("root changed")
			}
			if got := !before.PeerCertificate().Leaf.Equal(after.PeerCertificate().Leaf); got != c.peer {
				t.Errorf("peer leaf replaced: %t", got)
			}
			if got := !before.WebCertificate().Leaf.Equal(after.WebCertificate().Leaf); got != c.web {
				t.Errorf("web leaf replaced: %t", got)
			}
		})
	}
}

// TestIssuerIsReplacedBelowTheSameRoot near the end of its life, and leaves never outlive their issuer.
func TestIssuerIsReplacedBelowTheSameRoot(t *testing.T) {
	b := newBench(t)
	first := b.open(t)
	b.clock.Advance(4*365*24*time.Hour + 24*time.Hour)
	second := b.open(t)
	if first.RootsPEM() != second.RootsPEM() {
		t.Fatal("root changed")
	}
	if cmp.Equal(first.PeerCertificate().Certificate[1], second.PeerCertificate().Certificate[1]) {
		t.Fatal("issuing certificate kept to its end")
	}
	if err := verify(second, second.PeerCertificate(), b.clock.Now()); err != nil {
		t.Error(err)
	}
	// The last hour of the root: what is issued now ends with it.
	b.clock.Advance(second.Roots()[0].NotAfter.Sub(b.clock.Now()) - time.Hour)
	third := b.open(t)
	if end := third.PeerCertificate().Leaf.NotAfter; end.After(third.Roots()[0].NotAfter) {
		t.Errorf("leaf ends %s, root %s", end, third.Roots()[0].NotAfter)
	}
}

// TestOpenRefuses: it fails rather than make a second root.
func TestOpenRefuses(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *bench){
		"another node key": func(t *testing.T, b *bench) { b.config.Wrapper = newNodeKey(t) },
		"another cluster":  func(_ *testing.T, b *bench) { b.config.ClusterID = "ldndc" },
		"record damaged": func(t *testing.T, b *bench) {
			err := b.config.Store.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("ca/authority"), []byte("{}"), 0) })
			if err != nil {
				t.Fatal(err)
			}
		},
		"no wrapper":            func(_ *testing.T, b *bench) { b.config.Wrapper = nil },
		"no cluster id":         func(_ *testing.T, b *bench) { b.config.ClusterID = "" },
		"node name with a path": func(_ *testing.T, b *bench) { b.config.NodeName = "a/../b" },
		"a URI as web name":     func(_ *testing.T, b *bench) { b.config.WebNames = []string{"spiffe://ldndc/node/n1"} },
		"an e-mail as web name": func(_ *testing.T, b *bench) { b.config.WebNames = []string{"a@example.com"} },
		"leaf life too short":   func(_ *testing.T, b *bench) { b.config.LeafTTL = time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.open(t)
			change(t, b)
			if a, err := ca.Open(t.Context(), b.config); err == nil {
				_ = a.Close()
				t.Fatal("opened")
			}
		})
	}
}

// TestNoBareKeyInTheStore: SEC-49's other half, what is kept. No value holds a private key that can be read.
func TestNoBareKeyInTheStore(t *testing.T) {
	b := newBench(t)
	b.open(t)
	err := b.config.Store.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{}, func(key, value []byte) error {
			if !strings.HasPrefix(string(key), "ca/") {
				t.Errorf("key %q outside ca/", key)
			}
			checkNoKey(t, string(key), value)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkNoKey(t *testing.T, key string, value []byte) {
	t.Helper()
	var fields map[string]any
	if json.Unmarshal(value, &fields) != nil {
		fields = map[string]any{"": base64.StdEncoding.EncodeToString(value)}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		case string:
			if der, err := base64.StdEncoding.DecodeString(v); err == nil {
				if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
					t.Errorf("%s holds a private key as it is", key)
				}
			}
		}
	}
	walk(fields)
}

// TestCloseTwice: step's Shutdown does not stand it.
func TestCloseTwice(t *testing.T) {
	b := newBench(t)
	a := b.open(t)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.config.Store.View(t.Context(), func(store.Reader) error { return nil }); err != nil {
		t.Errorf("the store was closed with the authority: %v", err)
	}
}

// verify checks a chain as a partner does who trusts only the root.
func verify(a *ca.Authority, c *tls.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, r := range a.Roots() {
		roots.AddCert(r)
	}
	for _, der := range c.Certificate[1:] {
		p, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(p)
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: c.Leaf.ExtKeyUsage})
	return err
}
