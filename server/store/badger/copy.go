package badger

import (
	"context"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

var _ store.Copier = (*Store)(nil)

// Dump visits every record of the newest snapshot. What the store keeps for itself is left out.
func (s *Store) Dump(ctx context.Context, visit func(store.Record) error) error {
	return s.View(ctx, func(r store.Reader) error {
		v, ok := r.(view)
		if !ok {
			return errors.New("dump store: not a view of this store")
		}
		m, err := s.newMerge(v.snap, nil, newSpan(store.Span{}))
		if err != nil {
			return err
		}
		defer m.below.it.Close()
		for {
			if err := v.interrupted(); err != nil {
				return err
			}
			key, raw, err := m.next()
			if err != nil || key == nil {
				return err
			}
			value, expires, err := unwrap(raw)
			if err != nil {
				return err
			}
			if string(key) == commitsKey || expires != 0 && expires <= s.now() {
				continue
			}
			if err := visit(store.Record{Key: key, Value: value, Expires: expires}); err != nil {
				return err
			}
		}
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
			if err := w.admit(r.Key, r.Value, time.Duration(r.Expires)); err != nil {
				return err
			}
			e := entry{kind: put, raw: wrap(r.Value, r.Expires)}
			if r.Expires > 0 {
				e.expires = uint64(r.Expires)
			}
			w.g.overlay.set(r.Key, e)
		}
		return nil
	})
}
