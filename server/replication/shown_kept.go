package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func (f *Feed) load(ctx context.Context) (err error) {
	f.shown, err = f.kept(ctx)
	return err
}

// kept reads what the store has of each agreement of this master, and of no other name: who writes to the store beside us fills no memory.
func (f *Feed) kept(ctx context.Context) (all map[string]shown, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		all = map[string]shown{}
		return agreements(s, mdc.SideMaster, func(a *mdc.Agreement) error {
			seen, found, err := f.readShown(s, a.Identifier)
			if found {
				all[a.Identifier] = seen
			}
			return err
		})
	})
	return all, err
}

// keptOf reads what the store has of one agreement now; known says whether there is such an agreement here.
func (f *Feed) keptOf(ctx context.Context, agreement string) (seen shown, found, known bool, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		seen, found, known = shown{}, false, false
		o, err := s.Get(mdc.AgreementKind(), agreement)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		a, ok := o.(*mdc.Agreement)
		if known = ok && a.Side == mdc.SideMaster; !known {
			return nil
		}
		seen, found, err = f.readShown(s, agreement)
		return err
	})
	return seen, found, known, err
}

// readShown reads one record and judges it. A record is only what somebody wrote: the clone counts as having a position when the journal
// has that digest there, whatever the record says, and one that cannot be read is as if the clone had shown nothing. Its next question
// says it again.
func (f *Feed) readShown(s *journal.Snapshot, agreement string) (seen shown, found bool, err error) {
	b, err := s.Reader().Get([]byte(shownPrefix + agreement))
	if errors.Is(err, store.ErrNotFound) {
		return seen, false, nil
	}
	if err != nil {
		return seen, false, fmt.Errorf("read the position of the clone of %s: %w", agreement, err)
	}
	if err := json.Unmarshal(b, &seen); err != nil {
		f.c.Logger.Warn("the record of a clone's position cannot be read; it counts when the clone asks again", "agreement", agreement, "error", err)
		return shown{}, false, nil
	}
	if now := f.c.Clock.Now(); seen.Time.After(now) {
		seen.Time = now
	}
	if !seen.Equal {
		return seen, true, nil
	}
	why, err := s.Misfit(seen.At)
	if why != "" {
		f.c.Logger.Warn("the record of a clone's position does not fit the journal; it counts when the clone asks again", "agreement", agreement, "why", why)
		seen.Equal = false
	}
	return seen, true, err
}
