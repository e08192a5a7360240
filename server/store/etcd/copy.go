package etcd

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

var _ store.Copier = (*Store)(nil)

// Dump visits every record of the newest revision.
func (s *Store) Dump(ctx context.Context, visit func(store.Record) error) error {
	return s.View(ctx, func(r store.Reader) error {
		v, ok := r.(view)
		if !ok {
			return errors.New("dump store: not a view of this store")
		}
		return s.during(ctx, func(ctx context.Context) error {
			p := s.newPager(ctx, v.snap, boundsOf(store.Span{}))
			for {
				o, more, err := p.peek()
				if err != nil || !more {
					return err
				}
				p.skip()
				value, expires, err := unwrap(o.raw)
				if err != nil {
					return err
				}
				if s.expired(expires) {
					continue
				}
				if err := visit(store.Record{Key: o.key, Value: value, Expires: expires}); err != nil {
					return err
				}
			}
		})
	})
}

// Load writes records as they are.
func (s *Store) Load(ctx context.Context, records []store.Record) error {
	return s.Update(ctx, func(sw store.Writer) error {
		w, ok := sw.(*writer)
		if !ok {
			return errors.New("load store: not a writer of this store")
		}
		for _, r := range records {
			if err := w.put(r.Key, r.Value, r.Expires); err != nil {
				return err
			}
		}
		return nil
	})
}
