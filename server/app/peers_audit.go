package app

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// auditPeers reads partners' audits over the links.
type auditPeers struct {
	partnerIDs
	links *links
}

var _ httpapi.AuditPeers = auditPeers{}

// Search asks one partner for a part.
func (a auditPeers) Search(ctx context.Context, clusterID string, q audit.Query, from audit.Place) (audit.Part, error) {
	var in wire.PeerAudit
	err := a.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/audit-events", Query: httpapi.AuditValues(q, from), Out: &in})
	return httpapi.AuditFromWire(clusterID, from, in), err
}
