package trust

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// VerifyNeighbour says which other node of our own data center is at the far end of cs, under our own roots in force now. usage is as of
// Verify. A neighbour is no partner: Verify refuses it, and so does every route of partners. Errors: fault.Forbidden as Verify's.
func (s *Store) VerifyNeighbour(cs *tls.ConnectionState, usage x509.ExtKeyUsage) (node string, err error) {
	if cs == nil || len(cs.PeerCertificates) == 0 || len(cs.PeerCertificates) > maxPresented {
		return "", refuse(CodeUntrustedCertificate, "no certificate, or too many", nil)
	}
	leaf, now := cs.PeerCertificates[0], s.config.Clock.Now()
	clusterID, node, err := identityOf(leaf)
	if err != nil || clusterID != mdc.FoldName(s.config.ClusterID) {
		return "", refuse(CodeWrongIdentity, "the certificate does not name a node of this data center", err)
	}
	if err := checkPresented(cs.PeerCertificates, usage, now); err != nil {
		return "", err
	}
	own := &partner{pool: s.ownRoots()}
	if _, err := own.chain(cs.PeerCertificates, usage, now); err != nil {
		return "", err
	}
	if s.config.Revoked != nil && s.config.Revoked(s.config.ClusterID, leaf) {
		return "", refuse(CodeRevokedCertificate, "the certificate was revoked", nil)
	}
	return node, nil
}

// NeighbourTLS is the configuration for calls to one other node of our own data center, as ClientTLS is for a partner.
func (s *Store) NeighbourTLS(node string) *tls.Config {
	cfg := s.ClientTLS(s.config.ClusterID)
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		name, err := s.VerifyNeighbour(&cs, x509.ExtKeyUsageServerAuth)
		if err == nil && !mdc.SameName(name, node) {
			err = refuse(CodeWrongIdentity, "another node of this data center answers there", nil)
		}
		return err
	}
	return cfg
}

// knows says whether a caller of the peer listener may go on after its handshake: a partner or, where there are several, a node of our own.
func (s *Store) knows(cs *tls.ConnectionState) error {
	_, err := s.Verify(cs, x509.ExtKeyUsageClientAuth)
	if err == nil || !s.config.Neighbours {
		return err
	}
	if _, none := s.VerifyNeighbour(cs, x509.ExtKeyUsageClientAuth); none == nil {
		return nil
	}
	return err
}
