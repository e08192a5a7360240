package ca_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
)

// TestCrossedChainIsWhatOpenSSLTakes: FLT-21. OpenSSL, which looks for a way up otherwise than Go, is given a leaf with the chain that
// goes with it and one root: before the switch it takes the leaves of who knows the first root, between switch and retirement of who
// knows either, and after that of who knows the second.
func TestCrossedChainIsWhatOpenSSLTakes(t *testing.T) {
	t.Parallel()
	testkit.Tool(t, "apt-get install openssl", "openssl")
	a := newBench(t).open(t)
	step(t, a.Publish)
	dir := t.TempDir()
	for i, name := range []string{"first.pem", "second.pem"} {
		write(t, dir, name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Roots()[i].Raw}))
	}
	text := func(chain [][]byte) (out []byte) {
		for _, der := range chain {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		return out
	}
	for _, s := range []struct {
		name          string
		do            func(context.Context) error
		first, second bool
	}{
		{"published", func(context.Context) error { return nil }, true, false},
		{"switched", a.Switch, true, true},
		{"retired", a.Retire, false, true},
	} {
		step(t, s.do)
		issued := lasting(t, a, "portal", day)
		for leaf, c := range map[string]*tls.Certificate{"peer": a.PeerCertificate(), "web": a.WebCertificate(), "agent": {Certificate: append([][]byte{issued.Certificate}, issued.Chain...)}} {
			write(t, dir, "leaf.pem", text(c.Certificate[:1]))
			write(t, dir, "between.pem", text(c.Certificate[1:]))
			for root, want := range map[string]bool{"first.pem": s.first, "second.pem": s.second} {
				if out, err := openssl(t, dir, "verify", "-x509_strict", "-CAfile", root, "-no-CApath", "-no-CAstore", "-untrusted", "between.pem", "leaf.pem"); (err == nil) != want {
					t.Errorf("%s, %s leaf, who knows %s only: %v\n%s", s.name, leaf, root, err, out)
				}
			}
		}
	}
}

// TestRotationOfAShallowRoot: FLT-21. The root that an earlier version made takes only one authority below it. It is replaced all the
// same, with a restart in between that replaces the issuing certificate as well, and whoever knows either root believes the leaves until it is retired.
func TestRotationOfAShallowRoot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := ca.KeepShallowRoot(t.Context(), b.config); err != nil {
		t.Fatal(err)
	}
	a := b.open(t)
	for rotation, depth := range []int{1, 2} {
		if got := a.Roots()[0].MaxPathLen; got != depth {
			t.Fatalf("rotation %d: the root takes %d authorities below it", rotation, got)
		}
		step(t, a.Publish)
		step(t, a.Switch)
		if issuer, err := a.ListIssuer(a.CRL()); err != nil || issuer.CheckSignatureFrom(a.Roots()[1]) != nil {
			t.Errorf("rotation %d: the list comes with an issuer that is not below the present root: %v", rotation, err)
		}
		_ = a.Close()
		b.clock.Advance(4*365*day + day) // the issuing certificate is replaced too
		a = b.open(t)
		for i, root := range a.Roots() {
			for _, c := range []*tls.Certificate{a.PeerCertificate(), a.WebCertificate()} {
				if !leadsTo(t, c, b.clock.Now(), root) {
					t.Errorf("rotation %d: %s is not believed by who knows root %d", rotation, c.Leaf.Subject, i)
				}
			}
		}
		step(t, a.Retire)
	}
}
