package app

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// Keyset asks the data center that sealed a cookie for its keys of a purpose, within the time that people wait for a session.
func (i *issuers) Keyset(ctx context.Context, clusterID, purpose string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, i.model.SessionPolicy().RetrievalMaxWait.D())
	defer cancel()
	var out wire.KeyBox
	err := i.links.do(ctx, clusterID, client.Request{Method: http.MethodPost, Path: "/peer/v1/keys/fetch", In: wire.KeysFetch{Purpose: purpose}, Out: &out})
	if err != nil {
		return nil, err
	}
	set, err := replication.OpenKeyBox(i.keys, clusterID, i.self, purpose, out.Sealed)
	if err != nil {
		return nil, err
	}
	return set.Keyset, nil
}
