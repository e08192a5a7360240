package topology

import (
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// becomeClone makes this data center follow master: the agreement with it is turned round and keeps its identifier. As master
// this data center lets its other clones go: they follow the new master by themselves, where they are partners of it.
func (m *Mastership) becomeClone(tx *journal.Tx, actor Actor, master, action string) error {
	d, err := tx.DataCenter()
	if err != nil {
		return err
	}
	if d.Role != mdc.RoleClone {
		d.Role, d.WriteEnabled = mdc.RoleClone, nil
		if err := tx.Put(mdc.DataCenterKind(), d, actor.Name); err != nil {
			return err
		}
	}
	list, err := all(&tx.Snapshot)
	if err != nil {
		return err
	}
	p, err := partner(&tx.Snapshot, master)
	if err != nil {
		return err
	}
	keep := chosen(list, master, p)
	for _, a := range list {
		if keep != nil && a.Identifier == keep.Identifier || p == nil && a.Side == mdc.SideClone {
			continue
		}
		if err := drop(tx, m.c.Identities, actor, a.Identifier); err != nil {
			return err
		}
	}
	if keep == nil {
		m.c.Logger.Error("the new master is no partner here; this data center follows nobody until it is registered and an agreement is made", "master", master)
	} else if err := m.turnRound(tx, actor, *keep, p.ClusterID); err != nil {
		return err
	}
	return m.c.Audit(tx.Writer(), actor, action, mdc.DataCenterKind().Name+"/"+master)
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
func (m *Mastership) turnRound(tx *journal.Tx, actor Actor, a mdc.Agreement, master string) error {
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
	if wasMaster { // the configuration is here; a clone keeps what it knows of its copy
		if err := m.c.Copied(tx, a.Identifier, "follows "+master+", the new master"); err != nil {
			return err
		}
	}
	m.work()
	return introduce(tx, m.c.Identities, a.Identifier)
}
