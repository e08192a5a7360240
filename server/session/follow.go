package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow keeps the sessions in memory in step with what other nodes write to the same store, until ctx ends, and wakes what
// waits for something to send. Its own writes come again and change nothing.
func (e *Engine) Follow(ctx context.Context) {
	store.Follow(ctx, e.cfg.Sessions, nil, e.refresh, func(events []store.Event) error {
		for _, ev := range events {
			if err := e.told(ctx, ev); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		e.followed.Failed(err)
		e.cfg.Logger.Warn("sessions of other nodes are not followed; trying again", "error", err)
	})
}

// refresh lets every session in memory be read anew at its next use. What is not written yet of its last access stays.
func (e *Engine) refresh(context.Context) error {
	e.unload(func() {
		e.packed.Clear()
		e.residents.clear()
	})
	e.pending.Store(true)
	e.nudge()
	e.followed.Well()
	return nil
}

// Reread takes over what other nodes did to the sign-ons while this one heard nothing: what was ended is denied, and every session in memory
// is read anew at its next use.
func (e *Engine) Reread(ctx context.Context) error {
	if err := e.log.Reread(ctx); err != nil {
		return err
	}
	return e.refresh(ctx)
}

// Following is why what other nodes do to sessions, or the sign-ons that they end, do not count here at once; nil = they do.
func (e *Engine) Following() error { return errors.Join(e.followed.Health(), e.log.Following()) }

// told takes one change of the store over.
func (e *Engine) told(ctx context.Context, ev store.Event) error {
	key := string(ev.Key)
	id := mdc.SessionID(key[min(2, len(key)):])
	switch {
	case len(key) < 3:
	case strings.HasPrefix(key, "s/") && ev.Value == nil:
		e.unload(func() { e.gone(&mdc.Session{ID: id}) })
	case strings.HasPrefix(key, "s/"):
		return e.toldSession(ctx, id, ev.Value)
	case strings.HasPrefix(key, "a/") && len(ev.Value) == 8:
		e.toldAccess(id, int64(binary.BigEndian.Uint64(ev.Value)))
	case strings.HasPrefix(key, "d/") && ev.Value != nil:
		e.pending.Store(true)
	case strings.HasPrefix(key, "e/") && ev.Value != nil:
		if partner, _, ok := strings.Cut(key[2:], "/"); ok {
			e.log.Nudge(partner)
		}
	case strings.HasPrefix(key, "k/") && ev.Value != nil && e.calls != nil:
		e.calls.Wake()
	}
	return nil
}

// unload takes out of this memory what others did something to, so that nobody goes on with it who is finding it at this moment: who found it
// before it was taken out holds it before it is taken out again, or sees that ends moved, and reads it anew: see holdRead.
func (e *Engine) unload(takeOut func()) {
	for range 2 {
		e.ends.Add(1)
		takeOut()
	}
}

// holdRead is hold for a session that was read from the store after ends was. Another node may have ended it since, and its end may
// have been told here before there was anything to forget: then nothing would ever end it in this memory. false = it has ended.
func (e *Engine) holdRead(ctx context.Context, r *resident, ends uint64) (*resident, bool, error) {
	id := r.session.Load().ID
	r = e.hold(r)
	if e.ends.Load() == ends {
		return r, true, nil // an end that is told from now on finds it
	}
	var now *mdc.Session
	ends = e.ends.Load()
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) { now, err = readSession(r, id); return err })
	switch {
	case err != nil:
		e.dropHeld(id)
		return nil, false, fmt.Errorf("read session %s again: %w", id, err)
	case now == nil:
		e.gone(&mdc.Session{ID: id})
	default:
		e.keep(now, now.LastAccess)
		r.session.Store(now)
		e.keptSince(id, ends)
	}
	return r, now != nil, nil
}

// keptSince is for a session that was put into memory as it was read after ends was: if others have ended any meanwhile, perhaps this one, it
// is read anew at its next use.
func (e *Engine) keptSince(id mdc.SessionID, ends uint64) {
	if e.ends.Load() != ends {
		e.dropHeld(id)
	}
}

// dropHeld takes a session out of this memory; the store still has it, if it has not ended.
func (e *Engine) dropHeld(id mdc.SessionID) {
	e.residents.remove(id)
	e.unkeep(id)
}

// toldSession is for a session that is in memory here and was changed elsewhere. The event may be older than what is in
// memory, so the store is asked.
func (e *Engine) toldSession(ctx context.Context, id mdc.SessionID, v []byte) error {
	told, err := decodeSession(id, v)
	if err != nil {
		return err
	}
	defer e.lock(told.SSOID)() // before looking: who reads the store for it holds what was read under the same lock
	s, r := e.inMemory(id)
	if s == nil {
		return nil
	}
	have, err := encodeSession(s)
	if err != nil || bytes.Equal(have, v) {
		return err
	}
	if r == nil {
		e.unkeep(id)
		return nil
	}
	var now *mdc.Session
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error { now, err = readSession(r, id); return err })
	if err != nil || now == nil { // its end is an event of its own
		return err
	}
	e.keep(now, now.LastAccess)
	r.session.Store(now)
	return nil
}

// inMemory gives what is held or packed of a session; r is nil when it is not held, s when it is neither.
func (e *Engine) inMemory(id mdc.SessionID) (s *mdc.Session, r *resident) {
	if r, ok := e.residents.peek(id); ok {
		return r.session.Load(), r
	}
	s, _, _ = e.kept(id)
	return s, nil
}

// toldAccess raises the last access of a session in memory; it is written already.
func (e *Engine) toldAccess(id mdc.SessionID, ms int64) {
	if key, ok := parse128(string(id)); ok {
		e.packed.Raise(key.slab(), ms)
	}
	if r, ok := e.residents.peek(id); ok {
		e.raiseOnly(r, ms)
	}
}
