package app

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// edgeCalls asks partners for their own edges.
type edgeCalls struct{ links *links }

// Ask gives what a partner says of the edges from it.
func (e edgeCalls) Ask(ctx context.Context, clusterID string) ([]topology.Edge, error) {
	var out wire.TrustMatrix
	if err := e.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/edges", Out: &out, Timeout: -1}); err != nil {
		return nil, err
	}
	return httpapi.EdgesFromWire(out.Edges), nil
}

// domains gives what the security domains of a partner hold.
func (e edgeCalls) domains(ctx context.Context, clusterID string) (journal.Domains, error) {
	var out wire.PeerDomains
	if err := e.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/security-domains", Out: &out, Timeout: -1}); err != nil {
		return journal.Domains{}, err
	}
	return httpapi.DomainsFromWire(out)
}

// Stores gives what a partner says of its identity stores.
func (e edgeCalls) Stores(ctx context.Context, clusterID string) ([]topology.Store, error) {
	var out wire.PeerIdentityStores
	if err := e.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/identity-stores", Out: &out, Timeout: -1}); err != nil {
		return nil, err
	}
	return httpapi.StoresFromWire(out.Stores), nil
}
