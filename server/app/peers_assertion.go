package app

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
)

// assertionPartners asks partners for the keys of their assertions over the links.
type assertionPartners struct {
	partnerIDs
	links *links
}

var _ assertion.Partners = assertionPartners{}

// AssertionKeys asks one partner.
func (p assertionPartners) AssertionKeys(ctx context.Context, clusterID string) ([]assertion.Key, error) {
	var in wire.KeySet
	if err := p.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/assertion-keys", Out: &in}); err != nil {
		return nil, err
	}
	out := make([]assertion.Key, 0, len(in.Keys))
	for _, k := range in.Keys {
		out = append(out, assertion.Key(k))
	}
	return out, nil
}
