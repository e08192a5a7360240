package topology

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// yield makes this master the clone of caller. That it still stands at the position is checked in the transaction, so nothing
// that was acknowledged lies behind it, whether or not changes are still held.
func (m *Mastership) yield(ctx context.Context, caller string, h Handover) (at mdc.Position, err error) {
	if h.Force {
		err := m.c.Log.View(ctx, func(v *journal.Snapshot) error { return m.mayYield(v, caller, h.At) })
		if err != nil {
			return at, err
		}
		if err := m.keepAfter(ctx, h.At, caller); err != nil {
			return at, err
		}
	}
	err = m.becomeClone(ctx, turning{actor: partnerActor(caller), master: caller, action: "demote"}, func(tx *journal.Tx) error {
		if err := m.handable(&tx.Snapshot, caller, h); err != nil {
			return err
		}
		if at, err = tx.Position(); err != nil {
			return err
		}
		if h.Force {
			if err := m.mayYield(&tx.Snapshot, caller, h.At); err != nil {
				return err
			}
		}
		if at != h.At && !h.Force {
			return fault.New(fault.Conflict, "moved_on", "%s stands at sequence %d now, not at %d.", m.c.ClusterID, at.Sequence, h.At.Sequence)
		}
		return writeKey(tx.Writer(), yieldedKey, yielded{To: caller, At: at})
	})
	if err != nil {
		return at, err
	}
	failpoint.Here("handover.yielded")
	m.mu.Lock()
	m.thawLocked()
	m.mu.Unlock()
	return at, nil
}

// keepAfter keeps what the caller of a forced handover does not have, before this data center lets go.
func (m *Mastership) keepAfter(ctx context.Context, at mdc.Position, caller string) error {
	pos, err := m.c.Log.Position(ctx)
	if err != nil {
		return err
	}
	if at.Epoch != pos.Epoch || at.Sequence > pos.Sequence {
		return fault.New(fault.Conflict, "moved_on", "%s stands at sequence %d of epoch %s; the position of %s does not lie on that.", m.c.ClusterID, pos.Sequence, pos.Epoch, caller)
	}
	_, _, err = m.c.Log.KeepTail(ctx, m.c.Conflicts, at, mdc.Epoch{Number: pos.Epoch.Number + 1, ClusterID: caller})
	return err
}
