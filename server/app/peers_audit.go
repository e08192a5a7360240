package app

import (
	"context"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
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

// auditTries is how often a partner is asked that is asked too often.
const auditTries = 5

// Search asks one partner for a part.
func (a auditPeers) Search(ctx context.Context, clusterID string, q audit.Query, from audit.Place) (audit.Part, error) {
	for tries := 1; ; tries++ {
		var in wire.PeerAudit
		err := a.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/audit-events", Query: httpapi.AuditValues(q, from), Out: &in})
		if fault.CodeOf(err) != "too_many_requests" || tries == auditTries {
			return httpapi.AuditFromWire(clusterID, from, in), err
		}
		select { // an export asks for one part after the other
		case <-time.After(time.Second):
		case <-ctx.Done():
			return audit.Part{}, ctx.Err()
		}
	}
}
