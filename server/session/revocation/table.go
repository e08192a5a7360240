package revocation

import (
	"sync"
	"sync/atomic"
	"time"
)

// table is the memory of all live entries, for the request path.
type table struct {
	changes atomic.Uint64 // counts what was added

	mu   sync.RWMutex // guards the rest
	sso  map[string]time.Time
	user map[string]notBefore
}

type notBefore struct{ at, expires time.Time }

func newTable() *table {
	return &table{sso: make(map[string]time.Time), user: make(map[string]notBefore)}
}

// known says that e would change nothing.
func (t *table) known(e Entry) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e.Kind == KindSSO {
		expires, ok := t.sso[e.Key]
		return ok && !expires.Before(e.ExpiresAt)
	}
	n, ok := t.user[e.Key]
	return ok && !n.at.Before(e.At) && !n.expires.Before(e.ExpiresAt)
}

// add makes entries count. The change counter moves last: who read it before and looked afterwards saw them or looks again.
func (t *table) add(entries []Entry) {
	t.mu.Lock()
	for _, e := range entries {
		if e.Kind == KindSSO {
			t.sso[e.Key] = later(t.sso[e.Key], e.ExpiresAt)
			continue
		}
		n := t.user[e.Key]
		t.user[e.Key] = notBefore{at: later(n.at, e.At), expires: later(n.expires, e.ExpiresAt)}
	}
	t.mu.Unlock()
	t.changes.Add(1)
}

func (t *table) denies(sso, userKey string, authenticatedAt time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if _, ended := t.sso[sso]; ended {
		return true
	}
	n, ok := t.user[userKey]
	return ok && !n.at.Before(authenticatedAt)
}

func (t *table) notBefore(userKey string) time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.user[userKey].at
}

// sweep forgets what has expired: every session it could deny has expired before it.
func (t *table) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, expires := range t.sso {
		if expires.Before(now) {
			delete(t.sso, k)
		}
	}
	for k, n := range t.user {
		if n.expires.Before(now) {
			delete(t.user, k)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
