package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.step.sm/crypto/x509util"
)

// newGeneration makes a root and the issuing certificate below it. number, from 1, tells one from the next.
func newGeneration(c Config, number uint64) (*generation, error) {
	root, err := newRoot(c, number)
	if err != nil {
		return nil, err
	}
	issuer, err := newIssuer(c, root, number)
	return &generation{root: root, issuer: issuer}, err
}

// newRoot makes a root that signed itself.
func newRoot(c Config, number uint64) (signer, error) {
	key, err := newKey()
	if err != nil {
		return signer{}, err
	}
	t := authorityTemplate(c, numbered("root", number), rootLife)
	t.MaxPathLen = rootDepth
	cert, err := x509util.CreateCertificate(t, t, key.Public(), key)
	if err != nil {
		return signer{}, fmt.Errorf("create root: %w", err)
	}
	return signer{cert: cert, key: key}, nil
}

// newIssuer makes an issuing certificate below root, and never outliving it.
func newIssuer(c Config, root signer, number uint64) (signer, error) {
	key, err := newKey()
	if err != nil {
		return signer{}, err
	}
	cert, err := signIssuer(c, root, numbered("issuing", number), key.Public(), c.Clock.Now().Add(issuerLife))
	if err != nil {
		return signer{}, fmt.Errorf("create issuing certificate: %w", err)
	}
	return signer{cert: cert, key: key}, nil
}

// signIssuer certifies key as an issuing one below root, until end or the root's own.
func signIssuer(c Config, root signer, purpose string, key crypto.PublicKey, end time.Time) (*x509.Certificate, error) {
	t := authorityTemplate(c, purpose, issuerLife)
	t.MaxPathLenZero = true
	if t.NotAfter = end; end.After(root.cert.NotAfter) {
		t.NotAfter = root.cert.NotAfter
	}
	return x509util.CreateCertificate(t, root.cert, key, root.key)
}

// rootDepth is how many authorities a root takes below it: an issuing certificate and, while it is the former root, the next root.
const rootDepth = 2

// cross has the former root sign the present one. With that certificate at the end of its chain a leaf leads to either root: who was
// not told of the new one yet, a partner or a browser, goes on until the former is retired.
func (id *identity) cross(c Config) (err error) {
	if id.former == nil {
		return nil
	}
	above := id.former.root
	if above.cert.MaxPathLen < rootDepth { // of an earlier version: it takes one authority only, so that is the issuing one
		id.crossed, err = signIssuer(c, above, use(c, id.issuer.cert), id.issuer.key.Public(), id.issuer.cert.NotAfter)
	} else {
		t := authorityTemplate(c, use(c, id.root.cert), rootLife)
		t.MaxPathLen = 1
		if t.NotAfter = id.root.cert.NotAfter; t.NotAfter.After(above.cert.NotAfter) {
			t.NotAfter = above.cert.NotAfter
		}
		id.crossed, err = x509util.CreateCertificate(t, above.cert, id.root.key.Public(), above.key)
	}
	if err != nil {
		return fmt.Errorf("create crossed certificate: %w", err)
	}
	return nil
}

// use is what a certificate of this authority is for, as its subject says. A certificate above or below names it by that.
func use(c Config, cert *x509.Certificate) string {
	return strings.TrimPrefix(cert.Subject.CommonName, commonPrefix(c))
}

func commonPrefix(c Config) string { return "Concord " + c.ClusterID + " " }

func numbered(use string, number uint64) string {
	if number < 2 {
		return use
	}
	return use + " " + strconv.FormatUint(number, 10)
}

// authorityTemplate is constrained to the URI names of our own cluster, so that a partner who trusts it for one cluster
// cannot be shown another's name by it. DNS names stay free: the web leaf needs the operator's. Go lets a constraint
// cover sub-domains too and takes leaves without a URI, hence the exact comparison in package trust decides.
func authorityTemplate(c Config, use string, life time.Duration) *x509.Certificate {
	now := c.Clock.Now()
	return &x509.Certificate{
		Subject:                     pkix.Name{CommonName: commonPrefix(c) + use},
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
