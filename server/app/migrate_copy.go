package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// told is after how many records of a store the progress is told again.
const told = 10_000

// soon is how close to its end a record is left out of the comparison.
const soon = 10 * time.Minute

// prepare empties the target, where that is allowed, and marks it as unfinished.
func (m *migration) prepare(ctx context.Context, overwrite bool) error {
	state := m.to[stateSpace]
	unfinished := false
	err := state.View(ctx, func(r store.Reader) error {
		_, err := r.Get([]byte(migratingKey))
		unfinished = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, space := range []string{stateSpace, sessionsSpace} {
		held, err := holds(ctx, m.to[space])
		if err != nil {
			return err
		}
		if held && !overwrite && !unfinished {
			return fault.New(fault.Conflict, "target_not_empty", "The target's %s store holds data. Give --overwrite to replace all of it, or name another target.", space)
		}
	}
	if err := state.Update(ctx, func(w store.Writer) error { return w.Put([]byte(migratingKey), []byte("1"), 0) }); err != nil {
		return err
	}
	for _, space := range []string{stateSpace, sessionsSpace} {
		if err := empty(ctx, m.to[space]); err != nil {
			return fmt.Errorf("empty the target's %s: %w", space, err)
		}
	}
	return nil
}

func holds(ctx context.Context, s store.Copier) (held bool, err error) {
	err = s.Dump(ctx, func(r store.Record) error {
		if string(r.Key) == migratingKey {
			return nil
		}
		held = true
		return store.ErrStop
	})
	if errors.Is(err, store.ErrStop) {
		err = nil
	}
	return held, err
}

// empty deletes all but the mark, some at a time.
func empty(ctx context.Context, s store.Copier) error {
	most := s.Limits().Ops / 2
	var keys [][]byte
	flush := func() error {
		err := s.Update(ctx, func(w store.Writer) error {
			for _, k := range keys {
				if err := w.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		keys = keys[:0]
		return err
	}
	err := s.Dump(ctx, func(r store.Record) error {
		if string(r.Key) == migratingKey {
			return nil
		}
		if keys = append(keys, r.Key); len(keys) < min(most, 2000) {
			return nil
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// copy writes the source's records into the target, as much at a time as half a transaction holds.
func (m *migration) copy(ctx context.Context, space string) error {
	to := m.to[space]
	limits := to.Limits()
	var batch []store.Record
	size, copied := 0, uint64(0)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := to.Load(ctx, batch); errors.Is(err, store.ErrTooLarge) {
			return fault.New(fault.Conflict, "record_too_large", "The record %.80q of %d bytes is longer than the target takes.", batch[0].Key, len(batch[0].Value))
		} else if err != nil {
			return err
		}
		before := copied
		copied += uint64(len(batch))
		if m.progress != nil && before/told < copied/told {
			m.progress(space, copied)
		}
		batch, size = batch[:0], 0
		return nil
	}
	err := m.from[space].Dump(ctx, func(r store.Record) error {
		if string(r.Key) == migratingKey {
			return nil
		}
		n := len(r.Key) + len(r.Value)
		if size+n > limits.Bytes/2 || len(batch) >= min(limits.Ops/2, 2000) {
			if err := flush(); err != nil {
				return err
			}
		}
		batch, size = append(batch, r), size+n
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// verify reads both anew and compares them, prefix by prefix.
func (m *migration) verify(ctx context.Context) (Migration, error) {
	cut := time.Now().Add(soon).Unix()
	var out Migration
	for _, space := range []string{stateSpace, sessionsSpace} {
		want, err := digest(ctx, space, m.from[space], cut)
		if err != nil {
			return out, fmt.Errorf("read the source's %s: %w", space, err)
		}
		got, err := digest(ctx, space, m.to[space], cut)
		if err != nil {
			return out, fmt.Errorf("read the target's %s: %w", space, err)
		}
		for i := range max(len(want), len(got)) {
			if i >= len(want) || i >= len(got) || want[i] != got[i] {
				return out, fault.New(fault.Conflict, "copy_differs", "The copy of the %s store differs from the source, at part %d. Nothing uses it; run this again.", space, i+1)
			}
		}
		out.Parts = append(out.Parts, got...)
	}
	return out, nil
}

func digest(ctx context.Context, space string, s store.Copier, cut int64) (parts []MigratedPart, err error) {
	var sum hash.Hash
	end := func() {
		if sum != nil {
			parts[len(parts)-1].Digest = hex.EncodeToString(sum.Sum(nil))
		}
	}
	err = s.Dump(ctx, func(r store.Record) error {
		if string(r.Key) == migratingKey || r.Expires != 0 && r.Expires <= cut {
			return nil
		}
		if p := partOf(r.Key); len(parts) == 0 || parts[len(parts)-1].Prefix != p {
			end()
			sum = sha256.New()
			parts = append(parts, MigratedPart{Store: space, Prefix: p})
		}
		var head [24]byte
		binary.BigEndian.PutUint64(head[:], uint64(len(r.Key)))
		binary.BigEndian.PutUint64(head[8:], uint64(len(r.Value)))
		binary.BigEndian.PutUint64(head[16:], uint64(r.Expires))
		for _, b := range [][]byte{head[:], r.Key, r.Value} {
			sum.Write(b)
		}
		parts[len(parts)-1].Records++
		return nil
	})
	end()
	return parts, err
}

// partOf is a key's first part with its slash.
func partOf(key []byte) string {
	if i := bytes.IndexByte(key, '/'); i >= 0 {
		return string(key[:i+1])
	}
	return string(key)
}
