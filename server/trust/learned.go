package trust

import (
	"crypto/x509"
	"math/big"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Learned is what one partner told of its own trust over a link that was believed already. It stands beside the declared
// certificates and never among them.
type Learned struct {
	Pins    []string            // fingerprints of the certificates that were declared for the partner when it told
	Roots   []*x509.Certificate // what its last bundle held
	Retired []*x509.Certificate // what an earlier one held and the last did not: no longer an anchor, declared or not
	Revoked map[string]bool     // serials, decimal, that its lists take back, whichever of its issuers signed them: it draws none twice
	Damaged bool                // what is kept cannot be read, or is missing: nobody is believed in the partner's name
}

// Continues says whether what was learned still counts beside the certificates that are declared now: at least one of them
// was declared when it was learned, or is one of the roots that it named. Whoever declares another root registers the
// partner anew, and starts from that.
func (l Learned) Continues(declared []*x509.Certificate) bool {
	return slices.ContainsFunc(declared, func(c *x509.Certificate) bool {
		return slices.Contains(l.Pins, mdc.Fingerprint(c)) || slices.ContainsFunc(l.Roots, c.Equal)
	})
}

// Withdrawn says whether an anchor is a retired root, or an intermediate below one.
func (l Learned) Withdrawn(c *x509.Certificate) bool {
	return slices.ContainsFunc(l.Retired, func(r *x509.Certificate) bool { return r.Equal(c) || c.CheckSignatureFrom(r) == nil })
}

// Declared are the certificates that count for one partner among those that administrators declared. What cannot be read
// is left out.
func Declared(clusterID string, all []mdc.TrustedCertificate) (out []*x509.Certificate) {
	for _, t := range all {
		if t.Partner != "" && !mdc.SameName(t.Partner, clusterID) {
			continue
		}
		if parsed, err := mdc.ParseCertificates(t.CertificatePEM); err == nil {
			out = append(out, parsed...)
		}
	}
	return out
}

// learn lays what was learned beside what is declared for p.
func (p *partner) learn(l Learned, declared []*x509.Certificate) {
	p.revoked = l.Revoked // it only ever refuses, so it counts whatever was declared since
	if l.Damaged {
		p.damaged = true
		return
	}
	if !l.Continues(declared) {
		l = Learned{}
	}
	for _, c := range declared {
		if !l.Withdrawn(c) {
			p.add(c)
		}
	}
	for _, c := range l.Roots {
		p.pool.AddCert(c)
		p.anchors = append(p.anchors, c)
	}
}

// RevokedBy says whether a partner took a certificate of its own back, as far as it told. False where there is no such partner.
func (s *Store) RevokedBy(clusterID string, serial *big.Int) bool {
	p := s.current.Load().partner(clusterID)
	return p != nil && p.revoked[serial.String()]
}

// isRevoked says whether the partner took c back.
func (p *partner) isRevoked(c *x509.Certificate) bool { return p.revoked[c.SerialNumber.String()] }
