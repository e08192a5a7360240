package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) matrixRoutes() []route {
	return []route{{method: http.MethodGet, path: "/v1/trust/matrix", summary: "Every edge between data centers: declared, reachable, mutual, in one mode, and until when", out: wire.TrustMatrix{}, needs: onAll(mdc.ActionRead, mdc.AreaTrust), handle: s.trustMatrix}}
}

func (s *Server) peerEdgeRoutes() []route {
	return []route{{method: http.MethodGet, path: "/peer/v1/edges", summary: "The edges from this data center; needs allow_management", out: wire.TrustMatrix{}, handle: s.peerEdges}}
}

func (s *Server) trustMatrix(c *call) error {
	all, err := s.c.Validator.Matrix(c.Request.Context())
	if err != nil {
		return err
	}
	return c.answer(s.matrix(all))
}

// peerEdges tells an active partner, when this data center's profile lets others manage it.
func (s *Server) peerEdges(c *call) error {
	all, err := s.c.Validator.AnswerEdges(c.Request.Context())
	if err != nil {
		return err
	}
	return c.answer(s.matrix(all))
}

func (s *Server) matrix(all []topology.Edge) wire.TrustMatrix {
	out := wire.TrustMatrix{ID: s.c.ClusterID, Sound: true, Edges: []wire.TrustEdge{}}
	for _, e := range all {
		out.Sound = out.Sound && e.Result != topology.EdgeBroken
		w := wire.TrustEdge{From: e.From, To: e.To, Result: e.Result, Reason: e.Reason, Declared: e.Declared, Trusted: e.Trusted, Reachable: e.Reachable, Mutual: e.Mutual,
			ModeEqual: e.ModeEqual, SecurityMode: e.Mode, VersionFits: e.Fits, Version: e.Version, AgreementState: e.Agreement}
		if !e.ExpiresAt.IsZero() {
			at := e.ExpiresAt.UTC()
			w.ExpiresAt = &at
		}
		out.Edges = append(out.Edges, w)
	}
	return out
}

// EdgesFromWire reads what another data center says of its edges. A result that this version does not know counts as unknown, and
// texts are cut.
func EdgesFromWire(all []wire.TrustEdge) []topology.Edge {
	out := make([]topology.Edge, 0, len(all))
	for _, w := range all {
		e := topology.Edge{From: clip(w.From), To: clip(w.To), Result: w.Result, Reason: cut(w.Reason, 500), Declared: w.Declared, Trusted: w.Trusted, Reachable: w.Reachable, Mutual: w.Mutual,
			ModeEqual: w.ModeEqual, Mode: clip(w.SecurityMode), Fits: w.VersionFits, Version: clip(w.Version), Agreement: clip(w.AgreementState)}
		switch e.Result {
		case topology.EdgeSound, topology.EdgeBroken, topology.EdgeAbsent:
		default:
			e.Result = topology.EdgeUnknown
		}
		if w.ExpiresAt != nil {
			e.ExpiresAt = *w.ExpiresAt
		}
		out = append(out, e)
	}
	return out
}

func cut(s string, limit int) string { return s[:min(len(s), limit)] }
