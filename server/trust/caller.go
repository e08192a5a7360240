package trust

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// CodeRevokedCertificate says that the issuing data center has taken the certificate back.
const CodeRevokedCertificate = "revoked_certificate"

// Role is what a client certificate of the admin or the runtime listener speaks for.
type Role int

// The roles.
const (
	Administrator Role = iota // spiffe://<cluster>/admin/<name>, of our own data center only
	Agent                     // spiffe://<cluster>/agent/<agent>, of any data center that we trust
	Person                    // spiffe://<cluster>/user/<user>, likewise
)

// Caller is who presented a client certificate at the admin or the runtime listener.
type Caller struct {
	ClusterID   string    // of the issuing data center: ours, or as the partner is registered here
	Name        string    // the administrator's or the agent's
	Identity    string    // the URI name
	ExpiresAt   time.Time // the earliest end of life on the way to the anchor
	Fingerprint string    // lower-case hex SHA-256 of the leaf's DER
}

// called is what a kept caller is valid for. Roots of an operator's own are a part of it: each listener has its own.
type called struct {
	leaf  fingerprint
	role  Role
	roots *x509.CertPool
}

// VerifyCaller says who presented the client certificate of cs in the given role, under the trust in force now. Call it for each
// request. The name decides which anchors count: those of exactly the data center that it names. There is no pool of all, in which
// one data center could speak for another (SEC-41). operators, which may be nil, are roots of the operator's own PKI that count beside
// our own for names of our own cluster. Errors: fault.Unauthenticated with a code, worded for the caller.
func (s *Store) VerifyCaller(cs *tls.ConnectionState, role Role, operators *x509.CertPool) (Caller, error) {
	if cs == nil || len(cs.PeerCertificates) == 0 || len(cs.PeerCertificates) > maxPresented {
		return Caller{}, s.turnAway(role, refuse(CodeUntrustedCertificate, "no certificate, or too many", nil))
	}
	sn, now, leaf := s.current.Load(), s.config.Clock.Now(), cs.PeerCertificates[0]
	key := called{sha256.Sum256(leaf.Raw), role, operators}
	c, ok := sn.callers.get(key, now)
	if !ok {
		var err error
		if c, err = s.checkCaller(sn, cs.PeerCertificates, key, now); err != nil {
			return Caller{}, s.turnAway(role, err)
		}
	}
	// Revocation is asked for each time: it is felt without a new snapshot.
	if s.config.Revoked != nil && s.config.Revoked(c.ClusterID, leaf) {
		return Caller{}, s.turnAway(role, refuse(CodeRevokedCertificate, "revoked", nil))
	}
	if !ok {
		sn.callers.keep(key, c)
	}
	return c, nil
}

func (s *Store) checkCaller(sn *snapshot, presented []*x509.Certificate, key called, now time.Time) (Caller, error) {
	leaf := presented[0]
	clusterID, name, err := callerName(leaf, key.role)
	if err != nil {
		return Caller{}, refuse(CodeWrongIdentity, "not the name of this role", err)
	}
	var anchors []*partner // each for itself
	issuer := s.config.ClusterID
	switch p := sn.partner(clusterID); {
	case clusterID == mdc.FoldName(s.config.ClusterID):
		anchors = append(anchors, &partner{pool: s.ownRoots()})
		if key.roots != nil {
			anchors = append(anchors, &partner{pool: key.roots})
		}
	case key.role == Administrator:
		return Caller{}, refuse(CodeWrongIdentity, "another data center's administrator", nil)
	case p == nil:
		return Caller{}, refuse(CodeNotAPartner, "no partner", nil)
	case p.damaged:
		return Caller{}, refuse(CodeTrustDamaged, "what is kept of the trust in the caller's data center is damaged", nil)
	case p.isRevoked(leaf):
		return Caller{}, refuse(CodeRevokedCertificate, "the caller's certificate was revoked by its data center", nil)
	default:
		anchors, issuer = append(anchors, p), p.clusterID
	}
	if err := checkPresented(presented, x509.ExtKeyUsageClientAuth, now); err != nil {
		return Caller{}, err
	}
	until, err := chainToAny(presented, anchors, now)
	if err != nil {
		return Caller{}, err
	}
	names, _ := uriNames(leaf) // callerName has read them
	return Caller{ClusterID: issuer, Name: name, Identity: names[0], ExpiresAt: until, Fingerprint: mdc.Fingerprint(leaf)}, nil
}

// chainToAny leads the leaf to one of several sets of anchors, each by itself.
func chainToAny(presented []*x509.Certificate, anchors []*partner, now time.Time) (until time.Time, err error) {
	for _, a := range anchors {
		if until, err = a.chain(presented, x509.ExtKeyUsageClientAuth, now); err == nil {
			return until, nil
		}
	}
	return until, err
}

// ownRoots are our own roots now. They are read each time: a root that is being replaced must not need a new snapshot.
func (s *Store) ownRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	if s.config.Roots != nil {
		for _, c := range s.config.Roots() {
			pool.AddCert(c)
		}
	}
	return pool
}

// callerName gives cluster id (in lower case) and name of a caller's leaf, compared byte for byte as identityOf does.
func callerName(c *x509.Certificate, role Role) (clusterID, name string, err error) {
	switch role {
	case Agent:
		return nameIn(c, "/agent/", mdc.ValidAgentName)
	case Person:
		return nameIn(c, "/user/", mdc.ValidName)
	}
	return nameIn(c, "/admin/", mdc.ValidName)
}

// turnAway words a refusal for who showed the certificate, which is not a partner and cannot look into our log.
func (s *Store) turnAway(role Role, err error) error {
	own := mdc.FoldName(s.config.ClusterID)
	want, what := "spiffe://"+own+"/admin/<name>", "an administrator's of this data center"
	if role == Agent {
		want, what = "spiffe://<cluster id in lower case>/agent/<agent>", "an agent's"
	}
	if role == Person {
		want, what = "spiffe://<cluster id in lower case>/user/<user>, or the name that the authentication scheme reads", "a person's"
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	var message string
	switch f.Code {
	case CodeWrongIdentity:
		message = fmt.Sprintf("The client certificate is not %s: its one URI name must be exactly %s.", what, want)
	case CodeNotAPartner:
		message = "The client certificate names a data center that is no partner of this one."
	case CodeExpiredCertificate:
		message = "The client certificate has expired or is not valid yet. Issue a new one; compare the clocks."
	case CodeRevokedCertificate:
		message = "The client certificate has been revoked. Issue a new one."
	case CodeTrustDamaged:
		message = "What this data center keeps of the trust in the one that issued the client certificate is damaged, so nobody of that one is believed. An administrator has to remove that partner here and register it again."
	default:
		message = "The client certificate is not trusted: it must be issued for clients, by the authority of the data center that it names, with a key of today's length (RSA 2048, a curve of 256 bits), and be sent with the certificates between it and the root."
	}
	return &fault.Error{Kind: fault.Unauthenticated, Code: f.Code, Message: message, Err: err}
}

// HintingTLS is base with a request for a client certificate that gives the names of the authorities whose certificates are of use, so that browsers
// with other certificates do not ask their users for one. The names are hints and decide nothing: whoever shows a certificate is
// verified at each request, by VerifyCaller, and who shows none goes on without.
func (s *Store) HintingTLS(base *tls.Config, partners bool, operators func() []*x509.Certificate) *tls.Config {
	out := base.Clone()
	out.ClientAuth = tls.RequestClientCert
	out.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		hinting := base.Clone()
		hinting.ClientAuth = tls.RequestClientCert
		hinting.ClientCAs = s.hints(partners, operators)
		return hinting, nil
	}
	return out
}

// maxHints bounds the names that one handshake gives, in bytes: TLS has room for 65,535, and no handshake succeeds with more. Partners
// choose the names of their roots, so they must not decide whether anybody reaches a listener.
const maxHints = 32 << 10

// hints gives the authorities whose names are told; nil, which tells none and asks everybody, when they are too many or too long.
func (s *Store) hints(partners bool, operators func() []*x509.Certificate) *x509.CertPool {
	pool, size := x509.NewCertPool(), 0
	add := func(all []*x509.Certificate) {
		for _, c := range all {
			size += len(c.RawSubject) + 2 // its length goes before it
			pool.AddCert(c)
		}
	}
	if s.config.Roots != nil {
		add(s.config.Roots())
	}
	if operators != nil {
		add(operators())
	}
	if partners {
		for _, p := range s.current.Load().partners {
			add(p.anchors)
		}
	}
	if size > maxHints {
		return nil
	}
	return pool
}
