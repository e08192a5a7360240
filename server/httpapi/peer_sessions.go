package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
)

func (s *Server) peerRetrieve(c *call) error {
	var in wire.RetrieveRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	a, err := s.c.Sessions.Retrieve(c.Request.Context(), c.partner(), session.RetrieveRequest{ID: mdc.SessionID(in.ID), SSOID: mdc.SSOID(in.SSOID),
		Proof: in.Proof, ForCluster: in.ForCluster, JTI: in.JTI})
	if err != nil {
		return err
	}
	s.figures.retrieves.WithLabelValues(a.Result).Inc()
	out := wire.RetrieveAnswer{Result: a.Result, CodeUsed: a.CodeUsed}
	if v := a.Session; v != nil {
		out.Session = &wire.PeerSession{ID: string(v.ID), SSOID: string(v.SSOID), User: v.User, Store: v.Store, Attributes: v.Attributes, Groups: v.Groups,
			Level: v.Level, ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt, LastAccess: v.LastAccess, Members: v.Members}
	}
	return c.answer(out)
}

func (s *Server) peerEvents(c *call) error {
	var in wire.SessionEvents
	if err := c.decode(&in); err != nil {
		return err
	}
	events := make([]session.Event, 0, len(in.Events))
	for _, e := range in.Events {
		events = append(events, session.Event{ID: e.ID, Kind: e.Kind, SSOID: mdc.SSOID(e.SSOID), Proof: e.Proof, At: e.At})
	}
	if err := s.c.Sessions.ReceiveEvents(c.Request.Context(), c.partner(), events); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) peerRevocations(c *call) error {
	var in wire.Revocations
	if err := c.decode(&in); err != nil {
		return err
	}
	b := revocation.Batch{After: in.After, Through: in.Through, Next: in.Next}
	for _, r := range in.Revocations {
		b.Entries = append(b.Entries, revocation.Entry(r))
	}
	have, err := s.c.Sessions.ReceiveRevocations(c.Request.Context(), c.partner(), b)
	if err != nil {
		return err
	}
	return c.answer(wire.RevocationsAnswer{Have: have})
}

func (s *Server) peerRevocationsPull(c *call) error {
	var in wire.RevocationsPull
	if err := c.decode(&in); err != nil {
		return err
	}
	b, err := s.c.Sessions.PullRevocations(c.Request.Context(), c.partner(), revocation.Pull{Have: in.Have, After: in.After})
	if err != nil {
		return err
	}
	out := wire.Revocations{After: b.After, Through: b.Through, Next: b.Next, Revocations: make([]wire.Revocation, 0, len(b.Entries))}
	for _, e := range b.Entries {
		out.Revocations = append(out.Revocations, wire.Revocation(e))
	}
	return c.answer(out)
}
