package httpapi

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// verdict is how replication stands: healthy when every agreement is, the packages' contents are here, and a change can be
// acknowledged.
func (s *Server) verdict(ctx context.Context) (out wire.ReplicationStatus, err error) {
	pos, err := s.c.Journal.Position(ctx)
	if err != nil {
		return out, err
	}
	d, err := s.c.Model.DataCenter(ctx)
	if err != nil {
		return out, err
	}
	asMaster, err := s.c.Feed.Status(ctx)
	if err != nil {
		return out, err
	}
	asClone, err := s.c.Follower.Status(ctx)
	if err != nil {
		return out, err
	}
	out = wire.ReplicationStatus{ID: s.c.ClusterID, Role: d.Role, Epoch: pos.Epoch.Number, Sequence: pos.Sequence, Digest: pos.Digest, Healthy: true,
		Agreements: []wire.AgreementStatus{}}
	for _, st := range append(asMaster, asClone...) {
		view := s.agreementStatus(st)
		out.Agreements = append(out.Agreements, view)
		out.Healthy = out.Healthy && view.Healthy
	}
	if err := s.judgeBlobs(ctx, &out); err != nil {
		return out, err
	}
	return out, s.judgeMajority(ctx, &out)
}

// judgeMajority tells whether too few data centers answer for a change to be acknowledged (write_requires).
func (s *Server) judgeMajority(ctx context.Context, out *wire.ReplicationStatus) error {
	state, reason, err := s.c.Mastership.Majority(ctx)
	out.Majority = state
	if state != topology.MajorityLost {
		return err
	}
	out.Healthy = false
	if out.Reason != "" {
		reason += " Also: " + out.Reason
	}
	out.Reason = reason
	return err
}

// judgeSilence enters that a clone did not answer when it was asked last. The agreement itself notices that only when the
// clone has not asked for longer than a question may wait.
func judgeSilence(st *replication.Status, seen topology.PartnerState) {
	silent := !seen.Reachable && seen.LastErrorAt.After(seen.LastSuccess)
	if !silent || st.State == mdc.AgreementDisabled {
		return
	}
	st.State, st.Healthy = mdc.AgreementStale, false
	st.Reason = st.Target + " has not answered since this node started"
	if !seen.LastSuccess.IsZero() {
		st.Reason = st.Target + " has not answered since " + seen.LastSuccess.UTC().Format(time.RFC3339)
	}
}
