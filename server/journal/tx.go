package journal

import (
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// ErrDiverged says that a record does not continue this state: another epoch, a gap, or another digest after it. The
// only way on is a snapshot.
var ErrDiverged = errors.New("journal: the record does not continue this state")

// errDamaged says that an object lies in the store in a form that cannot be opened.
var errDamaged = errors.New("damaged at rest")

// Tx reads and writes objects in one transaction. It sees its own writes.
type Tx struct {
	Snapshot
	w       store.Writer
	gate    Gate // nil: open
	gated   bool // a change passed the gate, so the gate is asked again before it is acknowledged
	alone   bool // see Alone
	vouched bool // see Vouch
	lanes   *setDigest
	locals  *setDigest // of the local objects; nil: none was changed
	moved   bool       // the position changed
	changes []Change
}

// Writer gives the underlying transaction, for rooms that keep their own keys in the same store.
func (t *Tx) Writer() store.Writer { return t.w }

// Put writes an object in its canonical form. A replicated one gets a record with the next sequence.
func (t *Tx) Put(kind mdc.Kind, o mdc.Object, actor string) error {
	body, err := mdc.Encode(o)
	if err != nil {
		return err
	}
	return t.change(kind, kind.Key(o.ObjectName()), Put, body, actor)
}

// Delete removes an object; absent is no error and no record.
func (t *Tx) Delete(kind mdc.Kind, name, actor string) error {
	_, found, err := t.Body(kind, name)
	if err != nil || !found {
		return err
	}
	return t.change(kind, kind.Key(name), Delete, nil, actor)
}

// SetEpoch moves the position to another epoch without a change of any object.
func (t *Tx) SetEpoch(e mdc.Epoch) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	if err := t.load(); err != nil {
		return err
	}
	p.Epoch, t.moved = e, true
	t.changes = append(t.changes, Change{Kind: "data_center", Name: mdc.SingletonName})
	return nil
}

func (t *Tx) change(kind mdc.Kind, key, operation string, body []byte, actor string) error {
	if err := t.object(kind, key, operation, body, nil); err != nil {
		return err
	}
	if kind.Scope == mdc.Local {
		return nil
	}
	if err := t.admit(); err != nil {
		return err
	}
	p, err := t.position()
	if err != nil {
		return err
	}
	return t.append(kind, Record{Sequence: p.Sequence + 1, Epoch: p.Epoch, Time: t.l.c.Clock.Now(), Actor: actor,
		Kind: kind.Name, Name: key, Operation: operation, Body: body, Digest: t.lanes.String()})
}

// object writes or removes one object and keeps its digest in step. shift is what that does to
// the digest of what is replicated; nil when nobody has worked it out.
func (t *Tx) object(kind mdc.Kind, key, operation string, body []byte, shift *setDigest) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	if kind.Scope == mdc.Replicated {
		if err := t.load(); err != nil {
			return err
		}
		if shift != nil {
			t.lanes.join(shift)
		} else if err := t.shift(t.lanes, kind, key, operation, body); err != nil {
			return err
		}
	}
	if kind.Scope == mdc.Local {
		if err := t.local(kind, key, operation, body); err != nil {
			return err
		}
	}
	t.changes = append(t.changes, Change{Kind: kind.Name, Name: key})
	t.forget(kind)
	if operation == Delete {
		return t.w.Delete(objectKey(kind, p.Generation, key))
	}
	rest, err := t.l.atRest(kind, key, body)
	if err != nil {
		return err
	}
	return t.w.Put(objectKey(kind, p.Generation, key), rest, 0)
}

func (t *Tx) append(kind mdc.Kind, rec Record) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	p.Sequence, p.Digest, t.moved = rec.Sequence, rec.Digest, true
	if rec.Operation == Put {
		if rec.Body, err = t.l.atRest(kind, rec.Name, rec.Body); err != nil {
			return err
		}
	}
	b, err := encodeRecord(rec)
	if err != nil {
		return err
	}
	return t.w.Put(recordKey(p.Generation, rec.Sequence), b, 0)
}

func (t *Tx) load() error {
	if t.lanes != nil {
		return nil
	}
	b, err := t.r.Get(lanesKey)
	if err != nil {
		return fmt.Errorf("read digest: %w", err)
	}
	d, err := readDigest(b)
	t.lanes = &d
	return err
}

// flush writes the position, once a transaction.
func (t *Tx) flush() error {
	if !t.moved {
		return nil
	}
	if t.locals != nil {
		if err := t.w.Put(localLanesKey, t.locals[:], 0); err != nil {
			return err
		}
	}
	b, err := writePosition(t.w, *t.pos, t.lanes)
	if err == nil {
		t.l.positions.put(b, *t.pos) // who comes next reads it
	}
	return err
}
