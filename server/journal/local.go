package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// What is local, an edit too, exists nowhere else, so a clone that lost a part of it cannot get it again. Its digest stands in the position,
// and so in the head record: whether it is whole can be told when the rest is not.

// localDigest adds up the local objects and the edits that are really there.
func (s *Snapshot) localDigest() (d setDigest, err error) {
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Local {
			continue
		}
		err := s.rangeBase(kind, "", func(key string, body []byte) error {
			d.add(kind.Name, key, body)
			return nil
		})
		if err != nil {
			return d, err
		}
	}
	err = s.r.Range(store.Span{Prefix: editSpace}, func(k, v []byte) error {
		d.add(editTerm, string(k), v)
		return nil
	})
	return d, err
}

// editTerm stands in the digest for the kind of an edit, which is as local as an object; no kind has that name.
const editTerm = "\x00edit"

// localEdit keeps the digest in step with an edit that is written (was nil: a new one) or ends (will nil).
func (t *Tx) localEdit(key, was, will []byte) error {
	if err := t.loadLocals(); err != nil {
		return err
	}
	if was != nil {
		old := expand(editTerm, string(key), was)
		t.locals.part(&old)
	}
	if will != nil {
		t.locals.add(editTerm, string(key), will)
	}
	p, err := t.position()
	if err != nil {
		return err
	}
	p.Local, t.moved = t.locals.String(), true
	return t.load()
}

// loadLocals reads the lanes of the local objects. A store of an earlier version has none; then they are added up once.
func (t *Tx) loadLocals() error {
	if t.locals != nil {
		return nil
	}
	b, err := t.r.Get(localLanesKey)
	var d setDigest
	switch {
	case errors.Is(err, store.ErrNotFound):
		d, err = t.localDigest()
	case err == nil:
		d, err = readDigest(b)
	}
	if err != nil {
		return fmt.Errorf("read digest of local objects: %w", err)
	}
	t.locals = &d
	return nil
}

// local keeps the digest of the local objects in step with one that is written or removed.
func (t *Tx) local(kind mdc.Kind, key, operation string, body []byte) error {
	if err := t.loadLocals(); err != nil {
		return err
	}
	if err := t.shift(t.locals, kind, key, operation, body); err != nil {
		return err
	}
	p, err := t.position()
	if err != nil {
		return err
	}
	p.Local, t.moved = t.locals.String(), true
	return t.load()
}

// Discredit puts an empty copy in the place of one that lost acknowledged changes, so that nothing of it counts until the master's
// is here; in the same transaction it runs also. head is the head record that the database does not live up to. Local objects,
// which nobody could give back, and edits must be exactly those that the head record knows; otherwise the answer is a fault and nothing is
// changed (FLT-07).
func (l *Log) Discredit(ctx context.Context, head []byte, also func(*Tx) error) error {
	h, err := readPosition(head)
	if err != nil {
		return fmt.Errorf("read head record: %w", err)
	}
	return l.Update(ctx, func(tx *Tx) error {
		p, err := tx.position()
		if err != nil {
			return err
		}
		locals, err := tx.localDigest()
		if err != nil || h.Local == "" || locals.String() != h.Local {
			return headFault("objects that only this data center had are among them")
		}
		edits := p.Edits
		var none setDigest
		*p = position{Position: mdc.Position{Epoch: later(p.Epoch, h.Epoch), Digest: none.String()}, Generation: max(p.Generation, h.Generation) + 1,
			BaseDigest: none.String(), Edits: edits, Local: h.Local}
		tx.lanes, tx.locals, tx.moved = &none, &locals, true
		tx.changes = append(tx.changes, Change{})
		return also(tx)
	})
}

func later(a, b mdc.Epoch) mdc.Epoch {
	if a.Less(b) {
		return b
	}
	return a
}

// VerifyLocal compares the local objects with the digest in the position. A fault says that some were lost or changed.
func (l *Log) VerifyLocal(ctx context.Context) error {
	return l.View(ctx, func(s *Snapshot) error {
		p, err := s.position()
		if err != nil || p.Local == "" {
			return err
		}
		d, err := s.localDigest()
		if err != nil || d.String() != p.Local {
			return fault.New(fault.Conflict, "state_damaged", "The state store is damaged: objects that only this data center has are not as they were written. Restore a backup.")
		}
		return nil
	})
}
