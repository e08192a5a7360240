package httpapi

import (
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (s *Server) peerAuditRoutes() []route {
	return []route{{method: http.MethodGet, path: "/peer/v1/audit-events", summary: "A part of this data center's audit; needs allow_management", query: append(auditFilters(), "acts", "runtime"), out: wire.PeerAudit{}, handle: s.peerAudit}}
}

// peerAudit tells an active partner, when this data center's profile lets others manage it.
func (s *Server) peerAudit(c *call) error {
	if err := s.c.Validator.TellsAudit(c.Request.Context()); err != nil {
		return err
	}
	if !s.readers.allow(c.partner(), time.Now()) {
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", Message: "The audit is asked for too often. Try again.", RetryAfter: time.Second}
	}
	q, err := c.auditQuery()
	if err != nil {
		return err
	}
	from, err := c.auditPlace()
	if err != nil {
		return err
	}
	q.Limit = min(q.Limit, auditPart)
	p, err := s.c.Trail.Search(c.Request.Context(), q, from)
	if err != nil {
		return err
	}
	out := wire.PeerAudit{Records: []wire.AuditEvent{}, Acts: p.End.Acts, Runtime: p.End.Runtime, Done: p.Done, Bound: p.Bound.UTC()}
	for i := range p.Records {
		out.Records = append(out.Records, auditEvent(&p.Records[i]))
	}
	return c.answer(out)
}
