package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// margin is how long records outlive the absolute expiry, so that clocks may differ.
const margin = revocation.Skew

func keySession(id mdc.SessionID) []byte { return []byte("s/" + id) }
func keyAccess(id mdc.SessionID) []byte  { return []byte("a/" + id) }
func keyIndex(id mdc.SessionID) []byte   { return []byte("x/" + id) }
func keySSO(sso mdc.SSOID) []byte        { return []byte("o/" + sso) }
func keyCode(jti string) []byte          { return []byte("c/" + jti) }
func keyPending(sso mdc.SSOID) []byte    { return []byte("d/" + sso) }
func keyUser(s *mdc.Session) []byte {
	return []byte("u/" + mdc.FoldName(s.User) + "/" + s.Store + "/" + string(s.ID))
}

func ttl(s *mdc.Session, now time.Time) time.Duration { return life(s.ExpiresAt, now) }

// life is how long a record of a sign-on that ends at expires is kept. What is over already, but still read because stores
// drop by whole seconds, goes soon: nothing would be "for ever".
func life(expires, now time.Time) time.Duration { return max(expires.Sub(now)+margin, time.Second) }

// get gives nil for what is absent.
func get(r store.Reader, key []byte) ([]byte, error) {
	v, err := r.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// readSession gives nil when there is no session of that id.
func readSession(r store.Reader, id mdc.SessionID) (*mdc.Session, error) {
	v, err := get(r, keySession(id))
	if err != nil || v == nil {
		return nil, err
	}
	return decodeSession(id, v)
}

// readVia follows a key that holds a session's id.
func readVia(r store.Reader, key []byte) (*mdc.Session, error) {
	id, err := get(r, key)
	if err != nil || id == nil {
		return nil, err
	}
	return readSession(r, mdc.SessionID(id))
}

// readAccess gives the later of the session's own last access and what was written since.
func readAccess(r store.Reader, s *mdc.Session) (time.Time, error) {
	v, err := get(r, keyAccess(s.ID))
	if err != nil || len(v) != 8 {
		return s.LastAccess, err
	}
	if t := time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(); t.After(s.LastAccess) {
		return t, nil
	}
	return s.LastAccess, nil
}

// writeSession writes the record and every key that leads to it.
func writeSession(w store.Writer, s *mdc.Session, now time.Time) error {
	v, err := encodeSession(s)
	if err != nil {
		return err
	}
	return writeEncoded(w, s, v, now)
}

// writeEncoded is writeSession for a record that is encoded already: what the store runs, it runs for one caller after another.
func writeEncoded(w store.Writer, s *mdc.Session, v []byte, now time.Time) error {
	id, life := []byte(s.ID), ttl(s, now)
	if err := w.Put(keySession(s.ID), v, life); err != nil {
		return err
	}
	if err := w.Put(keySSO(s.SSOID), id, life); err != nil {
		return err
	}
	if err := w.Put(keyUser(s), []byte{1}, life); err != nil {
		return err
	}
	for _, incoming := range s.Index {
		if err := w.Put(keyIndex(incoming), id, life); err != nil {
			return err
		}
	}
	return nil
}

// deleteSession removes what writeSession wrote.
func deleteSession(w store.Writer, s *mdc.Session) error {
	keys := [][]byte{keySession(s.ID), keyAccess(s.ID), keySSO(s.SSOID), keyUser(s)}
	for _, incoming := range s.Index {
		keys = append(keys, keyIndex(incoming))
	}
	for _, k := range keys {
		if err := w.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// create keeps s unless this data center has a session of the sign-on already; it gives the one that is kept. also joins
// its own writes to the transaction. errFull when this data center has no place for another.
func (e *Engine) create(ctx context.Context, s *mdc.Session, also func(store.Writer) error) (*resident, error) {
	p, err := e.takePlace(ctx)
	if err != nil {
		return nil, err
	}
	defer p.done()
	defer e.lock(s.SSOID)()
	now, ends := e.now(), e.ends.Load()
	var kept *mdc.Session
	var last time.Time
	err = e.occupying(ctx, func(w store.Writer) (err error) {
		if kept, err = readVia(w, keySSO(s.SSOID)); err != nil {
			return err
		}
		if kept != nil {
			last, err = readAccess(w, kept)
			return err
		}
		if err := p.occupy(w); err != nil {
			return err
		}
		kept, last = s, s.LastAccess
		if err := returns(w, s); err != nil {
			return err
		}
		if err := writeSession(w, s, now); err != nil {
			return err
		}
		return also(w)
	})
	if err != nil || kept != s {
		p.giveBack()
	}
	if err != nil {
		return nil, fmt.Errorf("create session of %s: %w", s.SSOID, err)
	}
	e.keep(kept, last)
	r, _, err := e.holdRead(ctx, newResident(kept, last), ends) // one that has ended since is no session at its next use
	return r, err
}

// begin is create for a new sign-on: its ids are random, so nothing can be there that it would have to look for.
func (e *Engine) begin(ctx context.Context, s *mdc.Session, also func(store.Writer) error) (*resident, error) {
	p, err := e.takePlace(ctx)
	if err != nil {
		return nil, err
	}
	defer p.done()
	if !p.free {
		return nil, errFull
	}
	defer e.lock(s.SSOID)()
	now := e.now()
	v, err := encodeSession(s)
	if err == nil {
		err = e.occupying(ctx, func(w store.Writer) error {
			if err := p.occupy(w); err != nil {
				return err
			}
			if err := writeEncoded(w, s, v, now); err != nil {
				return err
			}
			return also(w)
		})
	}
	if err != nil {
		p.giveBack()
		return nil, fmt.Errorf("create session of %s: %w", s.SSOID, err)
	}
	e.keepRecord(s, v, s.LastAccess)
	return e.hold(newResident(s, s.LastAccess)), nil
}

// change rewrites the session of r. edit gets a copy it may change in place, maps and slices by replacing them; false
// leaves everything as it is. A session that has ended meanwhile stays ended.
func (e *Engine) change(ctx context.Context, r *resident, edit func(*mdc.Session) bool, also func(store.Writer) error) error {
	id, sso := r.session.Load().ID, r.session.Load().SSOID
	defer e.lock(sso)()
	now, ends := e.now(), e.ends.Load()
	var after *mdc.Session
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		before, err := readSession(w, id)
		after = before
		if err != nil || before == nil {
			return err
		}
		next := *before
		if edit(&next) {
			after = &next
			if err := rewrite(w, before, after, now); err != nil {
				return err
			}
		}
		return also(w)
	})
	if err != nil {
		return fmt.Errorf("change session %s: %w", id, err)
	}
	if after == nil {
		return nil
	}
	e.keep(after, after.LastAccess) // a later one that is packed stays
	r.session.Store(after)
	if other, ok := e.residents.peek(id); ok { // r may have left memory since the caller got it
		other.session.Store(after)
	}
	e.keptSince(id, ends)
	return nil
}

// rewrite drops the index keys that the new record has no more.
func rewrite(w store.Writer, before, after *mdc.Session, now time.Time) error {
	for _, incoming := range before.Index {
		if err := w.Delete(keyIndex(incoming)); err != nil {
			return err
		}
	}
	return writeSession(w, after, now)
}

// end deletes one session here, without a tombstone.
func (e *Engine) end(ctx context.Context, s *mdc.Session, reason string) error {
	e.places.changing.RLock()
	defer e.places.changing.RUnlock()
	defer e.lock(s.SSOID)()
	freed := false
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		current, err := readSession(w, s.ID)
		if freed = false; err != nil || current == nil {
			return err
		}
		if freed, err = e.remove(w, current); err != nil {
			return err
		}
		return e.append(ctx, w, about(current, actEnd, reason))
	})
	e.gone(s)
	if freed && err == nil {
		e.freed()
	}
	if err != nil {
		return fmt.Errorf("end session %s: %w", s.ID, err)
	}
	return nil
}

// remove deletes a session and says whether that frees a place.
func (e *Engine) remove(w store.Writer, s *mdc.Session) (freed bool, err error) {
	last, err := readAccess(w, s)
	if err != nil {
		return false, err
	}
	if freed = e.inUse(s, last); freed {
		err = e.vacate(w)
	}
	return freed, errors.Join(err, deleteSession(w, s))
}

// gone forgets in memory what is deleted. The caller holds the sign-on's lock.
func (e *Engine) gone(s *mdc.Session) {
	e.unkeep(s.ID)
	if r, ok := e.residents.peek(s.ID); ok {
		r.ended.Store(true) // before it is let go
		e.residents.remove(s.ID)
	}
	if id, ok := parse128(string(s.ID)); ok {
		e.touched.forget(id)
	}
}

func alone(store.Writer) error { return nil }
