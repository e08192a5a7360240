package topology

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// turning is how a data center becomes a clone.
type turning struct {
	actor          Actor
	master, action string
	lost           bool // what it has is not what the new master has from it: it takes a first copy, which keeps what it has otherwise
}

// becomeClone makes this data center follow master, in a transaction in which decide says whether it may. Who waits for work is
// told, and a master that is no partner is logged, when it is committed.
func (m *Mastership) becomeClone(ctx context.Context, t turning, decide func(*journal.Tx) error) error {
	followed := false
	err := m.c.Log.Update(ctx, func(tx *journal.Tx) (err error) {
		tx.Ungated()
		if err := decide(tx); err != nil {
			return err
		}
		followed, err = m.turnTo(tx, t)
		return err
	})
	if err != nil {
		return err
	}
	if !followed {
		m.c.Logger.Error("the new master is no partner here; this data center follows nobody until it is registered and an agreement is made", "master", t.master)
	}
	m.work()
	return nil
}

// turnTo turns the agreement with master round, which keeps its identifier; followed is false where there is none that could be. As master
// this data center lets its other clones go: they follow the new master by themselves, where they are partners of it.
func (m *Mastership) turnTo(tx *journal.Tx, t turning) (followed bool, err error) {
	actor, master := t.actor, t.master
	d, err := tx.DataCenter()
	if err != nil {
		return false, err
	}
	if d.Role != mdc.RoleClone {
		d.Role, d.WriteEnabled = mdc.RoleClone, nil
		if err := tx.Put(mdc.DataCenterKind(), d, actor.Name); err != nil {
			return false, err
		}
	}
	list, err := all(&tx.Snapshot)
	if err != nil {
		return false, err
	}
	p, err := partner(&tx.Snapshot, master)
	if err != nil {
		return false, err
	}
	keep := chosen(list, master, p)
	for _, a := range list {
		if keep != nil && a.Identifier == keep.Identifier || p == nil && a.Side == mdc.SideClone {
			continue
		}
		if err := drop(tx, m.c.Identities, actor, a.Identifier); err != nil {
			return false, err
		}
	}
	if keep != nil {
		if err := m.turnRound(tx, t, *keep, p.ClusterID); err != nil {
			return false, err
		}
	}
	return keep != nil, m.c.Audit(tx.Writer(), actor, t.action, mdc.DataCenterKind().Name+"/"+master)
}

// chosen gives the one agreement that a data center goes on with under a new master: the one with that master, else the one in
// which it is a clone. nil without a registered partner to follow, or without any.
func chosen(list []mdc.Agreement, master string, p *mdc.Partner) *mdc.Agreement {
	if p == nil {
		return nil
	}
	var best *mdc.Agreement
	for i := range list {
		a := &list[i]
		switch {
		case mdc.SameName(a.Target, master) || mdc.SameName(a.Source, master):
			return a
		case best == nil || a.Side == mdc.SideClone:
			best = a
		}
	}
	return best
}

// turnRound makes the agreement one in which this data center is master's clone. A half with a clone that is not the new master goes
// on between those two, so it gives its settings only.
func (m *Mastership) turnRound(tx *journal.Tx, t turning, a mdc.Agreement, master string) error {
	actor := t.actor
	wasMaster := a.Side == mdc.SideMaster
	if wasMaster && !mdc.SameName(a.Target, master) {
		if err := drop(tx, m.c.Identities, actor, a.Identifier); err != nil {
			return err
		}
		a.Identifier = newIdentifier(master, m.c.ClusterID)
	}
	a.Side, a.Source, a.Target = mdc.SideClone, master, m.c.ClusterID
	if err := tx.Put(mdc.AgreementKind(), &a, actor.Name); err != nil {
		return err
	}
	switch {
	case wasMaster && t.lost:
		if err := m.c.Uncopied(tx, a.Identifier, "this data center went back behind what "+master+" has from it; a new copy is taken"); err != nil {
			return err
		}
	case wasMaster: // the configuration is here; a clone keeps what it knows of its copy
		if err := m.c.Copied(tx, a.Identifier, "follows "+master+", the new master"); err != nil {
			return err
		}
	}
	return introduce(tx, m.c.Identities, a.Identifier)
}
