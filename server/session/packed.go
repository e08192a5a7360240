package session

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/slab"
)

// Sessions lie in memory in two forms. Those in use just now are residents: decoded, shared by all their cookies, a bounded number. Every
// session that this process has written or read is packed beside them, some 150 bytes each and outside of the collector's sight, so that
// who comes back finds it without the store. What is packed is what the store holds: it is written and deleted under the sign-on's lock,
// with the store, and the last access in it is the one that was written last. What is not in it is read from the store.

// keep packs a session as the store holds it. The caller holds the sign-on's lock. What cannot be packed exactly is not kept.
func (e *Engine) keep(s *mdc.Session, last time.Time) {
	id, ok := parse128(string(s.ID))
	if !ok {
		return
	}
	var room [512]byte
	b, ok := packSession(room[:0], s)
	if !ok {
		e.packed.Delete(id.slab())
		return
	}
	e.packed.Put(id.slab(), slab.Record{Bytes: b, Until: s.ExpiresAt.Add(margin).Unix(), Time: last.UnixMilli()})
}

// keepRecord is keep for a session that is encoded as the store has it.
func (e *Engine) keepRecord(s *mdc.Session, v []byte, last time.Time) {
	if id, ok := parse128(string(s.ID)); ok && len(v) > 0 && v[0] == recordPacked {
		e.packed.Put(id.slab(), slab.Record{Bytes: v[1:], Until: s.ExpiresAt.Add(margin).Unix(), Time: last.UnixMilli()})
		return
	}
	e.keep(s, last)
}

// kept gives a session that is packed, as a new one, and the last access that is in the store.
func (e *Engine) kept(id mdc.SessionID) (s *mdc.Session, last time.Time, ok bool) {
	key, ok := parse128(string(id))
	if !ok {
		return nil, last, false
	}
	ok = e.packed.View(key.slab(), func(r slab.Record) {
		s, last = unpackSession(id, r.Bytes), time.UnixMilli(r.Time).UTC()
	})
	return s, last, ok && s != nil
}

// unkeep forgets it. The caller holds the sign-on's lock.
func (e *Engine) unkeep(id mdc.SessionID) {
	if key, ok := parse128(string(id)); ok {
		e.packed.Delete(key.slab())
	}
}
