package badger

import (
	"bytes"
	"errors"
	"fmt"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// interruptEvery is how many keys a range visits between two looks at its context.
const interruptEvery = 64

// scan visits the keys of sp in snap and, when it is not nil, in the overlay above it. interrupted is asked now and then and
// ends the range with its error.
func (s *Store) scan(snap *snapshot, over *overlay, sp store.Span, interrupted func() error,
	visit func(key, value []byte) error) error {
	m, err := s.newMerge(snap, over, newSpan(sp))
	if err != nil {
		return err
	}
	defer m.below.it.Close()
	for n := 0; ; n++ {
		if n%interruptEvery == 0 {
			if err := interrupted(); err != nil {
				return err
			}
		}
		key, raw, err := m.next()
		if err != nil || key == nil {
			return err
		}
		if err := s.visitOne(key, raw, visit); err != nil {
			if errors.Is(err, store.ErrStop) {
				return nil
			}
			return err
		}
	}
}

// visitOne leaves out what has expired.
func (s *Store) visitOne(key, raw []byte, visit func(key, value []byte) error) error {
	value, expires, err := unwrap(raw)
	if err != nil {
		return err
	}
	if expires != 0 && expires <= s.now() {
		return nil
	}
	return visit(key, value)
}

// merge joins the database's keys with the overlay's; where both have a key the overlay counts.
type merge struct {
	s     *Store
	snap  *snapshot
	span  span
	below below
	above above
}

func (s *Store) newMerge(snap *snapshot, over *overlay, sp span) (m *merge, err error) {
	defer s.damaged(snap, &err)
	return &merge{s: s, snap: snap, span: sp, below: newBelow(snap.txn, sp), above: newAbove(over, sp)}, nil
}

// next gives the next key that has a value, both for the visitor to keep; key is nil at the end.
func (m *merge) next() (key, raw []byte, err error) {
	defer m.s.damaged(m.snap, &err)
	for {
		low, high := m.below.key(), m.above.key()
		switch {
		case low == nil && high == nil:
			return nil, nil, nil
		case high == nil || low != nil && m.span.compare(low, high) < 0:
			return m.below.take()
		case low != nil && bytes.Equal(low, high):
			m.below.it.Next()
		}
		if e := m.above.take(); e.kind == put {
			return bytes.Clone(high), e.raw, nil
		}
	}
}

// below walks the database.
type below struct {
	it   *engine.Iterator
	span span
}

func newBelow(txn *engine.Txn, sp span) below {
	opt := engine.IteratorOptions{Reverse: sp.reverse} // values are inline: fetching ahead would only start goroutines
	if !sp.reverse {
		opt.Prefix = sp.prefix // leaves out tables; in reverse Badger would stop at the start key, which is outside
	}
	b := below{it: txn.NewIterator(opt), span: sp}
	b.it.Seek(sp.start)
	for sp.reverse && sp.start != nil && b.it.Valid() && bytes.Compare(b.it.Item().Key(), sp.start) >= 0 {
		b.it.Next()
	}
	return b
}

// key is nil at the end of the span.
func (b below) key() []byte {
	if !b.it.Valid() {
		return nil
	}
	if k := b.it.Item().Key(); bytes.HasPrefix(k, b.span.prefix) {
		return k
	}
	return nil
}

func (b below) take() (key, raw []byte, err error) {
	item := b.it.Item()
	key = item.KeyCopy(nil)
	if raw, err = item.ValueCopy(nil); err != nil {
		return nil, nil, fmt.Errorf("range value: %w", err)
	}
	b.it.Next()
	return key, raw, nil
}

// above walks the overlay.
type above struct {
	over *overlay
	keys []string // in the span, in its direction's order when walked from i by step
	i    int
	step int
}

func newAbove(over *overlay, sp span) above {
	if over == nil {
		return above{}
	}
	a := above{over: over, keys: over.ordered(sp.prefix), step: 1}
	if sp.reverse {
		a.step, a.i = -1, len(a.keys)-1
		if sp.start != nil {
			a.i = search(a.keys, sp.start) - 1
		}
		return a
	}
	a.i = search(a.keys, sp.start)
	return a
}

func (a *above) key() []byte {
	for ; a.i >= 0 && a.i < len(a.keys); a.i += a.step {
		if a.over.get(a.keys[a.i]).kind != absent {
			return []byte(a.keys[a.i])
		}
	}
	return nil
}

// take gives the entry under key() and goes on.
func (a *above) take() entry {
	e := a.over.get(a.keys[a.i])
	a.i += a.step
	return e
}
