package app

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// Times for what takes longer than a hop.
const (
	pullTime    = 20 * time.Second
	verifyTime  = 2 * time.Minute
	digestsTime = time.Minute
)

// Digests asks a master how its objects add up.
func (s replicationSources) Digests(ctx context.Context, source, agreement string, q replication.Question) (out replication.Digests, err error) {
	in := wire.PeerDigestsRequest{Agreement: agreement, Kind: q.Kind, After: q.After}
	if q.Kind != "" && q.Bucket >= 0 {
		in.Bucket = &q.Bucket
	}
	header, err := s.shown(ctx, agreement)
	if err != nil {
		return out, err
	}
	var got wire.PeerDigests
	err = s.links.do(ctx, source, client.Request{Method: http.MethodPost, Path: "/peer/v1/replication/digests", Header: header, In: in, Out: &got, Timeout: digestsTime})
	out = replication.Digests{At: positionOf(got.At), More: got.More, Kinds: map[string]journal.Sum{}}
	for kind, sum := range got.Kinds {
		out.Kinds[kind] = journal.Sum(sum)
	}
	for _, sum := range got.Buckets {
		out.Buckets = append(out.Buckets, journal.Sum(sum))
	}
	for _, t := range got.Objects {
		out.Traces = append(out.Traces, journal.Trace(t))
	}
	return out, err
}

// Objects asks a master for single objects.
func (s replicationSources) Objects(ctx context.Context, source, agreement, kind string, names []string) (out replication.Objects, err error) {
	header, err := s.shown(ctx, agreement)
	if err != nil {
		return out, err
	}
	var got wire.PeerObjects
	err = s.links.do(ctx, source, client.Request{Method: http.MethodPost, Path: "/peer/v1/replication/objects", Header: header,
		In: wire.PeerObjectsRequest{Agreement: agreement, Kind: kind, Names: names}, Out: &got, Timeout: digestsTime})
	out = replication.Objects{At: positionOf(got.At), Names: got.Names}
	for _, l := range got.Objects {
		out.Items = append(out.Items, replication.Item{Item: journal.Item{Kind: l.Kind, Name: l.Name, Body: l.Body}, Sealed: l.Sealed})
	}
	return out, err
}

func positionOf(p wire.SnapshotBegin) mdc.Position {
	return mdc.Position{Epoch: mdc.Epoch{Number: p.Epoch, ClusterID: p.EpochHolder}, Sequence: p.Sequence, Digest: p.Digest}
}

// cloneCalls has clones do their half.
type cloneCalls struct{ links *links }

var _ httpapi.Clones = cloneCalls{}

// Pull has a clone ask its master, which is this data center.
func (k cloneCalls) Pull(ctx context.Context, clusterID, agreement string) (out wire.AgreementStatus, err error) {
	err = k.links.do(ctx, clusterID, client.Request{Method: http.MethodPost, Path: agreementPath(agreement) + "/pull", Out: &out, Timeout: pullTime})
	return out, err
}

// Verify has a clone compare itself with this data center.
func (k cloneCalls) Verify(ctx context.Context, clusterID, agreement string, repair bool) (out wire.Verification, err error) {
	err = k.links.do(ctx, clusterID, client.Request{Method: http.MethodPost, Path: agreementPath(agreement) + "/verify",
		Query: url.Values{"repair": {strconv.FormatBool(repair)}}, Out: &out, Timeout: verifyTime})
	return out, err
}

// Half reads a clone's half of an agreement.
func (k cloneCalls) Half(ctx context.Context, clusterID, agreement string) (out wire.AgreementView, err error) {
	err = k.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: agreementPath(agreement), Out: &out})
	return out, err
}
