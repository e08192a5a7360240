package httpapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// Joiner calls the data center that made a join token, recognises it by the token, proves ours and makes it prove its own.
type Joiner interface {
	// Join offers in, without a proof, and gives the answer, which was proved, and the roots that the token names, as PEM.
	Join(ctx context.Context, token wire.JoinToken, in wire.PeerJoin) (out wire.PeerJoined, rootsPEM string, err error)
}

// joinDataCenter is the joining side: one call, and both data centers have the other as a partner.
func (s *Server) joinDataCenter(c *call) error {
	var in wire.Join
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := mayLink(c); err != nil { // before the token is spent
		return err
	}
	token, err := wire.ParseJoinToken(in.Token)
	if err != nil {
		return fault.InvalidFields("The data center cannot join.", []fault.Field{{Pointer: "/token", Detail: err.Error()}})
	}
	if err := s.mayJoin(c.Request.Context(), token); err != nil {
		return err
	}
	offer, err := s.joinOffer(c.Request.Context())
	if err != nil {
		return err
	}
	offer.ID = token.ID
	out, roots, err := s.c.Joiner.Join(c.Request.Context(), token, offer)
	if err != nil {
		return err
	}
	other := newcomer{clusterID: token.Issuer, agentID: out.AgentID, primary: out.Primary, rest: out.REST, rootsPEM: roots}
	if err := s.welcome(c.Request.Context(), c.actor(), other); err != nil {
		f := fault.New(fault.KindOf(err), fault.CodeOf(err), "%s has registered this data center, but it could not be registered here: %v Delete the partner there before another attempt, which needs a new token.", token.Issuer, err)
		f.Err = err
		return f
	}
	answer := wire.Joined{ClusterID: token.Issuer, AgentID: out.AgentID, Primary: out.Primary, Partner: token.Issuer, TrustedCertificate: token.Issuer}
	described, err := trust.Describe(roots)
	if err != nil {
		return fmt.Errorf("describe roots: %w", err)
	}
	for _, d := range described {
		answer.FingerprintsSHA256 = append(answer.FingerprintsSHA256, d.Fingerprint)
	}
	return c.answer(answer)
}

// mayJoin looks at what can be known before the token is spent.
func (s *Server) mayJoin(ctx context.Context, t wire.JoinToken) error {
	switch {
	case t.Purpose != wire.JoinDataCenter:
		return fault.New(fault.Conflict, "join_token_purpose", "The join token is for another purpose, %s: use it with concord trust enroll.", t.Purpose)
	case mdc.SameName(t.Issuer, s.c.ClusterID):
		return fault.New(fault.Conflict, "own_join_token", "This data center made the join token itself; use it at the data center that is to join.")
	case t.Name != "" && !mdc.SameName(t.Name, s.c.ClusterID):
		return fault.New(fault.Conflict, "join_token_other_data_center", "The join token is for the data center %q only; this is %s.", t.Name, s.c.ClusterID)
	}
	for _, kind := range []mdc.Kind{mdc.PartnerKind(), mdc.TrustedCertificateKind()} {
		_, err := s.c.Configuration.Get(ctx, configuration.System("join"), kind, t.Issuer)
		if err == nil {
			return known(t.Issuer)
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

func known(clusterID string) error {
	return fault.New(fault.Conflict, "already_known", "There is a partner or a trusted certificate %q already, and it is not overwritten. Delete it before a new join.", clusterID)
}

// joinable says whether data centers join by a token now: it makes partners of mode cert, which another mode refuses, so that is told
// before a token is made or spent.
func (s *Server) joinable() error {
	if mode := s.c.Mode(); mode != mdc.ModeCert {
		return fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s, and data centers join by a token in mode cert only. Declare both as partners with one passphrase, or security_mode = \"cert\" for the data center.", s.c.ClusterID, mode)
	}
	return nil
}

// joinOffer is what this data center tells of itself.
func (s *Server) joinOffer(ctx context.Context) (out wire.PeerJoin, err error) {
	if err := s.joinable(); err != nil {
		return out, err
	}
	address := strings.TrimPrefix(s.c.Addresses().Peer, "https://")
	profile, err := s.c.Model.Profile(ctx)
	if err != nil {
		return out, err
	}
	own, err := s.c.Authority.BundleJSON()
	if err != nil {
		return out, err
	}
	return wire.PeerJoin{ClusterID: s.c.ClusterID, AgentID: profile.AgentID, Primary: []string{address}, REST: s.c.Addresses().Admin, Bundle: own}, nil
}

// peerJoin is the side that made the token.
func (s *Server) peerJoin(c *call) error {
	var in wire.PeerJoin
	if err := c.decode(&in); err != nil {
		return err
	}
	other, err := s.newcomer(in)
	if err != nil {
		return err
	}
	own, err := s.joinOffer(c.Request.Context())
	if err != nil {
		return err
	}
	exporter, err := meeting.Exported(c.Request.TLS)
	if err != nil {
		return fault.New(fault.Forbidden, "join_token_refused", "Joining needs TLS 1.3 from end to end.")
	}
	m := meeting.Meeting{Exporter: exporter, Caller: in.ClusterID, Answerer: s.c.ClusterID, CallerBundle: []byte(in.Bundle), AnswererBundle: []byte(own.Bundle)}
	t, err := s.c.Desk.Redeem(c.Request.Context(), enrolment.Show{ID: in.ID, Purpose: enrolment.DataCenter, Name: in.ClusterID, From: s.remoteAddress(c), RequestID: c.GetString(requestIDKey),
		Proves: func(key []byte) bool { return m.Proved(key, meeting.Caller, in.Proof) }})
	if err != nil {
		return err
	}
	if err := s.welcome(c.Request.Context(), configuration.Actor{Name: "join-token:" + t.ID, RequestID: c.GetString(requestIDKey), Address: s.remoteAddress(c), Rights: mdc.EveryRight()}, other); err != nil {
		return err
	}
	return c.answer(wire.PeerJoined{ClusterID: s.c.ClusterID, AgentID: own.AgentID, Primary: own.Primary, REST: own.REST, Proof: m.Proof(t.Hash, meeting.Answerer)})
}

// newcomer is a data center that was met by a token.
type newcomer struct {
	clusterID, agentID, rest, rootsPEM string
	primary                            []string
}

// newcomer reads what a data center tells of itself, before its token is spent for something that cannot be kept.
func (s *Server) newcomer(in wire.PeerJoin) (newcomer, error) {
	told, err := bundle.Read([]byte(in.Bundle))
	if err != nil {
		return newcomer{}, fault.InvalidFields("The data center cannot join.", []fault.Field{{Pointer: "/bundle", Detail: "cannot be taken: " + err.Error()}})
	}
	if mdc.SameName(in.ClusterID, s.c.ClusterID) {
		return newcomer{}, fault.New(fault.Conflict, "duplicate_cluster_id", "%s is this data center's own cluster id; cluster ids are unique without regard to case.", s.c.ClusterID)
	}
	out := newcomer{clusterID: in.ClusterID, agentID: in.AgentID, primary: in.Primary, rest: in.REST, rootsPEM: bundle.PEM(told.Roots)}
	partner, certificate := out.objects()
	return out, fault.InvalidFields("The data center cannot join.", append(partner.Validate(), certificate.Validate()...))
}

func (n newcomer) objects() (*mdc.Partner, *mdc.TrustedCertificate) {
	return &mdc.Partner{ClusterID: n.clusterID, AgentID: n.agentID, Primary: n.primary, RESTEndpoint: n.rest, SecurityMode: mdc.ModeCert},
		&mdc.TrustedCertificate{Name: n.clusterID, CertificatePEM: n.rootsPEM, Partner: n.clusterID}
}

// welcome registers a newcomer with its roots, both or neither, and never over what is there.
func (s *Server) welcome(ctx context.Context, by configuration.Actor, n newcomer) error {
	partner, certificate := n.objects()
	create := func(kind mdc.Kind, o mdc.Object) configuration.Operation {
		return configuration.Operation{Kind: kind, Name: o.ObjectName(), Pre: configuration.Precondition{Absent: true}, Change: func(mdc.Object) (mdc.Object, error) { return o, nil }}
	}
	_, err := s.c.Configuration.Batch(ctx, by, []configuration.Operation{create(mdc.TrustedCertificateKind(), certificate), create(mdc.PartnerKind(), partner)}, false)
	if fault.Is(err, fault.Precondition) {
		return known(n.clusterID)
	}
	return err
}
