package httpapi

import (
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// peerEnrolRoutes are open to everybody, and bounded as everything there that is: who has no certificate yet has only a token.
func (s *Server) peerEnrolRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/peer/v1/enroll", public: true, summary: "The certificate that a one-time join token is for; no certificate is needed", in: wire.PeerEnroll{}, out: wire.CertificateMade{}, ahead: maxStranger, handle: s.enroll},
		{method: http.MethodPost, path: "/peer/v1/join", public: true, summary: "Exchange roots with the data center that holds a one-time join token; no certificate is needed", in: wire.PeerJoin{}, out: wire.PeerJoined{}, ahead: maxStranger, handle: s.peerJoin},
	}
}

// enrolProfile is the profile of the certificate that a token of this purpose buys; false for one that buys none.
func enrolProfile(purpose string) (p ca.Profile, ok bool) {
	p, ok = map[string]ca.Profile{wire.JoinNode: ca.ProfileNode, wire.JoinAgent: ca.ProfileAgent, wire.JoinAdministrator: ca.ProfileAdministrator}[purpose]
	return p, ok
}

// enroll gives whoever shows a token the certificate that it is for. The token names the identity; the caller brings the key.
func (s *Server) enroll(c *call) error {
	if c.Request.TLS == nil {
		return fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s; a join token needs TLS, and is not spent.", s.c.ClusterID, s.c.Mode())
	}
	var in wire.PeerEnroll
	if err := c.decode(&in); err != nil {
		return err
	}
	profile, ok := enrolProfile(in.Purpose)
	if !ok {
		return fault.InvalidFields("The body cannot be accepted.", []fault.Field{{Pointer: "/purpose", Detail: "has to be node, agent or administrator"}})
	}
	t, err := s.c.Desk.Redeem(c.Request.Context(), enrolment.Show{ID: in.ID, Purpose: in.Purpose, From: s.remoteAddress(c), RequestID: c.GetString(requestIDKey), Proves: enrolment.Holds(in.Secret)})
	if err != nil {
		return err
	}
	made, err := s.c.Authority.Issue(c.Request.Context(), ca.Actor{Name: "join-token:" + t.ID, RequestID: c.GetString(requestIDKey), Address: s.remoteAddress(c)},
		ca.Request{Profile: profile, Name: t.Name, CSR: in.CSRPEM, Enrolment: true})
	if err != nil {
		return err
	}
	return c.answer(s.certificateMade(made.Record))
}

func (s *Server) certificateMade(r ca.Record) wire.CertificateMade {
	v := s.certificateView(r)
	return wire.CertificateMade{CertificatePEM: v.CertificatePEM + v.ChainPEM, CAPEM: s.c.Authority.RootsPEM(), Identity: v.Identity, ExpiresAt: v.ExpiresAt}
}

// renewAgent signs the next certificate of the agent that shows one. Only what this data center issued is signed anew, byte for byte,
// for the same identity, and while it stands.
func (s *Server) renewAgent(c *call) error {
	shown, ok := c.Value(callerKey).(trust.Caller)
	if !ok {
		return fault.New(fault.Forbidden, "certificate_needed", "A certificate is renewed by showing it; this request showed an agent's secret.")
	}
	if !mdc.SameName(shown.ClusterID, s.c.ClusterID) {
		return fault.New(fault.Conflict, "other_data_center", "%s issued the certificate, and only it renews it; ask there.", shown.ClusterID)
	}
	if !s.renewals.allow(shown.Name, s.c.Clock.Now()) {
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", RetryAfter: time.Second, Message: "Too many renewals; a certificate is renewed once in its life. Try again in a second."}
	}
	var in wire.AgentRenewal
	if err := c.decode(&in); err != nil {
		return err
	}
	made, err := s.c.Authority.RenewPresented(c.Request.Context(), ca.Actor{Name: "agent:" + shown.Name, RequestID: c.GetString(requestIDKey), Address: s.remoteAddress(c)}, c.Request.TLS.PeerCertificates[0], in.CSRPEM)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Conflict, "not_issued_here", "This data center has no record of having issued the certificate, so it does not renew it. One of the operator's own authority is renewed there.")
	}
	if err != nil {
		return err
	}
	return c.answer(s.certificateMade(made.Record))
}
