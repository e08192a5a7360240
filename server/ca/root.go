package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"time"

	"go.step.sm/crypto/x509util"
)

// newRoot makes a root that signed itself.
func newRoot(c Config) (signer, error) {
	key, err := newKey()
	if err != nil {
		return signer{}, err
	}
	t := authorityTemplate(c, "root", rootLife)
	t.MaxPathLen = 1 // exactly one issuing certificate below it
	cert, err := x509util.CreateCertificate(t, t, key.Public(), key)
	if err != nil {
		return signer{}, fmt.Errorf("create root: %w", err)
	}
	return signer{cert: cert, key: key}, nil
}

// newIssuer makes an issuing certificate below root, and never outliving it.
func newIssuer(c Config, root signer) (signer, error) {
	key, err := newKey()
	if err != nil {
		return signer{}, err
	}
	t := authorityTemplate(c, "issuing", issuerLife)
	t.MaxPathLenZero = true
	if t.NotAfter.After(root.cert.NotAfter) {
		t.NotAfter = root.cert.NotAfter
	}
	cert, err := x509util.CreateCertificate(t, root.cert, key.Public(), root.key)
	if err != nil {
		return signer{}, fmt.Errorf("create issuing certificate: %w", err)
	}
	return signer{cert: cert, key: key}, nil
}

// authorityTemplate is constrained to the URI names of our own cluster, so that a partner who trusts it for one cluster
// cannot be shown another's name by it. DNS names stay free: the web leaf needs the operator's. Go lets a constraint
// cover sub-domains too and takes leaves without a URI, hence the exact comparison in package trust decides.
func authorityTemplate(c Config, use string, life time.Duration) *x509.Certificate {
	now := c.Clock.Now()
	return &x509.Certificate{
		Subject:                     pkix.Name{CommonName: "Concord " + c.ClusterID + " " + use},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(life),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                        true,
		BasicConstraintsValid:       true,
		PermittedURIDomains:         []string{strings.ToLower(c.ClusterID)},
		PermittedDNSDomainsCritical: true, // crypto/x509's name for: the whole extension is critical
	}
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}
