package app

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func loadOne[T any](ctx context.Context, log *journal.Log, kind mdc.Kind, name string) (out *T, err error) {
	err = log.View(ctx, func(s *journal.Snapshot) error {
		o, err := s.Get(kind, name)
		if err != nil {
			return err
		}
		if o, _, err = configuration.Lay(s, kind, kind.Key(name), o); err != nil {
			return err
		}
		t, ok := o.(any).(*T)
		if !ok {
			return errors.New("load " + kind.Name + ": another type")
		}
		out = t
		return nil
	})
	return out, err
}

func loadAll[T any](ctx context.Context, log *journal.Log, kind mdc.Kind) (out []*T, err error) {
	err = log.View(ctx, func(s *journal.Snapshot) error {
		out = nil
		return s.Range(kind, "", func(key string, body []byte) error {
			o, err := kind.Decode(body)
			if err != nil {
				return err
			}
			if o, _, err = configuration.Lay(s, kind, key, o); err != nil {
				return err
			}
			if t, ok := o.(any).(*T); ok {
				out = append(out, t)
			}
			return nil
		})
	})
	return out, err
}

// optional turns not-found into nil.
func optional[T any](v *T, err error) (*T, error) {
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return v, err
}
