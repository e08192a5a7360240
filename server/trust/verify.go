package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Codes of the faults of Verify; each is fault.Forbidden.
const (
	CodeNotAPartner          = "not_a_partner"         // the name is well formed and nobody registered it
	CodeUntrustedCertificate = "untrusted_certificate" // no way to an anchor of that partner, or not a leaf for this use
	CodeWrongIdentity        = "wrong_identity"        // the name is not a node's, or another data center's than expected
	CodeExpiredCertificate   = "expired_certificate"   // past, or not yet begun
	CodeTrustDamaged         = "trust_damaged"         // what is kept of the partner's trust cannot be read
)

// maxPresented is the most certificates taken from a peer; the longest sound chain has three or four.
const maxPresented = 8

// Peer is who is at the far end.
type Peer struct {
	ClusterID   string    // as the partner is registered here
	NodeName    string    // from the certificate
	ExpiresAt   time.Time // the earliest end of life on the way to the anchor
	Fingerprint string    // lower-case hex SHA-256 of the leaf's DER
}

// Verify says who presented the certificates of cs, under the trust in force now. Call it for each request: an open
// connection outlives the trust it began with. usage is x509.ExtKeyUsageClientAuth for who called us and
// x509.ExtKeyUsageServerAuth for whom we called. A success is kept for the life of the snapshot. Errors: fault.Forbidden
// with one of the codes above.
func (s *Store) Verify(cs *tls.ConnectionState, usage x509.ExtKeyUsage) (Peer, error) {
	if cs == nil || len(cs.PeerCertificates) == 0 {
		return Peer{}, refuse(CodeUntrustedCertificate, "the peer presented no certificate", nil)
	}
	if len(cs.PeerCertificates) > maxPresented {
		return Peer{}, refuse(CodeUntrustedCertificate, "the peer presented too many certificates", nil)
	}
	sn, now, leaf := s.current.Load(), s.config.Clock.Now(), cs.PeerCertificates[0]
	key := seen{leaf: sha256.Sum256(leaf.Raw), usage: usage}
	if p, ok := sn.peers.get(key, now); ok {
		return p, nil
	}
	p, err := sn.check(cs.PeerCertificates, key, now)
	if err != nil {
		return Peer{}, err
	}
	sn.peers.keep(key, p)
	return p, nil
}

// check does the whole work: identity first, since it names the only anchors that count.
func (sn *snapshot) check(presented []*x509.Certificate, key seen, now time.Time) (Peer, error) {
	leaf := presented[0]
	clusterID, node, err := identityOf(leaf)
	if err != nil {
		return Peer{}, refuse(CodeWrongIdentity, "the peer's certificate does not name a node of a data center", err)
	}
	p := sn.partner(clusterID)
	if p == nil {
		return Peer{}, refuse(CodeNotAPartner, "the data center is not registered as a partner here", nil)
	}
	if p.damaged {
		return Peer{}, refuse(CodeTrustDamaged, "what is kept of that data center's roots and revocations cannot be read; remove the partner here and register it again", nil)
	}
	if err := checkPresented(presented, key.usage, now); err != nil {
		return Peer{}, err
	}
	if p.isRevoked(leaf) {
		return Peer{}, refuse(CodeRevokedCertificate, "the peer's certificate was revoked by its data center", nil)
	}
	until := leaf.NotAfter
	if !p.pinned[key.leaf] {
		if until, err = p.chain(presented, key.usage, now); err != nil {
			return Peer{}, err
		}
	}
	return Peer{ClusterID: p.clusterID, NodeName: node, ExpiresAt: until, Fingerprint: mdc.Fingerprint(leaf)}, nil
}

// checkPresented asks what Go's Verify does not: that no key is too short, that the leaf is none of an authority, and that it names
// its use itself (Go takes a certificate without any extended key usage for every use).
func checkPresented(presented []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {
	leaf := presented[0]
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		return refuse(CodeUntrustedCertificate, "the peer's certificate is an authority's, not a node's", nil)
	}
	if !slices.Contains(leaf.ExtKeyUsage, usage) {
		return refuse(CodeUntrustedCertificate, "the peer's certificate is not made for this use", nil)
	}
	if now.Before(leaf.NotBefore) {
		return refuse(CodeExpiredCertificate, "the peer's certificate is not valid yet; compare the clocks of both data centers", nil)
	}
	if now.After(leaf.NotAfter) {
		return refuse(CodeExpiredCertificate, "the peer's certificate has expired", nil)
	}
	if slices.ContainsFunc(presented, mdc.WeakKey) {
		return refuse(CodeUntrustedCertificate, "a key in the peer's certificates is too short to be believed", nil)
	}
	return nil
}

// chain leads the leaf to an anchor of this partner. Of several ways it gives the end of the one that lasts longest.
func (p *partner) chain(presented []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) (until time.Time, err error) {
	between := x509.NewCertPool()
	for _, c := range presented[1:] {
		between.AddCert(c)
	}
	// No DNSName: a partner's anchors never verify a host name.
	ways, err := presented[0].Verify(x509.VerifyOptions{
		Roots: p.pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: now,
	})
	if err != nil {
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
			return until, refuse(CodeExpiredCertificate, "a certificate above the peer's has expired", err)
		}
		return until, refuse(CodeUntrustedCertificate, "the peer's certificate was not issued under a certificate that is trusted for its data center", err)
	}
	for _, way := range ways {
		if end := earliestEnd(way); end.After(until) && !p.anyRevoked(way) {
			until = end
		}
	}
	if until.IsZero() {
		return until, refuse(CodeRevokedCertificate, "the peer's certificate, or one above it, was revoked by its data center", nil)
	}
	return until, nil
}

func (p *partner) anyRevoked(way []*x509.Certificate) bool {
	return slices.ContainsFunc(way[:len(way)-1], p.isRevoked) // not the anchor: no list speaks of it
}

func earliestEnd(way []*x509.Certificate) time.Time {
	end := way[0].NotAfter
	for _, c := range way[1:] {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

func refuse(code, message string, cause error) error {
	return &fault.Error{Kind: fault.Forbidden, Code: code, Message: message, Err: cause}
}
