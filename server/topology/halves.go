package topology

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// UpdateOwn changes enabled and poll_interval of this side's half alone, as Oracle's PUT for a SUPPLIER does (OAM-52). A
// master whose half is disabled answers its clone no more. Errors as of Update.
func (s *Agreements) UpdateOwn(ctx context.Context, actor Actor, identifier string, change func(*mdc.Agreement) error) (View, error) {
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
	if will != was {
		err = s.c.Log.Update(ctx, func(tx *journal.Tx) error {
			if err := s.stillIs(tx, was); err != nil {
				return err
			}
			if err := s.renew(tx, was, will); err != nil {
				return err
			}
			return s.put(tx, actor, will)
		})
	}
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, will)
}

// UpdateClone changes the clone's half alone, asked at the master; settings are how that half shall be. Errors as of Update.
func (s *Agreements) UpdateClone(ctx context.Context, actor Actor, identifier string, settings mdc.Agreement) error {
	own, err := s.read(ctx, identifier)
	if err != nil {
		return err
	}
	if own.Side != mdc.SideMaster {
		return fault.New(fault.Conflict, "wrong_data_center", "The clone's half is changed here, or at the master %s.", own.Source)
	}
	will := own
	will.Enabled, will.PollInterval, will.Follow, will.WaitForSync = settings.Enabled, settings.PollInterval, settings.Follow, settings.WaitForSync
	if err := settingsOnly(own, will); err != nil {
		return err
	}
	clone, err := s.tellClone(ctx, will)
	if err != nil {
		return err
	}
	return s.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if _, err := s.c.Identities.Register(tx.Writer(), identifier, clone.Identity); err != nil {
			return err
		}
		return s.audit(tx, actor, "change_clone", identifier)
	})
}
