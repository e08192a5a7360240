package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// applyMany is how many records are expanded at once: 256 KiB of lanes, which a core's cache holds.
const applyMany = 64

// Apply writes records that a master made, in order. Each must be the next one of the same epoch, or the promotion that begins
// the next one exactly here, of a known kind, and lead to the digest it names; otherwise ErrDiverged (or an error that names
// the unknown kind) and the transaction must be dropped.
func (t *Tx) Apply(records ...Record) error { return t.ApplyPrepared(nil, records...) }

// ApplyPrepared is Apply with what was prepared for these records, or for more around them; nil = nothing was. What was
// prepared for another state counts for nothing.
func (t *Tx) ApplyPrepared(ready *Prepared, records ...Record) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	if shifts := ready.of(p.Position, records); shifts != nil {
		return t.applyAll(records, shifts)
	}
	room := t.l.shifter()
	defer t.l.giveBack(room)
	for some := range slices.Chunk(records, applyMany) {
		if err := t.applyAll(some, room.shifts(&t.Snapshot, some, map[identity]bool{}, room.slab(len(some)))); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) applyAll(records []Record, shifts []*setDigest) error {
	for i, rec := range records {
		if err := t.apply(rec, shifts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) apply(rec Record, shift *setDigest) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	if err := t.follows(rec); err != nil {
		return err
	}
	if rec.Sequence != p.Sequence+1 || rec.Epoch != p.Epoch {
		return fmt.Errorf("%w: record %d of epoch %s at position %d of epoch %s", ErrDiverged, rec.Sequence, rec.Epoch, p.Sequence, p.Epoch)
	}
	kind, ok := t.l.kinds[rec.Kind]
	if !ok || kind.Scope != mdc.Replicated || rec.Operation != Put && rec.Operation != Delete {
		return fmt.Errorf("apply record %d: kind %q, operation %q: not known to this version", rec.Sequence, rec.Kind, rec.Operation)
	}
	err = t.object(kind, rec.Name, rec.Operation, rec.Body, shift)
	if errors.Is(err, errDamaged) {
		return fmt.Errorf("%w: what record %d replaces is damaged: %w", ErrDiverged, rec.Sequence, err)
	}
	if err != nil {
		return err
	}
	if got := t.lanes.String(); got != rec.Digest {
		return fmt.Errorf("%w: digest after record %d", ErrDiverged, rec.Sequence)
	}
	if err := t.settleEdit(kind, rec.Name, rec.Operation, rec.Body); err != nil {
		return err
	}
	return t.append(kind, rec)
}
