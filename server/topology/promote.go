package topology

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Waits of a planned promotion.
const (
	DefaultWait = 5 * time.Second  // for the candidate to come close to the master's position, changes going on
	MaxWait     = 60 * time.Second // that a caller may ask for
	freezeTime  = 3 * time.Second  // that changes may be held for it; then the master goes on by itself
)

// Change asks for a change of mastership.
type Change struct {
	Force bool          // also without the other side's consent, whatever is lost
	Wait  time.Duration // 0 = DefaultWait
	To    string        // of a demotion: the successor; "" = the clone that has most
}

func (c Change) normal() Change {
	if c.Wait <= 0 {
		c.Wait = DefaultWait
	}
	c.Wait = min(c.Wait, MaxWait)
	return c
}

// Range is a run of sequences, both ends included.
type Range struct{ First, Last uint64 }

// Outcome is what came of a change of mastership.
type Outcome struct {
	ClusterID string // who answers
	Role      string
	Epoch     mdc.Epoch
	Base      mdc.Position // where the new epoch begins; zero when nothing changed
	Changed   bool
	Forced    bool
	Master    string // who is the master now, "" = nobody
	Former    string // who was it before, "" = nobody or the same
	Reached   bool   // the former master took part
	// Lost are sequences of the former master that the new one does not have. MayBeLost says that there may be others behind
	// them: the former master could not be asked what it acknowledged last.
	Lost      *Range
	MayBeLost bool
}

// Promote makes this data center the master. Planned, its master holds changes, this data center reaches the master's exact
// position, the roles are swapped and the agreement between the two is turned round: nothing is lost. Where that cannot be done
// the answer is a Conflict that says which sequences would be lost, and with Force it is done all the same. At a master it does
// nothing; with Force it begins a new epoch, later than every one it has heard of.
//
// What was changed on this clone alone is never made everybody's by a promotion: it refuses with diverged, or with Force keeps
// those changes as a conflict file.
//
// Faults: Conflict not_a_clone, no_copy, diverged, master_unreachable, not_in_step, not_the_master, contended; Unavailable handover_unknown.
func (m *Mastership) Promote(ctx context.Context, actor Actor, c Change) (Outcome, error) {
	c = c.normal()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Wait+4*freezeTime) // a caller that leaves must not cut it in half
	defer cancel()
	if err := m.lock(ctx); err != nil {
		return Outcome{}, err
	}
	defer m.unlock()
	now, err := m.situation(ctx)
	if err != nil {
		return Outcome{}, err
	}
	switch followed := now.source(); {
	case now.role == mdc.RoleClone && now.ours.at.Sequence == 0:
		return Outcome{}, noCopy(m.c.ClusterID)
	case now.role == mdc.RoleClone && now.edits > 0 && !c.Force:
		return Outcome{}, diverged(m.c.ClusterID, now.edits, "Call again then, or with force (concord promote --force) to keep them as a conflict file, from which they can be applied anew")
	case now.role == mdc.RoleMaster && !c.Force:
		return m.unchanged(now), nil
	case now.role == mdc.RoleStandalone:
		return Outcome{}, fault.New(fault.Conflict, "not_a_clone", "%s is standalone: there is no master whose place it could take. Declare role = \"master\" on it.", m.c.ClusterID)
	case now.role == mdc.RoleMaster:
		return m.promote(ctx, actor, Outcome{Forced: true}, nil)
	case followed == nil:
		return m.orphan(ctx, actor, c.Force)
	default:
		return m.succeed(ctx, actor, *followed, c)
	}
}

// noCopy refuses to make a master of a data center that holds no configuration, or not yet all of one: its emptiness would be
// the new epoch's, and everybody would follow it.
func noCopy(clusterID string) error {
	return fault.New(fault.Conflict, "no_copy", "%s has no whole copy of its master's configuration, so it is not promoted, not even by force: everybody would lose what it lacks. Promote a data center that has one.", clusterID)
}

func (m *Mastership) unchanged(now situation) Outcome {
	out := Outcome{ClusterID: m.c.ClusterID, Role: now.role, Epoch: now.ours.at.Epoch, Master: m.c.ClusterID}
	if now.role != mdc.RoleMaster {
		out.Master = ""
		if a := now.source(); a != nil {
			out.Master = a.Source
		}
	}
	return out
}

// orphan promotes a clone that follows nobody.
func (m *Mastership) orphan(ctx context.Context, actor Actor, force bool) (Outcome, error) {
	if !force {
		return Outcome{}, fault.New(fault.Conflict, "master_unreachable", "%s follows no master that could hand over. What a master may have acknowledged after its last copy would be lost; call again with force (concord promote --force) to accept that.", m.c.ClusterID)
	}
	return m.promote(ctx, actor, Outcome{Forced: true, MayBeLost: true}, nil)
}

// succeed takes the place of the master that is followed.
func (m *Mastership) succeed(ctx context.Context, actor Actor, a mdc.Agreement, c Change) (Outcome, error) {
	if state, _, _, err := m.c.Follower.Progress(ctx, a); err != nil || state == mdc.AgreementBootstrapping {
		return Outcome{}, cmp.Or(err, noCopy(m.c.ClusterID))
	}
	out := Outcome{Former: a.Source, Reached: true}
	at, err := m.handover(ctx, a, c.Wait)
	if err == nil {
		return m.promote(ctx, actor, out, &at)
	}
	refusal, plain := m.refusal(ctx, a, err)
	if !plain || !c.Force {
		return Outcome{}, refusal.err
	}
	out.Forced, out.Reached, out.Lost, out.MayBeLost = true, refusal.reached, refusal.lost, !refusal.reached
	if refusal.reached {
		own, err := m.c.Log.Position(ctx)
		if err != nil {
			return Outcome{}, err
		}
		_, err = m.c.Link.Handover(ctx, a.Source, Handover{Agreement: a.Identifier, Step: StepYield, At: own, Force: true})
		if fault.CodeOf(err) == codeAhead {
			return Outcome{}, err
		}
		if err != nil {
			out.MayBeLost = !refused(err) // it may go on until it hears of the new epoch
			m.c.Logger.Warn("the former master could not be told to step down; it will hear of the new epoch", "master", a.Source, "error", err)
		}
	}
	return m.promote(ctx, actor, out, nil)
}

// promote raises the epoch and completes the outcome. Members are told by Run.
func (m *Mastership) promote(ctx context.Context, actor Actor, out Outcome, want *mdc.Position) (Outcome, error) {
	p, err := m.raise(ctx, actor, out.Forced, want, 0)
	if err != nil {
		return Outcome{}, err
	}
	out.ClusterID, out.Role, out.Master, out.Changed = m.c.ClusterID, mdc.RoleMaster, m.c.ClusterID, true
	out.Epoch, out.Base = p.Epoch, p.Base
	m.c.Logger.Warn("this data center is the master now", "epoch", p.Epoch.String(), "base", p.Base.Sequence, "forced", p.Forced, "former", out.Former)
	return out, nil
}

// raise begins an epoch of this data center's own, in one transaction with its role and its agreements. With want it does so at
// that position only; a forced one is later than the number above, too.
func (m *Mastership) raise(ctx context.Context, actor Actor, forced bool, want *mdc.Position, above uint64) (mdc.Promotion, error) {
	heard, err := m.highest(ctx)
	if err != nil {
		return mdc.Promotion{}, err
	}
	var p *mdc.Promotion
	failpoint.Here("promote.raise")
	err = m.withoutEdits(ctx, func(tx *journal.Tx) (err error) {
		tx.Ungated()
		now, err := look(&tx.Snapshot)
		if err != nil {
			return err
		}
		if want != nil && now.ours.at != *want {
			return fault.New(fault.Conflict, "contended", "%s moved on while it was promoted; try again.", m.c.ClusterID)
		}
		number := now.ours.at.Epoch.Number
		if forced {
			number = max(number, now.latest.Number, heard, above)
		}
		if p, err = begin(tx, m.c.Signer, m.c.Clock.Now(), mdc.Epoch{Number: number + 1, ClusterID: m.c.ClusterID}, forced, actor); err != nil {
			return err
		}
		if err := putKey(tx, actor, mdc.DataCenterKey{ClusterID: m.c.ClusterID, PublicKey: m.c.PublicKey, MastershipKey: m.c.Signer.Public()}); err != nil {
			return err
		}
		return m.becomeMaster(tx, actor, now)
	})
	if err != nil {
		return mdc.Promotion{}, err
	}
	failpoint.Here("promote.raised")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fenced, m.unproved, m.announce = nil, false, true
	m.thawLocked()
	m.work()
	return *p, nil
}

// begin writes the signed promotion to an epoch at the transaction's position.
func begin(tx *journal.Tx, signer *Signer, at time.Time, epoch mdc.Epoch, forced bool, actor Actor) (*mdc.Promotion, error) {
	pos, err := tx.Position()
	if err != nil {
		return nil, err
	}
	p := &mdc.Promotion{Epoch: epoch, Base: pos, Time: at, Forced: forced}
	if err := signer.sign(p); err != nil {
		return nil, err
	}
	return p, tx.Raise(p, actor.Name)
}

// becomeMaster turns the agreements round in which this data center was a clone. They keep their identifiers.
func (m *Mastership) becomeMaster(tx *journal.Tx, actor Actor, now situation) error {
	d, err := tx.DataCenter()
	if err != nil {
		return err
	}
	d.Role, d.WriteEnabled = mdc.RoleMaster, nil
	if err := tx.Put(mdc.DataCenterKind(), d, actor.Name); err != nil {
		return err
	}
	for _, a := range now.halves {
		if a.Side != mdc.SideClone {
			continue
		}
		a.Side, a.Source, a.Target, a.StartingSequence = mdc.SideMaster, m.c.ClusterID, a.Source, now.ours.at.Sequence
		if err := tx.Put(mdc.AgreementKind(), &a, actor.Name); err != nil {
			return err
		}
		if err := m.c.Identities.Forget(tx.Writer(), a.Identifier); err != nil { // the clone makes one of its own, and follows with it
			return err
		}
		if err := tx.Writer().Delete([]byte(followPrefix + a.Identifier)); err != nil {
			return err
		}
	}
	for _, key := range []string{yieldedKey, latestKey} {
		if err := tx.Writer().Delete([]byte(key)); err != nil {
			return err
		}
	}
	return m.c.Audit(tx.Writer(), actor, "promote", mdc.DataCenterKind().Name+"/"+m.c.ClusterID)
}

// highest gives the greatest epoch number that any member has shown.
func (m *Mastership) highest(ctx context.Context) (number uint64, err error) {
	ids, err := m.members(ctx)
	if err != nil {
		return 0, fmt.Errorf("read members: %w", err)
	}
	for _, id := range ids {
		number = max(number, m.c.State(id).Hello.Epoch.Number)
	}
	return number, nil
}
