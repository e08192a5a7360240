package badger

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

var (
	errOver     = errors.New("use transaction: its function has returned")
	errVisiting = errors.New("write transaction: a range is under way")
)

// enginePrefix begins Badger's own keys, which it hides and refuses.
const enginePrefix = "!badger!"

// writer is the Writer of one update function: the group's overlay over the last snapshot.
type writer struct {
	g        *assembly
	ops      int
	bytes    int
	visiting int   // ranges under way
	over     bool  // the function has returned; what it kept of the writer is dead
	err      error // the first refused write; the function fails with it even if it goes on
	crowded  bool  // it was refused because of what others of the group write
}

// Get sees the function's own writes, then those of the functions before it in the group, then the database.
func (w *writer) Get(key []byte) ([]byte, error) {
	if w.over {
		return nil, errOver
	}
	switch e := w.g.overlay.get(string(key)); e.kind {
	case put:
		return w.g.s.decode(e.raw)
	case deleted:
		return nil, store.ErrNotFound
	}
	return w.g.below(key)
}

// Range merges the overlay with the database.
func (w *writer) Range(sp store.Span, visit func(key, value []byte) error) error {
	if w.over {
		return errOver
	}
	w.visiting++
	defer func() { w.visiting-- }()
	return w.g.s.scan(w.g.base, w.g.overlay, sp, never, visit)
}

func never() error { return nil }

// Put copies key and value.
func (w *writer) Put(key, value []byte, ttl time.Duration) error {
	if err := w.admit(key, value, ttl); err != nil {
		return err
	}
	e := entry{kind: put}
	if ttl > 0 {
		e.raw = wrap(value, expiry(w.g.s.clockNow(), ttl))
		e.expires = uint64(expiry(time.Now(), ttl))
	} else {
		e.raw = wrap(value, 0)
	}
	w.g.overlay.set(key, e)
	return nil
}

// Delete copies key.
func (w *writer) Delete(key []byte) error {
	if err := w.admit(key, nil, 0); err != nil {
		return err
	}
	w.g.overlay.set(key, entry{kind: deleted})
	return nil
}

// admit counts a write and refuses what cannot be committed.
func (w *writer) admit(key, value []byte, ttl time.Duration) error {
	if w.err == nil {
		w.err = w.refusal(key, value, ttl)
	}
	w.ops++
	w.bytes += len(key) + len(value)
	return w.err
}

func (w *writer) refusal(key, value []byte, ttl time.Duration) error {
	limits := w.g.s.limits
	switch {
	case w.over:
		return errOver
	case w.visiting > 0:
		return errVisiting
	case len(key) == 0 || bytes.HasPrefix(key, []byte(enginePrefix)):
		return fmt.Errorf("write key %q: empty or reserved", key)
	case ttl < 0:
		return fmt.Errorf("write key %q: the time to live %v is below zero", key, ttl)
	case len(key) > maxKey || len(value) > maxValue:
		return store.ErrTooLarge
	case w.g.ops+w.ops >= limits.Ops || w.g.bytes+w.bytes+len(key)+len(value) > limits.Bytes:
		w.crowded = w.g.ops > 0
		return store.ErrTooLarge
	}
	return w.mirrorRefusal(key, value, ttl)
}

func (w *writer) mirrorRefusal(key, value []byte, ttl time.Duration) error {
	m := w.g.s.cfg.Mirror
	switch {
	case m == nil || !bytes.Equal(key, m.Key):
		return nil
	case len(value) > MaxMirrored:
		return store.ErrTooLarge
	case ttl > 0:
		return fmt.Errorf("write key %q: the mirrored key cannot expire", key)
	}
	return nil
}
