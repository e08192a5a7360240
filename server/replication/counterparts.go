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
// master may have what the new one still lacks. A clone that has registered the credential of
// its agreement has to show it (OAM-50); a master has none to show.
func (f *Feed) AdmitCounterpart(ctx context.Context, by Caller) error {
	var wrong string // an agreement whose credential was not shown
	met, proved := false, false
	err := f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		wrong, met, proved = "", false, false
		for _, side := range []string{mdc.SideClone, mdc.SideMaster} {
			err := agreements(s, side, func(a *mdc.Agreement) error {
				if !a.Enabled || !mdc.SameName(otherEnd(a), by.ClusterID) {
					return nil
				}
				met = true
				if side == mdc.SideClone {
					return nil
				}
				err := shows(s.Reader(), a.Identifier, by)
				if fault.CodeOf(err) == CodeWrongIdentity {
					wrong = a.Identifier
					return nil
				}
				proved = proved || err == nil
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("admit counterpart: %w", err)
	case !met:
		return fault.New(fault.Forbidden, "no_agreement", "This data center has no enabled replication agreement with %s.", by)
	case wrong != "" && !proved:
		f.c.Logger.Warn("a question does not show its replication identity", "identity", mdc.ReplicationIdentity(wrong), "partner", by.ClusterID)
		return WrongIdentity(wrong)
	}
	return nil
}

// Subscription gives the identifier of the enabled agreement by which this data center is the clone of another one; "" when
// there is none.
func (f *Feed) Subscription(ctx context.Context, source string) (agreement string, err error) {
	err = f.c.Log.View(ctx, func(s *journal.Snapshot) error {
		agreement = ""
		return agreements(s, mdc.SideClone, func(a *mdc.Agreement) error {
			if a.Enabled && mdc.SameName(a.Source, source) {
				agreement = a.Identifier
			}
			return nil
		})
	})
	if err != nil {
		return "", fmt.Errorf("look for the agreement with %s: %w", source, err)
	}
	return agreement, nil
}

func otherEnd(a *mdc.Agreement) string {
	if a.Side == mdc.SideClone {
		return a.Source
	}
	return a.Target
}
