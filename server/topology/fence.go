package topology

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Standing gives what this data center says of itself to a member. fault.Forbidden not_a_member.
func (m *Mastership) Standing(ctx context.Context, caller string) (out Standing, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		if err := m.admit(v, caller); err != nil {
			return err
		}
		s, err := look(v)
		if err != nil {
			return err
		}
		out = Standing{ClusterID: m.c.ClusterID, Role: s.role, Position: s.ours.at, YieldedTo: s.yielded.To, Promotions: s.ours.chain, MastershipKey: m.c.Signer.Public()}
		if s.role == mdc.RoleMaster {
			out.Secured, err = m.secured(v, s.ours.at.Epoch)
		}
		return err
	})
	return out, err
}

// Present takes a member's standing; s.ClusterID is the one that the caller's certificate proves. A later epoch with
// a whole proof is acted upon before this returns. Faults as of prove, and not_a_member.
func (m *Mastership) Present(ctx context.Context, s Standing) error {
	if len(s.Promotions) > maxChain {
		return fault.New(fault.TooLarge, "chain_too_long", "The chain has more than %d promotions.", maxChain)
	}
	if err := m.c.Log.View(ctx, func(v *journal.Snapshot) error { return m.admit(v, s.ClusterID) }); err != nil {
		return err
	}
	return m.consider(ctx, s)
}

// admit refuses who is no member.
func (m *Mastership) admit(v *journal.Snapshot, caller string) error {
	ok, err := member(v, caller)
	if err == nil && !ok {
		err = notMember(m.c.ClusterID, caller)
	}
	return err
}

func (m *Mastership) standingOf(ctx context.Context, clusterID string) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, standTime)
	defer cancel()
	s, err := m.c.Link.Standing(ctx, clusterID)
	if err == nil && (len(s.Promotions) > maxChain || !mdc.SameName(s.ClusterID, clusterID)) {
		err = fault.New(fault.Forbidden, "broken_chain", "%s gives no usable account of its standing.", clusterID)
	}
	return s, err
}

// consider compares a member's standing with ours and acts: a master that was overtaken is fenced and becomes a clone; a clone
// follows the new master; whom we have overtaken is told; who gave mastership up for us is relieved of it.
func (m *Mastership) consider(ctx context.Context, s Standing) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	now, err := m.situation(ctx)
	if err != nil || now.role == mdc.RoleStandalone {
		return err
	}
	followed := now.source()
	switch {
	case now.latest.Less(s.Position.Epoch):
		return m.later(ctx, now, s)
	case s.Position.Epoch.Less(now.latest):
		if now.role == mdc.RoleMaster && s.Role == mdc.RoleMaster {
			m.tell(ctx, s.ClusterID)
		}
	case now.role == mdc.RoleClone && followed != nil && mdc.SameName(followed.Source, s.ClusterID) && mdc.SameName(s.YieldedTo, m.c.ClusterID) && s.Position == now.ours.at:
		m.c.Logger.Info("completes the handover that was cut off", "from", s.ClusterID)
		_, err := m.raise(ctx, Actor{Name: "system:handover"}, false, &s.Position, 0)
		return err
	}
	return nil
}

// later deals with an epoch later than any that was proved here.
func (m *Mastership) later(ctx context.Context, now situation, s Standing) error {
	base, err := m.prove(ctx, now.ours, s)
	if err != nil {
		return err
	}
	holder, followed := s.Position.Epoch.ClusterID, now.source()
	switch {
	case mdc.SameName(holder, m.c.ClusterID):
		// An epoch of our own that we know nothing of: this data center came back from an old backup.
		m.fence(s)
		return fault.New(fault.Conflict, "restored", "%s was the master in epoch %s and has lost it; promote a data center that has it.", holder, s.Position.Epoch)
	case followed != nil && mdc.SameName(followed.Source, holder):
		return m.reFollow(ctx, *followed, s.Position.Epoch)
	}
	return m.overtaken(ctx, now, s, base)
}

// reFollow notes that the master that is followed here began an epoch, which comes with its journal, and that it may lack its
// half of the agreement.
func (m *Mastership) reFollow(ctx context.Context, a mdc.Agreement, latest mdc.Epoch) error {
	defer m.c.Wake(a.Source)
	return m.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if err := writeKey(tx.Writer(), latestKey, latest); err != nil {
			return err
		}
		return tx.Writer().Put([]byte(followPrefix+a.Identifier), []byte{1}, 0)
	})
}

// overtaken obeys a later epoch that was proved: whose changes nobody else has are kept in a file first (SEC-50, FLT-17).
func (m *Mastership) overtaken(ctx context.Context, now situation, s Standing, base mdc.Position) error {
	holder := s.Position.Epoch.ClusterID
	for range 16 {
		if err := m.contest(ctx, s, base); err != nil {
			return err
		}
		if now.role == mdc.RoleMaster {
			m.fence(s) // what was let through before that moves the position, and is weighed again
		}
		kept, found, err := m.c.Log.KeepTail(ctx, m.c.Conflicts, base, s.Position.Epoch)
		if err != nil {
			return err
		}
		if found {
			m.c.Logger.Error("changes that the new master does not have are kept as a conflict file", "file", kept.ID, "records", kept.Records, "master", holder, "epoch", s.Position.Epoch.String())
		}
		lost, err := m.wentBack(ctx, now, s)
		if err != nil {
			return err
		}
		err = m.becomeClone(ctx, turning{actor: partnerActor(s.ClusterID), master: holder, action: "follow", lost: lost}, func(tx *journal.Tx) error {
			if pos, err := tx.Position(); err != nil || pos != now.ours.at {
				return errors.Join(err, errMoved)
			}
			return writeKey(tx.Writer(), latestKey, s.Position.Epoch)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
		if now, err = m.situation(ctx); err != nil {
			return err
		}
		if base, err = m.prove(ctx, now.ours, s); err != nil {
			return err
		}
	}
	return fault.New(fault.Conflict, "contended", "This data center's journal keeps moving; try again.")
}

// wentBack says whether this master stands on a backup: the new one has more of the epoch in which they part, or other changes than we have
// up to there. A tail after that place is then not all that only we have.
func (m *Mastership) wentBack(ctx context.Context, now situation, s Standing) (back bool, err error) {
	part, _ := parts(now.ours, lineage{at: s.Position, chain: s.Promotions})
	theirs, found := lineage{at: s.Position, chain: s.Promotions}.leaves(part.Epoch)
	if now.role != mdc.RoleMaster || !found || part.Epoch != now.ours.at.Epoch {
		return false, nil
	}
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		pos, err := v.Position()
		if err == nil {
			back, err = v.Rewritten(theirs)
		}
		back = back || pos.Sequence < theirs.Sequence
		return err
	})
	if back {
		m.c.Logger.Error("this data center went back behind what it had acknowledged and takes a new copy from the new master; what it has otherwise is kept as a conflict file", "master", s.ClusterID, "epoch", s.Position.Epoch.String())
	}
	return back, err
}

// KeepFork keeps what source, which this clone is about to copy from anew, does not have because it began another epoch before.
// The follower asks for it (Config.Fork of replication).
func (m *Mastership) KeepFork(ctx context.Context, source string) error {
	now, err := m.situation(ctx)
	if err != nil {
		return err
	}
	s, err := m.standingOf(ctx, source)
	if err != nil {
		if refused(err) {
			return nil // an older version: it was never promoted
		}
		return err
	}
	base, found := parts(now.ours, lineage{at: s.Position, chain: s.Promotions})
	if !found {
		return nil // a copy from another topology
	}
	_, _, err = m.c.Log.KeepTail(ctx, m.c.Conflicts, base, s.Position.Epoch)
	return err
}

// KeepOwn keeps the objects made here that the first copy from source replaces, as a conflict file (MSS-03), and gives its
// name; "" = there are none. What was copied from that source before, and not changed since, is its own. The follower asks for
// it (Config.Overwrite of replication).
func (m *Mastership) KeepOwn(ctx context.Context, source string, staged *journal.Staging, winner mdc.Epoch) (kept string, err error) {
	theirs := false
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		pos, err := v.Position()
		if err == nil {
			theirs, err = copiedFrom(v, pos, source)
		}
		return err
	})
	if err != nil || theirs {
		return "", err
	}
	c, found, err := staged.KeepDisplaced(ctx, m.c.Conflicts, winner)
	if err != nil || !found {
		return "", err
	}
	return c.ID, nil
}

var errMoved = errors.New("the journal moved on meanwhile")

// fence refuses every change from now on.
func (m *Mastership) fence(s Standing) {
	holder := s.Position.Epoch.ClusterID
	f := fault.New(fault.Conflict, "fenced", "%s is the master since epoch %s; this data center (%s) was overtaken and takes no more changes.", holder, s.Position.Epoch, m.c.ClusterID)
	f.Hint = m.c.State(holder).Hello.AdminURL
	m.mu.Lock()
	defer m.mu.Unlock()
	again := m.fenced != nil
	m.fenced, m.fencer = f, holder
	m.thawLocked()
	if again {
		return
	}
	m.c.Logger.Error("fenced: another data center was promoted", "master", holder, "epoch", s.Position.Epoch.String())
}
