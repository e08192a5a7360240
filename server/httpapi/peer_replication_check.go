package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

func (s *Server) peerCheckRoutes() []route {
	one := "/peer/v1/replication/agreements/{id}"
	return []route{
		{method: http.MethodGet, path: one, summary: "Read the clone's half; for its master", out: wire.AgreementView{}, handle: s.peerHalf},
		{method: http.MethodPost, path: one + "/pull", summary: "Ask the master now; for that master", out: wire.AgreementStatus{}, handle: s.peerPull},
		{method: http.MethodPost, path: one + "/verify", summary: "Compare with the master, and repair; for that master", query: []string{"repair"}, out: wire.Verification{}, handle: s.peerVerify},
		{method: http.MethodPost, path: "/peer/v1/replication/digests", summary: "How the master's objects add up; for its clone", in: wire.PeerDigestsRequest{}, out: wire.PeerDigests{}, handle: s.peerDigests},
		{method: http.MethodPost, path: "/peer/v1/replication/objects", summary: "Single objects for a repair; for the master's clone", in: wire.PeerObjectsRequest{}, out: wire.PeerObjects{}, handle: s.peerObjects},
	}
}

// ofMaster gives the clone's half of an agreement to the data center that is its master, and to nobody else.
func (s *Server) ofMaster(c *call) (wire.AgreementView, error) {
	v, err := s.c.Agreements.Get(c.Request.Context(), c.Param("id"))
	if err == nil && (v.Side != mdc.SideClone || mdc.FoldName(v.Source) != mdc.FoldName(c.partner())) {
		err = fault.New(fault.NotFound, "not_found", "There is no replication agreement %q with %s here.", clip(c.Param("id")), c.partner())
	}
	return agreementView(v), err
}

func (s *Server) peerHalf(c *call) error {
	v, err := s.ofMaster(c)
	if err != nil {
		return err
	}
	return c.answer(v)
}

func (s *Server) peerPull(c *call) error {
	v, err := s.ofMaster(c)
	if err != nil {
		return err
	}
	st, err := s.pull(c.Request.Context(), v.Identifier)
	if err != nil {
		return err
	}
	return c.answer(st)
}

func (s *Server) peerVerify(c *call) error {
	repair, err := c.flag("repair")
	if err != nil {
		return err
	}
	v, err := s.ofMaster(c)
	if err != nil {
		return err
	}
	out, err := s.verify(c.Request.Context(), v.Identifier, repair)
	if err != nil {
		return err
	}
	return c.answer(out)
}

func (s *Server) peerDigests(c *call) error {
	var in wire.PeerDigestsRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	by, err := c.replica(in.Agreement)
	if err != nil {
		return err
	}
	q := replication.Question{Kind: in.Kind, Bucket: -1, After: in.After}
	if in.Bucket != nil {
		q.Bucket = *in.Bucket
	}
	d, err := s.c.Feed.Digests(c.Request.Context(), by, in.Agreement, q)
	if err != nil {
		return err
	}
	out := wire.PeerDigests{At: wirePosition(d.At), More: d.More}
	for kind, sum := range d.Kinds {
		if out.Kinds == nil {
			out.Kinds = map[string]wire.PeerSum{}
		}
		out.Kinds[kind] = wire.PeerSum(sum)
	}
	for _, sum := range d.Buckets {
		out.Buckets = append(out.Buckets, wire.PeerSum(sum))
	}
	for _, t := range d.Traces {
		out.Objects = append(out.Objects, wire.PeerTrace(t))
	}
	return c.answer(out)
}

func (s *Server) peerObjects(c *call) error {
	var in wire.PeerObjectsRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	by, err := c.replica(in.Agreement)
	if err != nil {
		return err
	}
	o, err := s.c.Feed.Objects(c.Request.Context(), by, in.Agreement, in.Kind, in.Names)
	if err != nil {
		return err
	}
	out := wire.PeerObjects{At: wirePosition(o.At), Objects: []wire.SnapshotLine{}, Names: o.Names}
	for _, i := range o.Items {
		out.Objects = append(out.Objects, wire.SnapshotLine{Kind: i.Kind, Name: i.Name, Body: i.Body, Sealed: i.Sealed})
	}
	return c.answer(out)
}

func wirePosition(p mdc.Position) wire.SnapshotBegin {
	return wire.SnapshotBegin{Epoch: p.Epoch.Number, EpochHolder: p.Epoch.ClusterID, Sequence: p.Sequence, Digest: p.Digest}
}

var (
	_ = wire.PeerSum(journal.Sum{}) // the two have the same fields
	_ = wire.PeerTrace(journal.Trace{})
)
