package app

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

const mastershipPath = "/peer/v1/mastership"

// mastershipLink carries questions of mastership, and conflict files, over the links.
type mastershipLink struct{ links *links }

var (
	_ topology.MastershipLink = mastershipLink{}
	_ topology.ConflictLink   = mastershipLink{}
)

// Standing asks a member where it stands.
func (l mastershipLink) Standing(ctx context.Context, clusterID string) (topology.Standing, error) {
	var out wire.PeerStanding
	err := l.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: mastershipPath, Out: &out})
	return httpapi.Standing(out), err
}

// Present tells a member where this data center stands.
func (l mastershipLink) Present(ctx context.Context, clusterID string, s topology.Standing) error {
	return l.post(ctx, clusterID, "", httpapi.WireStanding(s), nil, 0)
}

// Handover asks the master for a step.
func (l mastershipLink) Handover(ctx context.Context, clusterID string, h topology.Handover) (mdc.Position, error) {
	var out wire.PeerPosition
	err := l.post(ctx, clusterID, "/handover", wire.PeerHandover{Agreement: h.Agreement, Step: h.Step, Force: h.Force, At: wire.PeerPosition{Epoch: h.At.Epoch.Number,
		EpochHolder: h.At.Epoch.ClusterID, Sequence: h.At.Sequence, Digest: h.At.Digest}}, &out, topology.HandTime)
	return mdc.Position{Epoch: mdc.Epoch{Number: out.Epoch, ClusterID: out.EpochHolder}, Sequence: out.Sequence, Digest: out.Digest}, err
}

// Take asks a clone to take this master's place.
func (l mastershipLink) Take(ctx context.Context, clusterID string, wait time.Duration) (topology.Outcome, error) {
	var v wire.MastershipOutcome
	err := l.post(ctx, clusterID, "/take", wire.PeerTake{Wait: wait.String()}, &v, topology.TakeTime)
	out := topology.Outcome{ClusterID: v.ID, Role: v.Role, Epoch: mdc.Epoch{Number: v.Epoch, ClusterID: v.EpochHolder}, Base: mdc.Position{Sequence: v.BaseSequence},
		Changed: v.Changed, Forced: v.Forced, Master: v.Master, Former: v.FormerMaster, Reached: v.Reached, MayBeLost: v.MayBeLost}
	if v.Lost != nil {
		out.Lost = &topology.Range{First: v.Lost.First, Last: v.Lost.Last}
	}
	return out, err
}

// Follow asks a new master for its half of an agreement, and tells it the identity's hash. A master of an older version takes
// no identity and asks for none.
func (l mastershipLink) Follow(ctx context.Context, clusterID string, a mdc.Agreement, identity []byte) (mdc.Agreement, error) {
	in := wireAgreement(a)
	err := l.post(ctx, clusterID, "/follow", wire.PeerFollow{PeerAgreement: in, IdentityHash: identity}, nil, 0)
	if fault.Is(err, fault.Invalid) {
		err = l.post(ctx, clusterID, "/follow", in, nil, 0)
	}
	return a, err
}

func (l mastershipLink) post(ctx context.Context, clusterID, path string, in, out any, limit time.Duration) error {
	err := l.links.do(ctx, clusterID, client.Request{Method: http.MethodPost, Path: mastershipPath + path, In: in, Out: out, Timeout: limit})
	return err
}

// Conflicts lists a clone's conflict files.
func (l mastershipLink) Conflicts(ctx context.Context, clusterID string) (topology.ConflictList, error) {
	var in wire.PeerConflicts
	if err := l.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/replication/conflicts", Out: &in}); err != nil {
		return topology.ConflictList{}, err
	}
	return httpapi.ConflictList(in)
}

// Conflict reads one of a clone's conflict files.
func (l mastershipLink) Conflict(ctx context.Context, clusterID, id string, after uint64, limit int) (topology.ConflictPage, error) {
	var in wire.PeerConflict
	if err := l.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/replication/conflicts/" + url.PathEscape(id), Query: fromTo(after, limit), Out: &in}); err != nil {
		return topology.ConflictPage{}, err
	}
	return httpapi.ConflictPage(in)
}

func fromTo(after uint64, limit int) url.Values {
	return url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(limit)}}
}

// wireMastership makes the part that decides who is the master. It comes after replication and before what writes.
func (n *Node) wireMastership(context.Context) (err error) {
	link := mastershipLink{n.links}
	n.mastership, err = topology.NewMastership(topology.MastershipConfig{Log: n.journal, ClusterID: n.cfg.ClusterID, PublicKey: n.keys.Public(), Signer: n.signer,
		Link: link, ConflictLink: link, Conflicts: n.conflictDir(), Shelf: n.shelf(), Feed: n.feed, Follower: n.follower, Wake: n.follower.Wake,
		State: n.partners.State, Identities: n.identities, Copied: replication.Copied, Uncopied: replication.Discredited, Clock: n.opts.Clock, Logger: n.log,
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return n.acts.Append(tx, actEvent(configuration.Actor{Name: actor.Name, RequestID: actor.RequestID, Address: actor.Address}, action, target))
		}})
	return err
}
