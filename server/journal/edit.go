package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// MaxEdits is how many objects a write-enabled clone may hold otherwise than its master: all of them are sometimes read at once.
const MaxEdits = 1000

const maxEditBody = 128 << 10 // bytes

// Edit is a replicated object as an administrator of a write-enabled clone wants it there (OAM-04). Edits lie over the
// master's copy and never in it: reads see them, while the copy, its digest and its journal stay the master's, so that
// replication goes on and nothing is merged. An edit is in force while the master's object is the one that it was made over:
// whom the master disables later is disabled here too, whatever was changed of him. Overruled like that it stays, and is reported,
// until it is discarded or the master's object becomes the same.
type Edit struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"` // the key spelling
	Operation string    `json:"operation"`
	Body      []byte    `json:"body,omitempty"` // canonical form; nil of a deletion
	Base      string    `json:"base,omitempty"` // ObjectDigest of the master's object when the edit was made; "" = it had none
	Time      time.Time `json:"time"`
	Actor     string    `json:"actor"`

	Moved bool `json:"-"` // the master has changed its object since, so the edit is not in force
}

// over says whether the edit counts over the object as the master has it.
func (e Edit) over(base []byte, found bool) bool {
	return e.Base == baseDigest(e.Kind, e.Name, base, found)
}

var editSpace = []byte("c/e/")

func editPrefix(kind string) []byte { return append(append(bytes.Clone(editSpace), kind...), 0) }

func editKey(kind, key string) []byte { return append(editPrefix(kind), key...) }

// Edit writes an object on a clone without touching the master's copy of it.
func (t *Tx) Edit(kind mdc.Kind, o mdc.Object, actor string) error {
	body, err := mdc.Encode(o)
	if err != nil {
		return err
	}
	return t.edit(kind, kind.Key(o.ObjectName()), Put, body, actor)
}

// EditAway takes an object away on a clone, as Edit writes one.
func (t *Tx) EditAway(kind mdc.Kind, name, actor string) error {
	return t.edit(kind, kind.Key(name), Delete, nil, actor)
}

func (t *Tx) edit(kind mdc.Kind, key, operation string, body []byte, actor string) error {
	if kind.Scope != mdc.Replicated || kind.Secret {
		return fmt.Errorf("edit %s %s: this kind has no edits", kind.Name, key)
	}
	t.changes = append(t.changes, Change{Kind: kind.Name, Name: key})
	base, found, err := t.base(kind, key)
	if err != nil {
		return err
	}
	if same(operation, body, base, found) {
		_, err := t.dropEdit(kind.Name, key)
		return err
	}
	if len(body) > maxEditBody {
		return fault.New(fault.TooLarge, "edit_too_large", "A change of %d bytes is too large for a clone; it may have %d. Make it on the master.", len(body), maxEditBody)
	}
	was, err := t.w.Get(editKey(kind.Name, key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read edit of %s %s: %w", kind.Name, key, err)
	}
	if err != nil {
		if err := t.countEdit(1); err != nil {
			return err
		}
	}
	b, err := json.Marshal(Edit{Kind: kind.Name, Name: key, Operation: operation, Body: body, Base: baseDigest(kind.Name, key, base, found), Time: t.l.c.Clock.Now(), Actor: actor})
	if err != nil {
		return fmt.Errorf("encode edit: %w", err)
	}
	if err := t.localEdit(editKey(kind.Name, key), was, b); err != nil {
		return err
	}
	return t.w.Put(editKey(kind.Name, key), b, 0)
}

// Edited says whether this clone has changed an object that is its master's.
func (s *Snapshot) Edited(kind mdc.Kind, name string) (bool, error) {
	_, err := s.r.Get(editKey(kind.Name, kind.Key(name)))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read edit of %s %s: %w", kind.Name, name, err)
	}
	return true, nil
}

func baseDigest(kind, key string, base []byte, found bool) string {
	if !found {
		return ""
	}
	return ObjectDigest(kind, key, base)
}

// same says whether an edit would leave the object as the master has it.
func same(operation string, body, base []byte, found bool) bool {
	if operation == Delete {
		return !found
	}
	return found && bytes.Equal(body, base)
}

// countEdit keeps the number of edits in the position, so that who has none pays nothing for them.
func (t *Tx) countEdit(n int) error {
	p, err := t.position()
	if err != nil {
		return err
	}
	if n > 0 && p.Edits >= MaxEdits {
		return fault.New(fault.Conflict, "too_many_edits", "This clone differs from its master in %d objects already; make changes on the master, or discard some of those here first.", MaxEdits)
	}
	p.Edits, t.moved = uint64(int64(p.Edits)+int64(n)), true
	return t.load()
}

func (t *Tx) dropEdit(kind, key string) (found bool, err error) {
	was, err := t.w.Get(editKey(kind, key))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read edit of %s %s: %w", kind, key, err)
	}
	if err := errors.Join(t.countEdit(-1), t.localEdit(editKey(kind, key), was, nil)); err != nil {
		return true, err
	}
	t.changes = append(t.changes, Change{Kind: kind, Name: key})
	return true, t.w.Delete(editKey(kind, key))
}

// Discard ends an edit: the master's object, or that it has none, counts here again. found is false when there was no edit.
func (t *Tx) Discard(kind mdc.Kind, name string) (found bool, err error) {
	return t.dropEdit(kind.Name, kind.Key(name))
}

// DiscardThese ends those of the edits that are still as they are given, and gives their number and that of the edits left.
func (t *Tx) DiscardThese(edits []Edit) (n, left int, err error) {
	n, err = t.dropEdits(func(e Edit, _ []byte, _ bool) bool { return slices.ContainsFunc(edits, e.Same) })
	if err == nil {
		left, err = t.EditCount()
	}
	return n, left, err
}

// Same says whether two are one edit: the same object, made at the same time.
func (e Edit) Same(o Edit) bool {
	return e.Kind == o.Kind && e.Name == o.Name && e.Operation == o.Operation && e.Time.Equal(o.Time)
}

// settleEdits ends the edits that a new copy of the master's objects has made pointless.
func (t *Tx) settleEdits() error {
	_, err := t.dropEdits(func(e Edit, base []byte, found bool) bool { return same(e.Operation, e.Body, base, found) })
	return err
}

// settleEdit ends the edit of one object when the master has made the same of it.
func (t *Tx) settleEdit(kind mdc.Kind, key, operation string, body []byte) error {
	e, found, err := t.editOf(kind, key)
	if err != nil || !found || e.Operation != operation || !bytes.Equal(e.Body, body) {
		return err
	}
	_, err = t.dropEdit(kind.Name, key)
	return err
}

func (t *Tx) dropEdits(drop func(e Edit, base []byte, found bool) bool) (n int, err error) {
	var gone []Edit
	err = t.eachEdit(func(e Edit, base []byte, found bool) error {
		if drop(e, base, found) {
			gone = append(gone, e)
		}
		return nil
	})
	for _, e := range gone {
		if err != nil {
			break
		}
		_, err = t.dropEdit(e.Kind, e.Name)
	}
	return len(gone), err
}

// EditCount is how many objects differ here from the master's copy by edits.
func (s *Snapshot) EditCount() (int, error) {
	p, err := s.position()
	if err != nil {
		return 0, err
	}
	return int(p.Edits), nil //nolint:gosec // at most MaxEdits
}

// Edits gives every edit, in the order of kinds' names and their own.
func (s *Snapshot) Edits() (out []Edit, err error) {
	err = s.eachEdit(func(e Edit, base []byte, found bool) error {
		e.Moved = !e.over(base, found)
		out = append(out, e)
		return nil
	})
	return out, err
}

// eachEdit visits edits with what the master has in their place. One of a kind that this version does not know stays where it
// is and is not visited.
func (s *Snapshot) eachEdit(visit func(e Edit, base []byte, found bool) error) error {
	p, err := s.position()
	if err != nil || p.Edits == 0 {
		return err
	}
	return s.r.Range(store.Span{Prefix: editSpace}, func(_, v []byte) error {
		e, err := readEdit(v)
		if err != nil {
			return err
		}
		kind, ok := s.l.kinds[e.Kind]
		if !ok {
			return nil
		}
		base, found, err := s.base(kind, e.Name)
		if err != nil {
			return err
		}
		return visit(e, base, found)
	})
}

// editOf gives the edit of an object, if it has one.
func (s *Snapshot) editOf(kind mdc.Kind, key string) (e Edit, found bool, err error) {
	p, err := s.position()
	if err != nil || p.Edits == 0 || kind.Scope != mdc.Replicated {
		return e, false, err
	}
	b, err := s.r.Get(editKey(kind.Name, key))
	if errors.Is(err, store.ErrNotFound) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("read edit of %s %s: %w", kind.Name, key, err)
	}
	e, err = readEdit(b)
	return e, err == nil, err
}

func readEdit(b []byte) (e Edit, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("decode edit: %w", err)
	}
	return e, nil
}

// rangeEdited is Range where there are edits: the master's objects with the edits merged in, in the order of keys.
func (s *Snapshot) rangeEdited(kind mdc.Kind, after string, visit func(key string, body []byte) error) error {
	var edits []Edit
	span := store.Span{Prefix: editPrefix(kind.Name)}
	if after != "" {
		span.After = editKey(kind.Name, after)
	}
	err := s.r.Range(span, func(_, v []byte) error {
		e, err := readEdit(v)
		edits = append(edits, e)
		return err
	})
	if err != nil {
		return err
	}
	stopped := false
	show := func(key string, body []byte) error {
		err := visit(key, body)
		stopped = stopped || errors.Is(err, store.ErrStop)
		return err
	}
	// before shows the edits of objects that the master does not have, up to a key.
	before := func(passed func(name string) bool) error {
		for len(edits) > 0 && passed(edits[0].Name) {
			e := edits[0]
			if edits = edits[1:]; e.Operation == Delete || !e.over(nil, false) {
				continue
			}
			if err := show(e.Name, e.Body); err != nil {
				return err
			}
		}
		return nil
	}
	err = s.rangeBase(kind, after, func(key string, body []byte) error {
		if err := before(func(name string) bool { return name < key }); err != nil {
			return err
		}
		if len(edits) > 0 && edits[0].Name == key {
			e := edits[0]
			if edits = edits[1:]; e.over(body, true) && e.Operation == Delete {
				return nil
			} else if e.over(body, true) {
				body = e.Body
			}
		}
		return show(key, body)
	})
	if err == nil && !stopped {
		if err = before(func(string) bool { return true }); errors.Is(err, store.ErrStop) {
			err = nil
		}
	}
	return err
}
