package topology

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxChain bounds what a partner may present.
const maxChain = 10_000

// Standing is where a data center stands among masters and clones, with the proof of its epoch.
type Standing struct {
	ClusterID     string
	Role          string // mdc.Role…
	Position      mdc.Position
	YieldedTo     string          // to whom it gave mastership up, while nobody has taken it over; "" = to nobody
	Promotions    []mdc.Promotion // the chain of its epoch, oldest first
	MastershipKey []byte          // Ed25519, 32 bytes; of the data center that answers
	Secured       bool            // of a master: a majority of the members stands in its epoch
}

// lineage is a position and the epochs that it came through.
type lineage struct {
	at    mdc.Position
	chain []mdc.Promotion // oldest first
}

func lineageOf(v *journal.Snapshot) (l lineage, err error) {
	if l.at, err = v.Position(); err != nil {
		return l, err
	}
	l.chain, err = v.Promotions()
	return l, err
}

// leaves gives where the lineage left an epoch; found is false when it never was in it.
func (l lineage) leaves(e mdc.Epoch) (at mdc.Position, found bool) {
	if l.at.Epoch == e {
		return l.at, true
	}
	for _, p := range l.chain {
		if p.Base.Epoch == e {
			return p.Base, true
		}
	}
	return mdc.Position{}, false
}

// epochs are those of the lineage, the newest first.
func (l lineage) epochs() []mdc.Epoch {
	out := []mdc.Epoch{l.at.Epoch}
	for i := len(l.chain) - 1; i >= 0; i-- {
		out = append(out, l.chain[i].Base.Epoch)
	}
	return out
}

// parts gives the last position that two lineages have in common; found is false when they have none: they are two topologies.
func parts(ours, theirs lineage) (at mdc.Position, found bool) {
	for _, e := range ours.epochs() {
		their, ok := theirs.leaves(e)
		if !ok {
			continue
		}
		our, _ := ours.leaves(e)
		if their.Sequence < our.Sequence {
			return their, true
		}
		return our, true
	}
	return at, false
}

// prove checks that a partner's later epoch follows from an epoch of ours by promotions that their promoters signed, without
// a gap, and gives where the two part. Faults: Forbidden foreign_epoch, broken_chain, bad_signature.
func (m *Mastership) prove(ctx context.Context, ours lineage, s Standing) (mdc.Position, error) {
	theirs := lineage{at: s.Position, chain: s.Promotions}
	at, found := parts(ours, theirs)
	if !found {
		return at, fault.New(fault.Forbidden, "foreign_epoch", "The epoch %s of %s does not come from an epoch of %s; it is another topology, or the chain of promotions is missing.", s.Position.Epoch, s.ClusterID, m.c.ClusterID)
	}
	next := at.Epoch
	for i := range s.Promotions {
		p := &s.Promotions[i]
		if p.Base.Epoch != next {
			continue // older than where we part
		}
		if len(p.Validate()) > 0 || p.Epoch.Number <= next.Number {
			return at, fault.New(fault.Forbidden, "broken_chain", "The promotion to epoch %s that %s presents makes no sense.", p.Epoch, s.ClusterID)
		}
		keys, err := m.keysOf(ctx, p.Epoch.ClusterID, s)
		if err != nil {
			return at, err
		}
		if !signedBy(p, keys) {
			return at, fault.New(fault.Forbidden, "bad_signature", "The promotion to epoch %s that %s presents is not signed by %s.", p.Epoch, s.ClusterID, p.Epoch.ClusterID)
		}
		next = p.Epoch
	}
	if next != s.Position.Epoch {
		return at, fault.New(fault.Forbidden, "broken_chain", "%s stands in epoch %s but presents promotions up to %s only.", s.ClusterID, s.Position.Epoch, next)
	}
	return at, nil
}

// keysOf gives the mastership keys that a data center is known by: the replicated one and, where the partner that answers is
// that data center, the one that it showed over its authenticated link. Where neither is known it is asked.
func (m *Mastership) keysOf(ctx context.Context, clusterID string, s Standing) (keys [][]byte, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		o, err := v.Get(mdc.DataCenterKeyKind(), clusterID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if k, ok := o.(*mdc.DataCenterKey); ok && len(k.MastershipKey) > 0 {
			keys = append(keys, k.MastershipKey)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read mastership key of %s: %w", clusterID, err)
	}
	if mdc.SameName(clusterID, m.c.ClusterID) {
		return append(keys, m.c.Signer.Public()), nil
	}
	if mdc.SameName(clusterID, s.ClusterID) {
		return append(keys, s.MastershipKey), nil
	}
	if len(keys) == 0 {
		if other, err := m.standingOf(ctx, clusterID); err == nil && mdc.SameName(other.ClusterID, clusterID) {
			keys = append(keys, other.MastershipKey)
		}
	}
	return keys, nil
}

// member says whether a data center is one of this topology: a registered partner that a replication agreement names, here
// or, by its key that every copy holds, elsewhere. Nobody else may present a promotion or take part in one.
func member(v *journal.Snapshot, clusterID string) (bool, error) {
	p, err := partner(v, clusterID)
	if err != nil || p == nil {
		return false, err
	}
	if _, known, err := v.Body(mdc.DataCenterKeyKind(), clusterID); err != nil || known {
		return known, err
	}
	list, err := all(v)
	for _, a := range list {
		if mdc.SameName(a.Source, clusterID) || mdc.SameName(a.Target, clusterID) {
			return true, err
		}
	}
	return false, err
}

func notMember(at, caller string) error {
	return fault.New(fault.Forbidden, "not_a_member", "%s is in no replication agreement of the topology of %s.", caller, at)
}
