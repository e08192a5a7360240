package httpapi

import (
	"net/http"
	"time"

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
	a, err := s.c.Sessions.Retrieve(s.traced(c, ""), c.partner(), session.RetrieveRequest{ID: mdc.SessionID(in.ID), SSOID: mdc.SSOID(in.SSOID),
		Proof: in.Proof, ForCluster: in.ForCluster, JTI: in.JTI})
	if err != nil {
		return err
	}
	s.figures.retrieves.WithLabelValues(a.Result).Inc()
	out := wire.RetrieveAnswer{Result: a.Result, CodeUsed: a.CodeUsed}
	if v := a.Session; v != nil {
		out.Session = &wire.PeerSession{ID: string(v.ID), SSOID: string(v.SSOID), User: v.User, Store: v.Store, Attributes: v.Attributes, Groups: v.Groups,
			Level: v.Level, Scheme: v.Scheme, Methods: v.Methods, ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt, LastAccess: v.LastAccess, Members: v.Members,
			CreatedAt: v.CreatedAt}
	}
	if a.Moved != nil {
		out.Moved = &wire.OriginRef{ClusterID: a.Moved.ClusterID, SessionID: string(a.Moved.SessionID)}
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
		events = append(events, session.Event{ID: e.ID, Kind: e.Kind, SSOID: mdc.SSOID(e.SSOID), Session: mdc.SessionID(e.SessionID), Proof: e.Proof, At: e.At})
	}
	if err := s.c.Sessions.ReceiveEvents(s.traced(c, ""), c.partner(), events); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) peerLastAccess(c *call) error {
	var in wire.LastAccessRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	ssos := make([]mdc.SSOID, 0, len(in.Sessions))
	for _, ref := range in.Sessions {
		ssos = append(ssos, mdc.SSOID(ref.SSOID))
	}
	times, err := s.c.Sessions.LastAccess(c.Request.Context(), c.partner(), ssos)
	if err != nil {
		return err
	}
	out := wire.LastAccessAnswer{Sessions: make([]wire.LastAccess, len(times))}
	for i, t := range times {
		if !t.IsZero() {
			out.Sessions[i].LastAccess = &t
		}
	}
	return c.answer(out)
}

func (s *Server) peerReserve(c *call) error {
	var in wire.ReserveRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	a, err := s.c.Sessions.Reserve(c.Request.Context(), c.partner(), session.ReserveRequest{Store: in.Store, User: in.User, SSOID: mdc.SSOID(in.SSOID), At: in.At, Release: in.Release})
	if err != nil {
		return err
	}
	out := wire.ReserveAnswer{Live: []string{}, LiveAt: []time.Time{}, Reserved: []wire.ReservedRef{}}
	for _, h := range a.Live {
		out.Live, out.LiveAt = append(out.Live, string(h.SSOID)), append(out.LiveAt, h.At)
	}
	for _, h := range a.Reserved {
		out.Reserved = append(out.Reserved, wire.ReservedRef{SSOID: string(h.SSOID), At: h.At})
	}
	return c.answer(out)
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
	have, err := s.c.Sessions.ReceiveRevocations(s.traced(c, ""), c.partner(), b)
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
