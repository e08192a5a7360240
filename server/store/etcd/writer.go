package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

var (
	errOver     = errors.New("use transaction: its function has returned")
	errVisiting = errors.New("write transaction: a range is under way")
)

// entry is what a group will do to one key.
type entry struct {
	raw     []byte // as stored; nil = delete
	expires int64  // Unix seconds; 0 = never
}

// writer is the Writer of one update function: its own writes over those of the functions before it in the group, over the
// snapshot.
type writer struct {
	s        *Store
	ctx      context.Context
	snap     snapshot
	group    *unit
	mine     map[string]entry
	ops      int
	bytes    int
	visiting int   // ranges under way
	over     bool  // the function has returned; what it kept of the writer is dead
	err      error // the first refused write; the function fails with it even if it goes on
	crowded  bool  // it was refused because of what others of the group write
	failed   error // the first read that etcd did not answer: nothing this function made of it counts
}

// Get reads one key.
func (w *writer) Get(key []byte) ([]byte, error) {
	if w.over {
		return nil, errOver
	}
	if e, ok := w.mine[string(key)]; ok {
		return w.s.decode(e.raw)
	}
	if e, ok := w.group.writes[string(key)]; ok {
		return w.s.decode(e.raw)
	}
	raw, err := w.s.get(w.ctx, w.snap, key)
	if err != nil {
		return nil, w.fail(err)
	}
	return w.s.decode(raw)
}

// Range merges the writes with what etcd holds.
func (w *writer) Range(sp store.Span, visit func(key, value []byte) error) error {
	if w.over {
		return errOver
	}
	w.visiting++
	defer func() { w.visiting-- }()
	var own error
	err := w.s.visit(w.ctx, w.snap, sp, w.overlay(boundsOf(sp)), func(key, value []byte) error {
		own = visit(key, value)
		return own
	})
	if err != nil && own == nil {
		return w.fail(err)
	}
	return err
}

func (w *writer) fail(err error) error {
	if w.failed == nil {
		w.failed = err
	}
	return err
}

// overlay gives the writes within b in its order.
func (w *writer) overlay(b bounds) (out []write) {
	for key, e := range w.group.writes {
		if _, again := w.mine[key]; !again && b.holds([]byte(key)) {
			out = append(out, write{key, e})
		}
	}
	for key, e := range w.mine {
		if b.holds([]byte(key)) {
			out = append(out, write{key, e})
		}
	}
	slices.SortFunc(out, func(x, y write) int {
		if b.reverse {
			return strings.Compare(y.key, x.key)
		}
		return strings.Compare(x.key, y.key)
	})
	return out
}

// Put copies key and value.
func (w *writer) Put(key, value []byte, ttl time.Duration) error {
	if ttl < 0 {
		return w.refuse(fmt.Errorf("write key %q: the time to live %v is below zero", key, ttl))
	}
	return w.put(key, value, expiry(w.s.clockNow(), ttl))
}

func (w *writer) put(key, value []byte, expires int64) error {
	if err := w.admit(key, value, expires); err != nil {
		return err
	}
	w.mine[string(key)] = entry{wrap(value, expires), expires}
	return nil
}

// Delete copies key.
func (w *writer) Delete(key []byte) error {
	if err := w.admit(key, nil, 0); err != nil {
		return err
	}
	w.mine[string(key)] = entry{}
	return nil
}

func (w *writer) refuse(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

// admit counts a write and refuses what cannot be committed.
func (w *writer) admit(key, value []byte, expires int64) error {
	if w.err == nil {
		w.err = w.refusal(key, value, expires)
	}
	w.ops++
	w.bytes += len(key) + len(value)
	return w.err
}

func (w *writer) refusal(key, value []byte, expires int64) error {
	switch {
	case w.over:
		return errOver
	case w.visiting > 0:
		return errVisiting
	case len(key) == 0:
		return errors.New("write key: it is empty")
	case w.group.ops+w.ops >= maxOps || w.group.bytes+w.bytes+len(key)+len(value) > w.group.mayHold():
		w.crowded = w.group.ops > 0
		return store.ErrTooLarge
	}
	m := w.s.cfg.Mirror
	switch {
	case m == nil || !bytes.Equal(key, m.Key):
		return nil
	case len(value) > mirror.MaxValue:
		return store.ErrTooLarge
	case expires > 0:
		return fmt.Errorf("write key %q: the mirrored key cannot expire", key)
	}
	return nil
}
