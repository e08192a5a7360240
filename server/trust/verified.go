package trust

import (
	"sync"
	"time"
)

// maxVerified bounds what one snapshot keeps of each sort: a partner's authority could otherwise fill our memory with fresh leaves.
const maxVerified = 4096

// verified keeps what was verified under one snapshot, until it ends. Failures are not kept: anybody can cause them, without end.
// The zero value keeps nothing, as a snapshot that trusts nobody must.
type verified[K comparable, V interface{ ends() time.Time }] struct {
	mu   sync.Mutex // guards kept
	kept map[K]V
}

// get gives the kept result while it is valid.
func (r *verified[K, V]) get(k K, now time.Time) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.kept[k]
	if ok && now.After(v.ends()) {
		delete(r.kept, k)
		var none V
		return none, false
	}
	return v, ok
}

// keep remembers a success.
func (r *verified[K, V]) keep(k K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		return
	}
	if len(r.kept) >= maxVerified {
		clear(r.kept)
	}
	r.kept[k] = v
}

func (p Peer) ends() time.Time   { return p.ExpiresAt }
func (c Caller) ends() time.Time { return c.ExpiresAt }
