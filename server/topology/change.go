package topology

import (
	"context"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Update changes enabled, poll_interval, follow and wait_for_sync (OAM-52). At the master the clone is told first, and when it cannot be
// told nothing is changed: fault.Unavailable clone_unreachable. At the clone only its own half changes. change gets the
// agreement as it is and may refuse, for instance by its ETag; what else it changes is refused as Invalid.
func (s *Agreements) Update(ctx context.Context, actor Actor, identifier string, change func(*mdc.Agreement) error) (View, error) {
	was, err := s.read(ctx, identifier)
	if err != nil {
		return View{}, err
	}
	will := was
	if err := change(&will); err != nil {
		return View{}, err
	}
	if err := settingsOnly(was, will); err != nil {
		return View{}, err
	}
	var clone Installed
	if was.Side == mdc.SideMaster && will != was {
		if clone, err = s.tellClone(ctx, will); err != nil {
			return View{}, err
		}
	}
	if will != was {
		err = s.c.Log.Update(ctx, func(tx *journal.Tx) error {
			if err := s.stillIs(tx, was); err != nil {
				return err
			}
			if _, err := s.c.Identities.Register(tx.Writer(), identifier, clone.Identity); err != nil {
				return err
			}
			if err := s.renew(tx, was, will); err != nil {
				return err
			}
			return s.put(tx, actor, will)
		})
		if err != nil {
			return View{}, err
		}
	}
	return s.view(ctx, will)
}

// settingsOnly refuses a change of what makes an agreement that agreement.
func settingsOnly(was, will mdc.Agreement) error {
	fixed := will
	fixed.Enabled, fixed.PollInterval, fixed.Follow, fixed.WaitForSync = was.Enabled, was.PollInterval, was.Follow, was.WaitForSync
	if fixed != was {
		return fault.InvalidFields("The agreement cannot be changed like that.",
			[]fault.Field{{Pointer: "", Detail: "only enabled, poll_interval, follow and wait_for_sync can be changed; for anything else delete the agreement and create it again"}})
	}
	return fault.InvalidFields("The replication agreement cannot be accepted.", will.Validate())
}

func (s *Agreements) stillIs(tx *journal.Tx, was mdc.Agreement) error {
	now, err := read(&tx.Snapshot, was.Identifier)
	if err == nil && now != was {
		return fault.New(fault.Conflict, "contended", "The agreement %s was changed by somebody else; try again.", was.Identifier)
	}
	return err
}

// tellClone has the clone change its half.
func (s *Agreements) tellClone(ctx context.Context, a mdc.Agreement) (Installed, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	clone, err := s.c.Link.ChangeAgreement(ctx, a.Target, a)
	switch {
	case err == nil:
		return clone, nil
	case fault.Is(err, fault.NotFound) && !a.Enabled:
		return clone, nil // no half there: as disabled as can be
	case fault.Is(err, fault.NotFound):
		return clone, fault.New(fault.Conflict, "clone_half_missing", "%s no longer has its half of the agreement; delete the agreement here and create it again.", a.Target)
	case refused(err):
		return clone, s.worded(a.Target, err)
	}
	return clone, unreachable(a.Target, "clone_unreachable", " Nothing was changed; apply again when it answers.", err)
}

// Delete ends an agreement (OAM-53). It must be disabled on both sides first: Conflict agreement_enabled. At the master the
// clone's half is removed too; when the clone cannot be reached that is Unavailable clone_unreachable, or with force the
// master's half goes alone, and the clone finds out on its return. force also does not ask for disabling first.
func (s *Agreements) Delete(ctx context.Context, actor Actor, identifier string, force bool) error {
	a, err := s.read(ctx, identifier)
	if err != nil {
		return err
	}
	if a.Enabled && !force {
		return stillEnabled(s.c.ClusterID, identifier)
	}
	if a.Side == mdc.SideClone {
		return s.c.Log.Update(ctx, func(tx *journal.Tx) error { return s.endFollowing(tx, actor, a) })
	}
	if err := s.removeAtClone(ctx, a, force); err != nil {
		return err
	}
	return s.dropHalf(ctx, actor, a, false)
}

func stillEnabled(at, identifier string) error {
	return fault.New(fault.Conflict, "agreement_enabled", "The replication agreement %s is enabled on %s; disable it first.", identifier, at)
}

func (s *Agreements) removeAtClone(ctx context.Context, a mdc.Agreement, force bool) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if force {
		off := a
		off.Enabled = false
		if _, err := s.c.Link.ChangeAgreement(ctx, a.Target, off); err != nil {
			s.c.Logger.Warn("agreement is dropped without its clone", "agreement", a.Identifier, "target", a.Target, "error", err)
			return nil
		}
	}
	err := s.c.Link.RemoveAgreement(ctx, a.Target, a.Identifier)
	switch {
	case err == nil, force, fault.Is(err, fault.NotFound):
		return nil
	case refused(err):
		return s.worded(a.Target, err)
	}
	return unreachable(a.Target, "clone_unreachable", " Nothing was deleted; try again when it answers, or delete with force to drop this side alone.", err)
}

// dropHalf removes the master's half, its mark, and the key of a target that no other agreement names: it is no member any
// more. never says that it has not become one, so that no majority need know.
func (s *Agreements) dropHalf(ctx context.Context, actor Actor, a mdc.Agreement, never bool) error {
	return s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if never {
			tx.Alone()
		}
		if err := drop(tx, s.c.Identities, actor, a.Identifier); err != nil {
			return err
		}
		if err := tx.Writer().Delete([]byte(pendingPrefix + a.Identifier)); err != nil {
			return err
		}
		if err := dropKey(tx, actor, a.Target); err != nil {
			return err
		}
		return s.audit(tx, actor, journal.Delete, a.Identifier)
	})
}

// dropKey keeps a key that an agreement which is left needs: what is secret could not be sealed for its clone any more.
func dropKey(tx *journal.Tx, actor Actor, target string) error {
	needed := false
	err := each(&tx.Snapshot, func(a *mdc.Agreement) error {
		needed = needed || mdc.SameName(a.Target, target)
		return nil
	})
	if err != nil || needed {
		return err
	}
	return tx.Delete(mdc.DataCenterKeyKind(), target, actor.Name)
}

func isPending(v *journal.Snapshot, identifier string) (bool, error) {
	_, err := v.Reader().Get([]byte(pendingPrefix + identifier))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read mark of agreement %s: %w", identifier, err)
	}
	return true, nil
}

func asFault(err error) (*fault.Error, bool) { return errors.AsType[*fault.Error](err) }
