package topology

import (
	"bytes"
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// writeHalf writes the master's half, marked as half made, the keys of both data centers, and an epoch of this master's own.
func (s *Agreements) writeHalf(ctx context.Context, actor Actor, in mdc.Agreement, target string, half *mdc.Agreement, key mdc.DataCenterKey) (*mdc.Agreement, error) {
	next := in
	next.Source, next.Target, next.Side = s.c.ClusterID, target, mdc.SideMaster
	if half != nil {
		next.Identifier = half.Identifier
	} else {
		next.Identifier = newIdentifier(next.Source, next.Target)
	}
	err := s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := s.unchanged(tx, in, half); err != nil {
			return err
		}
		if err := s.c.MayJoin(&tx.Snapshot); err != nil {
			return err
		}
		tx.Alone() // the clone has nothing yet, and its own first copy brings it this change
		if err := s.ownEpoch(tx, actor); err != nil {
			return err
		}
		if err := putKey(tx, actor, mdc.DataCenterKey{ClusterID: s.c.ClusterID, PublicKey: s.c.PublicKey, MastershipKey: s.c.Signer.Public()}); err != nil {
			return err
		}
		if err := putKey(tx, actor, key); err != nil {
			return err
		}
		pos, err := tx.Position()
		if err != nil {
			return err
		}
		next.StartingSequence = pos.Sequence
		if err := tx.Writer().Put([]byte(pendingPrefix+next.Identifier), []byte{1}, 0); err != nil {
			return err
		}
		return s.put(tx, actor, next)
	})
	return &next, err
}

// unchanged repeats the checks of plan inside the transaction.
func (s *Agreements) unchanged(tx *journal.Tx, in mdc.Agreement, half *mdc.Agreement) error {
	if err := s.isMaster(&tx.Snapshot, in); err != nil {
		return err
	}
	p, err := partner(&tx.Snapshot, in.Target)
	if err != nil {
		return err
	}
	if p == nil {
		return partnerMissing(s.c.ClusterID, in.Target, "/target")
	}
	now, err := s.present(&tx.Snapshot, in)
	if err == nil && (now == nil) != (half == nil) {
		return fault.New(fault.Conflict, "contended", "The agreement was changed by somebody else; try again.")
	}
	return err
}

// ownEpoch begins an epoch of this data center's own when its journal is one that it copied while it was a clone: two
// masters must never go on in one epoch.
func (s *Agreements) ownEpoch(tx *journal.Tx, actor Actor) error {
	pos, err := tx.Position()
	if err != nil || pos.Epoch.ClusterID == s.c.ClusterID {
		return err
	}
	_, err = begin(tx, s.c.Signer, s.c.Clock.Now(), mdc.Epoch{Number: pos.Epoch.Number + 1, ClusterID: s.c.ClusterID}, false, actor)
	return err
}

// putKey keeps the public keys of a member. An older version that shows no mastership key does not take away the one known.
func putKey(tx *journal.Tx, actor Actor, k mdc.DataCenterKey) error {
	kind := mdc.DataCenterKeyKind()
	body, found, err := tx.Body(kind, k.ClusterID)
	if err != nil {
		return err
	}
	if o, err := kind.Decode(body); found && err == nil && len(k.MastershipKey) == 0 {
		if old, ok := o.(*mdc.DataCenterKey); ok && bytes.Equal(old.PublicKey, k.PublicKey) {
			k.MastershipKey = old.MastershipKey
		}
	}
	want, err := mdc.Encode(&k)
	if err != nil || found && bytes.Equal(want, body) {
		return err
	}
	return tx.Put(kind, &k, actor.Name)
}
