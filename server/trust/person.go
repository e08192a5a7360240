package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// VerifyPerson says whose certificate a person's browser shows at the runtime listener, under the trust in force now. name is
// where the scheme reads the user's name: mdc.CertificateURI, or "", takes certificates that data centers issue for persons, each
// believed for its own names as for agents; mdc.CertificateEmail and mdc.CertificateCommonName take those of operators alone, the
// roots of the listener's client_ca_file, where each certificate for clients counts as that of the person it names. One that
// carries a SPIFFE id as well is a machine's and nobody's. The name is given as it stands there, and is a valid user's name.
// Errors: fault.Unauthenticated with a code, worded for the person.
func (s *Store) VerifyPerson(cs *tls.ConnectionState, name string, operators *x509.CertPool) (Caller, error) {
	if name == "" || name == mdc.CertificateURI {
		return s.VerifyCaller(cs, Person, operators)
	}
	if cs == nil || len(cs.PeerCertificates) == 0 || len(cs.PeerCertificates) > maxPresented {
		return Caller{}, s.turnAway(Person, refuse(CodeUntrustedCertificate, "no certificate, or too many", nil))
	}
	c, err := s.checkNamed(cs.PeerCertificates, name, operators)
	if err != nil {
		return Caller{}, s.turnAway(Person, err)
	}
	if s.config.Revoked != nil && s.config.Revoked(c.ClusterID, cs.PeerCertificates[0]) {
		return Caller{}, s.turnAway(Person, refuse(CodeRevokedCertificate, "revoked", nil))
	}
	return c, nil
}

func (s *Store) checkNamed(presented []*x509.Certificate, name string, operators *x509.CertPool) (Caller, error) {
	leaf, now := presented[0], s.config.Clock.Now()
	user, err := personIn(leaf, name)
	if err != nil {
		return Caller{}, refuse(CodeWrongIdentity, "not a person's name", err)
	}
	if operators == nil {
		return Caller{}, refuse(CodeUntrustedCertificate, "the listener has no client_ca_file", nil)
	}
	if err := checkPresented(presented, x509.ExtKeyUsageClientAuth, now); err != nil {
		return Caller{}, err
	}
	until, err := (&partner{pool: operators}).chain(presented, x509.ExtKeyUsageClientAuth, now)
	if err != nil {
		return Caller{}, err
	}
	return Caller{ClusterID: s.config.ClusterID, Name: user, Identity: user, ExpiresAt: until, Fingerprint: mdc.Fingerprint(leaf)}, nil
}

// personIn reads the one name of that kind: of two, a reader could take the other.
func personIn(c *x509.Certificate, name string) (string, error) {
	uris, err := uriNames(c)
	if err != nil {
		return "", err
	}
	for _, u := range uris {
		if strings.HasPrefix(strings.ToLower(u), scheme) {
			return "", errors.New("the certificate carries a SPIFFE id, which persons' certificates of the operator's own do not")
		}
	}
	var names []string
	switch name {
	case mdc.CertificateEmail:
		names = c.EmailAddresses
	case mdc.CertificateCommonName:
		for _, a := range c.Subject.Names {
			if text, ok := a.Value.(string); ok && a.Type.String() == "2.5.4.3" {
				names = append(names, text)
			}
		}
	}
	if len(names) != 1 || !mdc.ValidName(names[0]) {
		return "", errors.New("the certificate does not carry exactly one name of a user in the field that the scheme reads")
	}
	return names[0], nil
}
