package ca

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// order makes the order for a certificate of shape s that lives for ttl, or until its issuer ends. The times are in whole
// seconds, as a certificate keeps them.
func (a *Authority) order(s shape, r *x509.CertificateRequest, ttl time.Duration) (order, error) {
	serial, err := newSerial()
	if err != nil {
		return order{}, err
	}
	now := a.config.Clock.Now()
	o := order{serial: serial, shape: s, request: r, notBefore: now.Add(-backdateOf(ttl)), notAfter: now.Add(ttl)}
	for _, issuer := range a.backend.Issuers() {
		if o.notBefore.Before(issuer.NotBefore) {
			o.notBefore = issuer.NotBefore
		}
		if o.notAfter.After(issuer.NotAfter) {
			o.notAfter = issuer.NotAfter
		}
	}
	o.notBefore, o.notAfter = o.notBefore.UTC().Truncate(time.Second), o.notAfter.UTC().Truncate(time.Second)
	if !o.notAfter.After(now) {
		return order{}, fault.New(fault.Conflict, "issuer_expired", "The issuing certificate of this data center has expired; nothing can be issued below it.")
	}
	return o, nil
}

func backdateOf(ttl time.Duration) time.Duration {
	return min(max(ttl/10, leastBackdate), backdate)
}

// newSerial draws 127 random bits: nobody can guess the serial of a certificate that is to come, and none comes twice.
func newSerial() (*big.Int, error) {
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("draw serial: %w", err)
	}
	raw[0] = raw[0]&0x7f | 0x40 // always the same length, and never negative
	return new(big.Int).SetBytes(raw), nil
}
