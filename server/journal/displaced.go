package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// KeepDisplaced writes the objects here that the staged copy does not have, or has otherwise, into a conflict file in dir, as
// the records that would put them here again, and returns when it is durable (MSS-03). What data centers make by themselves is
// left out. With nothing to keep, and when the same objects are kept already, it writes nothing; found says whether there is
// a file. winner is the epoch of the copy. Nothing may be put into the staging afterwards.
func (s *Staging) KeepDisplaced(ctx context.Context, dir string, winner mdc.Epoch) (c Conflict, found bool, err error) {
	if err := s.finish(ctx); err != nil {
		return c, false, err
	}
	err = s.l.View(ctx, func(v *Snapshot) error {
		if c, err = v.describe(winner); err != nil {
			return err
		}
		c.Reason = ReasonOverwritten
		if err := s.displaced(v, func(Record) error { c.Records++; return nil }); err != nil || c.Records == 0 {
			return err
		}
		kept, err := Conflicts(dir)
		if err != nil {
			return err
		}
		found = true
		if i := slices.IndexFunc(kept, c.same); i >= 0 {
			c = kept[i]
			return nil
		}
		return v.writeConflict(dir, c, func(visit func(Record) error) error { return s.displaced(v, visit) })
	})
	if err != nil {
		return c, false, fmt.Errorf("keep what the copy replaces: %w", err)
	}
	return c, found, nil
}

// displaced visits the objects that are here and differ in the staged copy, without edits, which stay; numbered from 1 in the order of kinds and names.
func (s *Staging) displaced(v *Snapshot, visit func(Record) error) error {
	pos, err := v.position()
	if err != nil {
		return err
	}
	now, n := s.l.c.Clock.Now(), uint64(0)
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated || kind.Secret || byItself(kind.Name) {
			continue
		}
		err := v.rangeBase(kind, "", func(key string, body []byte) error {
			staged, err := v.r.Get(objectKey(kind, s.generation, key))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("read staged %s %s: %w", kind.Name, key, err)
			}
			if err == nil && bytes.Equal(staged, body) { // no secret kind: it lies there as it is
				return nil
			}
			n++
			return visit(Record{Sequence: n, Epoch: pos.Epoch, Time: now, Kind: kind.Name, Name: key, Operation: Put, Body: body})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
