package badger

import (
	"errors"
	"fmt"
	"runtime/debug"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
)

// assembly is a group in the making: who is in it and what their functions wrote. It belongs to the worker that makes it and then
// commits it; of what it wrote, the next group's functions read.
type assembly struct {
	s        *Store
	overlay  *overlay
	base     *snapshot        // what its functions read below the overlay
	known    map[string]found // what they read there
	requests []*group.Request // whose functions ran and who wait for the commit
	ops      int              // also of functions that failed: it bounds the overlay
	bytes    int
	turn     bool // its worker may commit

	txn     *engine.Txn // what is to be written; nil = nothing
	version uint64      // that it gets
	commits uint64      // see commitsKey
	err     error       // why it cannot be written
}

// found is what the base has for a key, as it is stored; nil = nothing.
type found struct{ raw []byte }

// mostKnown bounds what is remembered of the base, in keys; longer values are not.
const (
	mostKnown  = 1024
	longestRaw = 16 << 10
)

func newAssembly(s *Store) *assembly {
	return &assembly{s: s, overlay: newOverlay(), known: map[string]found{}}
}

func (g *assembly) reset() {
	g.overlay.reset()
	clear(g.requests)
	clear(g.known)
	*g = assembly{s: g.s, overlay: g.overlay, known: g.known, requests: g.requests[:0]}
}

// below reads what the base has for a key. It stays the same for the whole group, whose functions mostly ask for the same few things and
// each for its own twice, so that is remembered.
func (g *assembly) below(key []byte) ([]byte, error) {
	f, again := g.known[string(key)]
	if !again {
		raw, err := g.s.raw(g.base, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		f.raw = raw
		if len(g.known) < mostKnown && len(raw) <= longestRaw {
			g.known[string(key)] = f
		}
	}
	if f.raw == nil {
		return nil, store.ErrNotFound
	}
	return g.s.decode(f.raw)
}

// run runs one function and keeps or drops its writes. False = others of the group left it too little room.
func (g *assembly) run(r *group.Request) bool {
	g.overlay.begin()
	w := &writer{g: g}
	err := g.call(r.Fn, w)
	w.over = true
	if w.crowded {
		g.overlay.rollback()
		return false
	}
	g.ops += w.ops + 1
	g.bytes += w.bytes
	if err == nil {
		err = w.err
	}
	if r.Err = err; err != nil {
		g.overlay.rollback()
		return true
	}
	r.Events = g.overlay.events()
	return true
}

// call turns a panic of fn into its error.
func (g *assembly) call(fn func(store.Writer) error, w *writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.s.cfg.Logger.Error("update function panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("run update: panic: %v", p)
		}
	}()
	return fn(w)
}

// answer ends what its callers wait for. When the commit failed, functions that failed by themselves get its error too: they may have
// failed because of what they saw of the others.
func (g *assembly) answer(err error) {
	for i, r := range g.requests {
		if err != nil {
			r.Err = err
		}
		g.requests[i] = nil // answered
		r.Answer(r.Err)
	}
	g.requests = g.requests[:0]
}
