package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// errNoCertificate ends a handshake while we have no leaf of our own.
var errNoCertificate = errors.New("trust: no peer certificate of our own")

// ServerTLS is the configuration of the peer listener: TLS 1.3, and a client certificate that is shown is decided on by Verify,
// for each handshake, under the trust in force then. Who shows none is let in as a stranger, for the few routes that are open to
// everybody: Verify refuses them at every other. One configuration serves every server name (SEC-42). Sessions are never resumed
// (SEC-44).
func (s *Store) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"h2", "http/1.1"},
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.own() },
		VerifyConnection:       s.verifyClient,
	}
}

// verifyClient runs on every handshake, where VerifyPeerCertificate would be left out on a resumed one.
func (s *Store) verifyClient(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return nil
	}
	err := s.knows(&cs)
	if err == nil {
		return nil
	}
	leaf := cs.PeerCertificates[0]
	s.config.Logger.Warn("peer refused", "code", fault.CodeOf(err), "reason", err.Error(), "cause", errors.Unwrap(err), "fingerprint", mdc.Fingerprint(leaf))
	if s.config.Refused != nil {
		s.config.Refused(leaf, err)
	}
	return err
}

// ClientTLS is the configuration for calls to one partner. The server must be a node of exactly that data center, under
// the trust in force at the handshake; the host name that was dialled counts for nothing. A cluster id that is no
// registered partner gives a configuration that refuses every server, until it is registered. It names no application
// protocol: http.Transport does, when its ForceAttemptHTTP2 is set.
func (s *Store) ClientTLS(clusterID string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Go's own check is replaced as a whole by VerifyConnection: it would compare host names and use the system's roots.
		InsecureSkipVerify:     true, //nolint:gosec // see above
		SessionTicketsDisabled: true,
		GetClientCertificate:   func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.own() },
		VerifyConnection:       func(cs tls.ConnectionState) error { return s.VerifyServer(&cs, clusterID) },
	}
}

// VerifyServer says whether the server at the far end of cs is, under the trust in force now, a node of data center
// clusterID (compared without case). Handshakes of ClientTLS do it by themselves; a caller that keeps connections open
// asks again before it uses one. Errors: fault.Forbidden as Verify's.
func (s *Store) VerifyServer(cs *tls.ConnectionState, clusterID string) error {
	p, err := s.Verify(cs, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	if !mdc.SameName(p.ClusterID, clusterID) {
		return refuse(CodeWrongIdentity, "the server belongs to another data center than the one that was called", nil)
	}
	return nil
}

func (s *Store) own() (*tls.Certificate, error) {
	if c := s.config.Certificate(); c != nil {
		return c, nil
	}
	return nil, errNoCertificate
}
