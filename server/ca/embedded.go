package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	"go.step.sm/crypto/x509util"
)

// embedded signs with the issuing key of this data center, by step's authority inside the process. step is handed the shape
// of each certificate and has the last word on name constraints; the enforcer has the last word on everything else.
type embedded struct {
	id      func() *identity // in force now; a rotation of the root replaces it
	step    *authority.Authority
	gate    *enforcer
	form    *x509.CertificateRequest
	closing sync.Once
}

var _ backend = (*embedded)(nil)

// openEmbedded builds step's authority. It has no provisioner and no token: nobody outside this process can ask it, and
// inside only an order whose intent is recorded gets past the enforcer, once. It has no database either: the records of
// this package are the ones that count, and step neither renews nor revokes here.
func openEmbedded(id func() *identity) (*embedded, error) {
	e := &embedded{id: id, gate: newEnforcer(func() *x509.Certificate { return id().issuer.cert })}
	var err error
	if e.form, err = readForm(); err != nil {
		return nil, err
	}
	e.step, err = authority.NewEmbedded(
		authority.WithConfig(&config.Config{
			Address: ":443", DNSNames: []string{"concord.invalid"}, CommonName: "concord.invalid",
			AuthorityConfig: &config.AuthConfig{},
		}),
		authority.WithX509RootCerts(id().root.cert),
		authority.WithX509SignerFunc(func() ([]*x509.Certificate, crypto.Signer, error) { // asked for each signature
			now := id()
			return now.between(), now.issuer.key, nil
		}),
		// For step's check of name constraints, which it fixes here; those of a later issuer are the same.
		authority.WithX509IntermediateCerts(id().issuer.cert),
		authority.WithX509Enforcers(e.gate),
		authority.WithQuietInit(),
	)
	if err != nil {
		return nil, fmt.Errorf("start authority: %w", err)
	}
	return e, nil
}

// Issuers implements backend.
func (e *embedded) Issuers() []*x509.Certificate { return e.id().between() }

// Sign implements backend.
func (e *embedded) Sign(ctx context.Context, o order) ([]*x509.Certificate, error) {
	e.gate.expect(o)
	defer e.gate.forget(o)
	return e.sign(ctx, o)
}

func (e *embedded) sign(ctx context.Context, o order) ([]*x509.Certificate, error) {
	ctx = provisioner.NewContextWithMethod(authority.NewContext(ctx, e.step), provisioner.SignMethod)
	chain, err := e.step.SignWithContext(ctx, e.form, provisioner.SignOptions{}, rewrite(o))
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return chain, nil
}

// rewrite puts what the order says in the place of everything that step took from the form.
func rewrite(o order) provisioner.CertificateModifier {
	return provisioner.CertificateModifierFunc(func(c *x509.Certificate, _ provisioner.SignOptions) error {
		dns, ips, _, uris := x509util.SplitSANs(o.shape.names)
		*c = x509.Certificate{
			SerialNumber: o.serial, Subject: pkix.Name{CommonName: o.shape.common},
			NotBefore: o.notBefore, NotAfter: o.notAfter,
			DNSNames: dns, IPAddresses: ips, URIs: uris,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: o.shape.usage, BasicConstraintsValid: true,
			PublicKey: o.request.PublicKey, PublicKeyAlgorithm: o.request.PublicKeyAlgorithm,
		}
		return nil
	})
}

// Revoke implements backend: what is recorded is what the next list says.
func (e *embedded) Revoke(context.Context, []Revocation) error { return nil }

// CRL implements backend.
func (e *embedded) CRL(_ context.Context, l revocationList) ([]byte, error) {
	t := &x509.RevocationList{Number: new(big.Int).SetUint64(l.number), ThisUpdate: l.thisUpdate, NextUpdate: l.nextUpdate}
	for _, r := range l.entries {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, errors.New("create revocation list: a serial on record is no number")
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At, ReasonCode: r.Reason.code()})
	}
	issuer := e.id().issuer
	der, err := x509.CreateRevocationList(rand.Reader, t, issuer.cert, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("create revocation list: %w", err)
	}
	return der, nil
}

// Close implements backend. step's own Shutdown must not run twice.
func (e *embedded) Close() error {
	var err error
	e.closing.Do(func() {
		if err = e.step.Shutdown(); err != nil {
			err = fmt.Errorf("close authority: %w", err)
		}
	})
	return err
}
