package httpapi

import (
	"crypto/x509"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// callerKey is where the runtime listener keeps whose certificate an agent showed; absent when it showed its secret.
const callerKey = "concord.caller"

// A credential in the request names the caller and decides alone: the connection's certificate is looked at only when there is none.
// So an administrator whose certificate has run out can still come with a token, and a wrong token is never made good by a certificate.

// showsOnlyCertificate says whether a request carries no credential, and its connection a certificate.
func showsOnlyCertificate(g *gin.Context) bool {
	return len(g.Request.Header.Values("Authorization")) == 0 && g.Request.TLS != nil && len(g.Request.TLS.PeerCertificates) > 0
}

// verified checks the connection's certificate under the trust in force now: a connection may be older than that (SEC-43). Who is
// refused loses the connection, so that the next one shows what the caller has by then.
func (s *Server) verified(g *gin.Context, role trust.Role, operators func() *x509.CertPool) (trust.Caller, bool) {
	var roots *x509.CertPool
	if operators != nil {
		roots = operators()
	}
	caller, err := s.c.Trust.VerifyCaller(g.Request.TLS, role, roots)
	if err == nil {
		return caller, true
	}
	s.turnAway(g, role, err)
	return caller, false
}

// Names of the listeners in the log and the audit record.
const (
	listenerAdmin   = "admin"
	listenerRuntime = "runtime"
	listenerPeer    = "peer"
)

func (s *Server) turnAway(g *gin.Context, role trust.Role, err error) {
	listener := listenerAdmin
	if role == trust.Agent {
		listener = listenerRuntime
	}
	g.Header("Connection", "close")
	s.c.Logger.Warn("client certificate refused", "listener", listener, "code", fault.CodeOf(err), "error", err, "remote", g.Request.RemoteAddr,
		"fingerprint", mdc.Fingerprint(g.Request.TLS.PeerCertificates[0]))
	s.c.Refused(listener, g.Request.TLS.PeerCertificates[0], err)
	(&call{Context: g}).fail(err)
}

// certifiedAdministrator lets through who shows an administrator's certificate that a role lists. A browser that has one shows it
// unasked, also where a page of another site sends the request: those are refused (SEC-15), as no token could be sent so.
func (s *Server) certifiedAdministrator(g *gin.Context) {
	if err := sameSite(g.Request); err != nil {
		(&call{Context: g}).fail(err)
		return
	}
	caller, ok := s.verified(g, trust.Administrator, s.c.AdminRoots)
	if !ok {
		return
	}
	who, err := s.c.Administrators.Certificate(g.Request.Context(), caller.Name, caller.Identity)
	if err != nil {
		(&call{Context: g}).fail(err)
		return
	}
	letIn(g, who)
}

// certifiedAgent lets through who shows a certificate that the agent which it names lists.
func (s *Server) certifiedAgent(g *gin.Context) {
	caller, ok := s.verified(g, trust.Agent, s.c.RuntimeRoots)
	if !ok {
		return
	}
	a, err := s.c.Model.Agent(g.Request.Context(), caller.Name)
	if err != nil {
		(&call{Context: g}).fail(err)
		return
	}
	if a == nil || !slices.Contains(a.CertificateIdentities, caller.Identity) {
		s.turnAway(g, trust.Agent, fault.New(fault.Unauthenticated, "certificate_not_listed",
			"The certificate is not registered here: an agent %q that lists %q in certificate_identities is needed.", caller.Name, caller.Identity))
		return
	}
	g.Set(agentKey, &shown{agent: a, share: s.shareOf(a)})
	g.Set(callerKey, caller)
}
