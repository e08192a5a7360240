package topology

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Demote has a clone take this master's place: the one that the caller names, or the one that has most. It is the same handover
// as Promote there. With Force this data center steps down also when no clone can take over: it takes no more changes, and the
// topology has no master until one is promoted. At a clone it does nothing.
//
// Faults: Conflict not_a_master, no_successor, and what Promote refuses at the successor.
func (m *Mastership) Demote(ctx context.Context, actor Actor, c Change) (Outcome, error) {
	c = c.normal()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Wait+5*freezeTime)
	defer cancel()
	now, err := m.situation(ctx)
	if err != nil {
		return Outcome{}, err
	}
	switch now.role {
	case mdc.RoleClone:
		return m.unchanged(now), nil
	case mdc.RoleStandalone:
		return Outcome{}, fault.New(fault.Conflict, "not_a_master", "%s is standalone; there is nothing to hand over.", m.c.ClusterID)
	}
	heirs, err := m.heirs(ctx, now, c.To)
	if err != nil {
		return Outcome{}, err
	}
	var causes []error
	for _, a := range heirs {
		out, err := m.c.Link.Take(ctx, a.Target, c.Wait)
		if err == nil && out.Changed {
			out.ClusterID, out.Role, out.Former, out.Reached = m.c.ClusterID, mdc.RoleClone, m.c.ClusterID, true
			return out, nil
		}
		causes = append(causes, err)
	}
	if !c.Force {
		f := fault.New(fault.Conflict, "no_successor", "No clone of %s could take over.", m.c.ClusterID)
		if err := errors.Join(causes...); err != nil {
			f.Message += " " + safe(err)
			f.Err = err
		}
		f.Message += " With force (concord demote --force) it steps down all the same; then nobody takes changes until a data center is promoted."
		return Outcome{}, f
	}
	return m.stepDown(ctx, actor, heirs[0])
}

// heirs gives the agreements with those who may take over, the one that has most first.
func (m *Mastership) heirs(ctx context.Context, now situation, to string) ([]mdc.Agreement, error) {
	has := map[string]uint64{}
	var out []mdc.Agreement
	for _, a := range now.halves {
		if a.Side != mdc.SideMaster || to != "" && !mdc.SameName(a.Target, to) {
			continue
		}
		_, last, _, err := m.c.Feed.Progress(ctx, a)
		if err != nil {
			return nil, err
		}
		out, has[a.Identifier] = append(out, a), last
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Conflict, "no_successor", "%s has no clone %s to hand over to; promote needs a replication agreement.", m.c.ClusterID, to)
	}
	slices.SortStableFunc(out, func(a, b mdc.Agreement) int {
		return cmp.Compare(has[b.Identifier], has[a.Identifier])
	})
	return out, nil
}

// stepDown makes this master the clone of one that has not taken over.
func (m *Mastership) stepDown(ctx context.Context, actor Actor, heir mdc.Agreement) (out Outcome, err error) {
	_, last, lag, err := m.c.Feed.Progress(ctx, heir)
	if err != nil {
		return out, err
	}
	var at mdc.Position
	err = m.becomeClone(ctx, turning{actor: actor, master: heir.Target, action: "demote"}, func(tx *journal.Tx) (err error) {
		if at, err = tx.Position(); err != nil {
			return err
		}
		return writeKey(tx.Writer(), yieldedKey, yielded{To: heir.Target, At: at})
	})
	if err != nil {
		return out, err
	}
	out = Outcome{ClusterID: m.c.ClusterID, Role: mdc.RoleClone, Epoch: at.Epoch, Changed: true, Forced: true, Former: m.c.ClusterID, Reached: true}
	if lag > 0 {
		out.Lost = &Range{last + 1, at.Sequence}
	}
	return out, nil
}

// Give lets the master that this data center follows hand over to it (Demote there). Forbidden no_agreement.
func (m *Mastership) Give(ctx context.Context, caller string, wait time.Duration) (Outcome, error) {
	now, err := m.situation(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if a := now.source(); a == nil || !mdc.SameName(a.Source, caller) {
		return Outcome{}, fault.New(fault.Forbidden, "no_agreement", "%s does not follow %s.", m.c.ClusterID, caller)
	}
	return m.Promote(ctx, partnerActor(caller), Change{Wait: wait})
}

// Adopt takes a clone over that follows this new master by itself: it writes the master's half of the agreement that the clone
// keeps, and takes the SHA-256 of the credential that it will show; nil = none. Faults: Invalid; Forbidden not_a_member; Conflict not_master, agreement_exists.
func (m *Mastership) Adopt(ctx context.Context, caller string, a mdc.Agreement, identity []byte) (half mdc.Agreement, err error) {
	fields := a.Validate()
	if !mdc.ValidName(a.Identifier) {
		fields = append(fields, fault.Field{Pointer: "/identifier", Detail: "is no valid name"})
	}
	if !mdc.SameName(a.Target, caller) || !mdc.SameName(a.Source, m.c.ClusterID) {
		fields = append(fields, fault.Field{Pointer: "/target", Detail: "must be the caller, and the source this data center"})
	}
	if err := fault.InvalidFields("The replication agreement cannot be accepted.", fields); err != nil {
		return half, err
	}
	err = m.c.Log.Update(ctx, func(tx *journal.Tx) error {
		tx.Ungated() // it writes local objects only
		if err := m.admit(&tx.Snapshot, caller); err != nil {
			return err
		}
		now, err := look(&tx.Snapshot)
		if err != nil {
			return err
		}
		if now.role != mdc.RoleMaster {
			return fault.New(fault.Conflict, "not_master", "%s is a %s.", m.c.ClusterID, now.role)
		}
		if half, err = m.adopt(tx, now, caller, a); err != nil {
			return err
		}
		changed, err := m.c.Identities.Register(tx.Writer(), half.Identifier, identity)
		if err != nil || !changed {
			return err
		}
		return m.c.Audit(tx.Writer(), partnerActor(caller), "identify", mdc.AgreementKind().Name+"/"+half.Identifier)
	})
	return half, err
}

func (m *Mastership) adopt(tx *journal.Tx, now situation, caller string, a mdc.Agreement) (mdc.Agreement, error) {
	actor := partnerActor(caller)
	for _, h := range now.halves {
		switch ours := h.Side == mdc.SideMaster && mdc.SameName(h.Target, caller); {
		case ours && h.Identifier == a.Identifier:
			return h, nil
		case h.Identifier == a.Identifier:
			return h, fault.New(fault.Conflict, "agreement_exists", "The agreement %s is one between %s and %s here.", h.Identifier, h.Source, h.Target)
		case ours: // a pair has one
			if err := drop(tx, m.c.Identities, actor, h.Identifier); err != nil {
				return h, err
			}
		}
	}
	a.Side, a.Source, a.StartingSequence, a.Overwrite = mdc.SideMaster, m.c.ClusterID, now.ours.at.Sequence, false
	if err := tx.Put(mdc.AgreementKind(), &a, actor.Name); err != nil {
		return a, err
	}
	return a, m.c.Audit(tx.Writer(), actor, journal.Put, mdc.AgreementKind().Name+"/"+a.Identifier)
}

// followAll has new masters write their halves of agreements that were turned to them.
func (m *Mastership) followAll(ctx context.Context) {
	due, gone, err := m.following(ctx)
	if err != nil {
		m.c.Logger.Error("cannot read replication agreements", "error", err)
		return
	}
	for _, a := range due {
		err := m.follow(ctx, a)
		if err != nil {
			m.c.Logger.Debug("the new master does not take this clone yet", "master", a.Source, "error", err)
			continue
		}
		gone = append(gone, a.Identifier)
		m.c.Wake(a.Source)
	}
	if len(gone) == 0 {
		return
	}
	err = m.c.Log.Update(ctx, func(tx *journal.Tx) error {
		for _, id := range gone {
			if err := tx.Writer().Delete([]byte(followPrefix + id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.c.Logger.Warn("cannot note that a new master was followed", "error", err)
	}
}

func (m *Mastership) follow(ctx context.Context, a mdc.Agreement) error {
	identity, err := m.identity(ctx, a.Identifier)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, standTime)
	defer cancel()
	_, err = m.c.Link.Follow(ctx, a.Source, a, identity)
	return err
}

// following gives the agreements whose new master may lack its half, and the marks of those that are gone.
func (m *Mastership) following(ctx context.Context) (due []mdc.Agreement, gone []string, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		due, gone = nil, nil
		return v.Reader().Range(store.Span{Prefix: []byte(followPrefix)}, func(k, _ []byte) error {
			id := string(k[len(followPrefix):])
			a, err := read(v, id)
			switch {
			case fault.Is(err, fault.NotFound) || err == nil && a.Side != mdc.SideClone:
				gone = append(gone, id)
			case err != nil:
				return err
			default:
				due = append(due, a)
			}
			return nil
		})
	})
	return due, gone, err
}
