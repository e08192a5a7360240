package catest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"

	"go.step.sm/crypto/x509util"
)

const (
	rootLife = 10 * 365 * 24 * time.Hour
	skew     = time.Hour
)

// authority is a certificate that signs others, with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes a root, or an issuing certificate below parent, that is constrained to the URI names of a cluster. DNS
// names and IP addresses stay free: the CA's own listener and the nodes' web certificates need them.
func newAuthority(clusterID string, life time.Duration, parent *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Corporate root"},
		NotBefore: time.Now().Add(-skew), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1,
		PermittedURIDomains: []string{clusterID}, PermittedDNSDomainsCritical: true,
	}
	issuer, signing := t, key
	if parent != nil {
		t.Subject.CommonName, t.MaxPathLen, t.MaxPathLenZero = "Corporate issuing", 0, true
		issuer, signing = parent.cert, parent.key
	}
	cert, err := x509util.CreateCertificate(t, issuer, key.Public(), signing)
	if err != nil {
		return nil, fmt.Errorf("make certificate %s: %w", t.Subject.CommonName, err)
	}
	return &authority{cert, key}, nil
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func secret() string { return rand.Text() }
