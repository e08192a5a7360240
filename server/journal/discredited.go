package journal

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// KeepDiscredited writes every object of the copy in force into a conflict file in dir, before Discredit: should its master be lost
// too, this may be all that is left. Objects that cannot be read are left out, and Complete then is false; so are secret ones and
// those that data centers write by themselves. found is false when there is nothing to keep.
func (l *Log) KeepDiscredited(ctx context.Context, dir string) (c Conflict, found bool, err error) {
	err = l.View(ctx, func(s *Snapshot) error {
		if c, err = s.describe(mdc.Epoch{}); err != nil {
			return err
		}
		c.ID, c.Base, c.Winner, c.Reason = c.ID+"-copy", c.End, c.End.Epoch, ReasonDiscredited
		err := s.eachKeepable(func(_ mdc.Kind, _ string, _ []byte, sound bool) error {
			c.Complete = c.Complete && sound
			if sound {
				c.Records++
			}
			return nil
		})
		if err != nil || c.Records == 0 {
			return err
		}
		found = true
		return s.writeConflict(dir, c, func(visit func(Record) error) error {
			n := uint64(0)
			return s.eachKeepable(func(kind mdc.Kind, name string, body []byte, sound bool) error {
				if !sound {
					return nil
				}
				n++
				return visit(Record{Sequence: n, Epoch: c.Epoch, Time: c.Time, Kind: kind.Name, Name: name, Operation: Put, Body: body})
			})
		})
	})
	if err != nil {
		return c, false, fmt.Errorf("keep the discredited copy: %w", err)
	}
	return c, found, nil
}

func (s *Snapshot) eachKeepable(visit func(kind mdc.Kind, name string, body []byte, sound bool) error) error {
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated || kind.Secret || byItself(kind.Name) {
			continue
		}
		err := s.scan(kind, "", func(name string, body []byte, sound bool) error { return visit(kind, name, body, sound) })
		if err != nil {
			return err
		}
	}
	return nil
}
