package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// label puts on every answer of the peer listener who answers (begin has the cluster id), in which version and epoch, and when.
func (s *Server) label(g *gin.Context) {
	h := g.Writer.Header()
	h.Set(wire.HeaderVersion, s.c.Version)
	h.Set(wire.HeaderEpoch, s.c.Epoch().String())
	h.Set(wire.HeaderTime, s.c.Clock.Now().UTC().Format(time.RFC3339Nano))
}

// provePeer proves the partner, then refuses one whose version is more than one minor version apart: what it means by a message
// may not be what this version reads. A hello is answered all the same, so that tests can say what is wrong, and so is a standing
// with its signed proof: a master that was overtaken must learn of it, whatever it runs (CAMS-03, FLT-17).
func (s *Server) provePeer(g *gin.Context) {
	s.provePartner(g)
	theirs := g.GetHeader(wire.HeaderVersion)
	if g.IsAborted() {
		return
	}
	switch g.FullPath() {
	case peerHelloPath, peerStandingPath, "/openapi.json":
		return
	}
	gap, known := topology.VersionGap(s.c.Version, theirs)
	if !known || gap >= -1 && gap <= 1 {
		return
	}
	c := &call{Context: g}
	older := c.partner()
	if gap > 0 {
		older = s.c.ClusterID
	}
	c.fail(fault.New(fault.Conflict, "version_gap", "%s runs %s and %s asks in version %s; only neighbouring versions work together. Upgrade %s, step by step.",
		s.c.ClusterID, s.c.Version, c.partner(), clip(theirs), older))
}

// What is answered in every version.
const (
	peerHelloPath    = "/peer/v1/hello"
	peerStandingPath = "/peer/v1/mastership"
)
