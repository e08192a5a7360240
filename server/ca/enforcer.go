package ca

import (
	"crypto/x509"
	"errors"
	"sync"

	"github.com/smallstep/certificates/authority/provisioner"
)

// enforcer is the last word on everything that step is about to sign (SEC-49): it lets a certificate pass only if an order
// with its serial is expected and says exactly the same, and each order only once. step would let a leaf outlive its
// issuer, so that is looked at here again.
type enforcer struct {
	issuer func() *x509.Certificate // the one that signs now

	mu       sync.Mutex
	expected map[string]order // by the bytes of the serial
}

var _ provisioner.CertificateEnforcer = (*enforcer)(nil)

func newEnforcer(issuer func() *x509.Certificate) *enforcer {
	return &enforcer{issuer: issuer, expected: map[string]order{}}
}

func (e *enforcer) expect(o order) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expected[string(o.serial.Bytes())] = o
}

func (e *enforcer) forget(o order) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.expected, string(o.serial.Bytes()))
}

// Enforce implements provisioner.CertificateEnforcer.
func (e *enforcer) Enforce(c *x509.Certificate) error {
	if c.SerialNumber == nil {
		return errors.New("the certificate was not ordered")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	o, ok := e.expected[string(c.SerialNumber.Bytes())]
	delete(e.expected, string(c.SerialNumber.Bytes()))
	if !ok || !e.exact(o, c) {
		return errors.New("the certificate is not what was ordered")
	}
	return nil
}

func (e *enforcer) exact(o order, c *x509.Certificate) bool {
	issuer := e.issuer()
	return o.fits(c) && c.SerialNumber.Cmp(o.serial) == 0 && c.Subject.CommonName == o.shape.common && len(c.Subject.ToRDNSequence()) <= 1 &&
		len(c.Extensions) == 0 && len(c.ExtraExtensions) == 0 && len(c.PermittedURIDomains)+len(c.PolicyIdentifiers) == 0 &&
		!c.NotBefore.Before(issuer.NotBefore) && !c.NotBefore.Before(o.notBefore) && !c.NotAfter.After(issuer.NotAfter)
}
