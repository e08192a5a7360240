package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) nodeRoutes() []route {
	return []route{{method: http.MethodGet, path: "/v1/nodes", summary: "The nodes of this data center that are alive, and which of them works for all", out: wire.Nodes{},
		needs: onAll(mdc.ActionRead, mdc.DataCenterKind().Name), handle: s.nodes}}
}

func (s *Server) nodes(c *call) error {
	all, err := s.c.Nodes.List(c.Request.Context())
	if err != nil {
		return err
	}
	out := wire.Nodes{ClusterID: s.c.ClusterID, Nodes: make([]wire.Node, len(all))}
	for i, n := range all {
		out.Nodes[i] = wire.Node{NodeName: n.Name, Version: n.Version, State: n.State, Reasons: n.Reasons, Works: n.Works,
			AdminURL: n.Admin, RuntimeURL: n.Runtime, PeerURL: n.Peer, StartedAt: n.StartedAt, SeenAt: n.SeenAt}
	}
	c.JSON(http.StatusOK, out)
	return nil
}
