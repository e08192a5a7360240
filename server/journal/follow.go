package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow tells the listeners what other nodes commit to the same store, until ctx ends. What this node commits itself is
// told a second time, which does no harm: a listener invalidates. Where events were missed, everything may have changed.
func (l *Log) Follow(ctx context.Context, logger *slog.Logger) error {
	var f follower
	refresh := func(ctx context.Context) error {
		err := l.View(ctx, func(s *Snapshot) error {
			p, err := s.position()
			if err == nil {
				f.generation = p.Generation
			}
			return err
		})
		l.publish([]Change{{}})
		return err
	}
	store.Follow(ctx, l.c.Store, []byte("c/"), refresh, func(events []store.Event) error {
		changes, err := f.changes(events)
		l.publish(changes)
		return err
	}, func(err error) { logger.Warn("changes of other nodes are not followed; trying again", "error", err) })
	return nil
}

// Reread tells the listeners that everything may have changed, once the store answers.
func (l *Log) Reread(ctx context.Context) error {
	if _, err := l.Position(ctx); err != nil {
		return err
	}
	l.publish([]Change{{}})
	return nil
}

// follower reads events. What is staged lies in a generation that is not in force yet and changes nothing.
type follower struct{ generation uint64 }

// changes names what the events of one transaction change. Another generation or epoch may change everything.
func (f *follower) changes(events []store.Event) (changes []Change, err error) {
	moved := false
	for _, e := range events {
		if bytes.Equal(e.Key, PositionKey()) {
			moved = true
			p, err := readPosition(e.Value)
			if err != nil {
				return []Change{{}}, err
			}
			if p.Generation != f.generation {
				f.generation = p.Generation
				return []Change{{}}, nil
			}
		}
	}
	for _, e := range events {
		if kind, name, ok := f.object(e.Key); ok {
			changes = append(changes, Change{Kind: kind, Name: name})
		}
	}
	if moved && len(changes) == 0 {
		changes = []Change{{}}
	}
	return changes, nil
}

// object reads the kind and the name out of the key of an object, or of an edit of one; ok is false for other keys.
func (f *follower) object(key []byte) (kind, name string, ok bool) {
	rest, ok := bytes.CutPrefix(key, localPrefix)
	if !ok {
		rest, ok = bytes.CutPrefix(key, editSpace)
	}
	if !ok {
		if rest, ok = bytes.CutPrefix(key, objectSpace); !ok || len(rest) < 8 || binary.BigEndian.Uint64(rest) != f.generation {
			return "", "", false
		}
		rest = rest[8:]
	}
	k, n, ok := bytes.Cut(rest, []byte{0})
	return string(k), string(n), ok
}
