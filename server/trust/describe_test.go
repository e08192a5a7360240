package trust_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// TestDescribe: what a view shows of each kind (MSS-10).
func TestDescribe(t *testing.T) {
	now := time.Now()
	root := newAuthority(t, "corp root", nil, now)
	issuer := newAuthority(t, "corp issuing", root, now)
	leaf := issuer.leafOf(t, dc1, now, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "n1", Organization: []string{"Corp, Inc"}}
	}).Leaf
	got, err := trust.Describe(pemOf(root.cert, issuer.cert, leaf))
	if err != nil {
		t.Fatal(err)
	}
	want := []trust.Info{
		{Kind: "root", IssuedTo: "corp root", IssuedBy: "corp root", ExpiresAt: root.cert.NotAfter, Fingerprint: mdc.Fingerprint(root.cert)},
		{Kind: "intermediate", IssuedTo: "corp issuing", IssuedBy: "corp root", ExpiresAt: issuer.cert.NotAfter, Fingerprint: mdc.Fingerprint(issuer.cert)},
		{Kind: "server", IssuedTo: `CN=n1,O=Corp\, Inc`, IssuedBy: "corp issuing", ExpiresAt: leaf.NotAfter, Fingerprint: mdc.Fingerprint(leaf)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := trust.Describe("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"); err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("private key: %v", err)
	}
}
