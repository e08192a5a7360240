package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// touched are the sessions whose last access is not in the store yet, striped by id. An entry stays when the resident is dropped from
// memory: of a resident that is held, its own last access counts, which goes on without a lock.
type touched struct {
	flushing sync.Mutex // held over a whole Flush
	stripes  [16]stripe
}

type stripe struct {
	mu      sync.Mutex // guards both
	waiting map[random128]unwritten
	writing map[random128]unwritten // those that a Flush has taken; they count until the store has them
}

// unwritten has no pointer, so that the collector does not look at a million of them.
type unwritten struct {
	last    int64  // Unix milliseconds
	expires uint32 // absolute expiry of the session, Unix seconds, not before it
	used    bool   // by a request here, and not only told of
	members bool   // other data centers have the sign-on too
}

func (u unwritten) with(other unwritten) unwritten {
	return unwritten{last: max(u.last, other.last), expires: max(u.expires, other.expires), used: u.used || other.used, members: u.members || other.members}
}

func (t *touched) stripe(id *random128) *stripe { return &t.stripes[int(id[1])%len(t.stripes)] }

// note adds what a resident knows.
func (t *touched) note(r *resident) {
	s := r.session.Load()
	t.add(r.id, unwritten{last: r.last.Load(), expires: uint32(min(max(s.ExpiresAt.Unix()+1, 0), math.MaxUint32)), used: r.used.Load(), members: len(s.Members) > 0})
}

func (t *touched) add(id random128, u unwritten) {
	s := t.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(map[random128]unwritten)
	}
	s.waiting[id] = s.waiting[id].with(u)
}

// get gives the last access that is not written yet, 0 for none.
func (t *touched) get(id random128) (last int64) {
	s := t.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.waiting[id].last, s.writing[id].last)
}

func (t *touched) forget(id random128) {
	s := t.stripe(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
	delete(s.writing, id)
}

// unwritten gives the last access of a session that is not in the store yet, the zero time for none.
func (e *Engine) unwritten(id mdc.SessionID) (t time.Time) {
	if key, ok := parse128(string(id)); ok {
		if ms := e.touched.get(key); ms != 0 {
			t = time.UnixMilli(ms).UTC()
		}
	}
	return t
}

// touch is one entry that a Flush has taken.
type touch struct {
	id random128
	unwritten
	resident *resident // nil: it is not held
}

// take gives what waits.
func (s *stripe) take() []touch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing, s.waiting = s.waiting, nil
	out := make([]touch, 0, len(s.writing))
	for id, u := range s.writing {
		out = append(out, touch{id: id, unwritten: u})
	}
	return out
}

// ended says that somebody has forgotten an entry since it was taken.
func (s *stripe) ended(id random128) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.writing[id]
	return !ok
}

func (s *stripe) written() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = nil
}

// maxFlush is how many last accesses one transaction writes.
const maxFlush = 2000

// Flush writes the last accesses that are in memory only. Run calls it; app calls it once more after Run has ended.
func (e *Engine) Flush(ctx context.Context) error {
	e.touched.flushing.Lock()
	defer e.touched.flushing.Unlock()
	for i := range e.touched.stripes {
		if err := e.flushStripe(ctx, &e.touched.stripes[i]); err != nil {
			return fmt.Errorf("write last accesses: %w", err)
		}
	}
	return nil
}

func (e *Engine) flushStripe(ctx context.Context, s *stripe) error {
	all := s.take()
	defer s.written()
	for len(all) > 0 {
		n := min(len(all), maxFlush)
		if err := e.flush(ctx, s, all[:n]); err != nil {
			e.giveBack(s, all)
			return err
		}
		e.spread(ctx, usedOf(all[:n]))
		all = all[n:]
	}
	return nil
}

// giveBack lets what could not be written wait again, but for what has ended since.
func (e *Engine) giveBack(s *stripe, all []touch) {
	for _, t := range all {
		if s.ended(t.id) {
			continue
		}
		e.touched.add(t.id, t.unwritten)
		if t.resident != nil {
			t.resident.dirty.Store(true)
		}
	}
}

func (e *Engine) flush(ctx context.Context, s *stripe, all []touch) error {
	for i := range all {
		e.latest(&all[i])
	}
	now := e.now()
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		for i := range all {
			t := &all[i]
			expires := time.Unix(int64(t.expires), 0)
			if s.ended(t.id) || !expires.After(now) {
				continue
			}
			v := binary.BigEndian.AppendUint64(nil, uint64(t.last))
			if err := w.Put(keyAccess(mdc.SessionID(t.id.text())), v, life(expires, now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range all {
		e.packed.Raise(all[i].id.slab(), all[i].last)
	}
	return nil
}

// latest adds what the resident knows, if there is one.
func (e *Engine) latest(t *touch) {
	r, ok := e.residents.peek(mdc.SessionID(t.id.text()))
	if !ok {
		return
	}
	t.resident = r
	r.dirty.Store(false) // before last is read: a touch in between comes again
	t.last, t.members = max(t.last, r.last.Load()), len(r.session.Load().Members) > 0
	t.used = r.used.Swap(false) || t.used
}

// usedOf gives those that were used here, and of which members may not know.
func usedOf(all []touch) (used []touch) {
	for _, t := range all {
		if t.used && t.members {
			used = append(used, t)
		}
	}
	return used
}

// spread notes for the members what was used here since the last time.
func (e *Engine) spread(ctx context.Context, used []touch) {
	for _, t := range used {
		s, err := e.present(ctx, t)
		if err != nil { // they ask before a session ends for idleness
			e.cfg.Logger.Debug("members are not told of a use", "error", err)
		}
		if s == nil {
			continue
		}
		for _, member := range s.Members {
			if e.registered(member) {
				e.news.add(member, s.SSOID, t.last)
			}
		}
	}
}

// present gives the session of an entry; nil when it has ended.
func (e *Engine) present(ctx context.Context, t touch) (s *mdc.Session, err error) {
	if t.resident != nil {
		return t.resident.session.Load(), nil
	}
	id := mdc.SessionID(t.id.text())
	if s, _, ok := e.kept(id); ok {
		return s, nil
	}
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error { s, err = readSession(r, id); return err })
	if err != nil {
		return nil, fmt.Errorf("read session %s: %w", id, err)
	}
	return s, nil
}
