package replication

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Counterparts gives the data centers at the other ends of this one's enabled agreements, the master first: those that hold
// the same packages and may be asked for their contents.
func (f *Feed) Counterparts(ctx context.Context) (ids []string, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		ids = nil
		for _, side := range []string{mdc.SideClone, mdc.SideMaster} {
			err := agreements(s, side, func(a *mdc.Agreement) error {
				if a.Enabled {
					ids = append(ids, otherEnd(a))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list counterparts: %w", err)
	}
	return ids, nil
}

// AdmitCounterpart refuses everybody but those whom Counterparts gives. Both directions count: after a promotion the former
// master may have what the new one still lacks (trust.md "Who may call what").
func (f *Feed) AdmitCounterpart(ctx context.Context, caller string) error {
	ids, err := f.Counterparts(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if mdc.SameName(id, caller) {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "no_agreement", "This data center has no enabled replication agreement with %s.", caller)
}

func otherEnd(a *mdc.Agreement) string {
	if a.Side == mdc.SideClone {
		return a.Source
	}
	return a.Target
}
