package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// Proved remembers for a while what somebody got for a password that was right, for programs that send it with each request: one
// argon2id a request would be a means to take the server down. What is kept is an HMAC-SHA-256 of the credentials under a
// key that only this process has, never the password; and the value by itself allows nothing: its user has to ask each time
// whether it is still good. Safe for concurrent use.
type Proved[V any] struct {
	capacity int
	life     time.Duration
	key      []byte // of this process alone

	mu  sync.Mutex // guards all
	all map[[32]byte]proof[V]
}

type proof[V any] struct {
	value V
	until time.Time
}

// NewProved keeps at most capacity values, each for life.
func NewProved[V any](capacity int, life time.Duration) *Proved[V] {
	return &Proved[V]{capacity: capacity, life: life, key: random(sha256.Size), all: map[[32]byte]proof[V]{}}
}

// Key stands for credentials: of all parts in their order, none of which can be taken for a part of another.
func (p *Proved[V]) Key(parts ...string) (k [32]byte) {
	m := hmac.New(sha256.New, p.key)
	for _, part := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		m.Write(n[:])
		m.Write([]byte(part))
	}
	m.Sum(k[:0])
	return k
}

// Get gives what was kept under k and has not expired.
func (p *Proved[V]) Get(k [32]byte, now time.Time) (v V, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.all[k]
	if !ok || !now.Before(e.until) {
		return v, false
	}
	return e.value, true
}

// Keep remembers v. A full memory forgets something else, whatever comes first.
func (p *Proved[V]) Keep(k [32]byte, v V, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.all[k]; !known && len(p.all) >= p.capacity {
		for other := range p.all {
			delete(p.all, other)
			break
		}
	}
	p.all[k] = proof[V]{v, now.Add(p.life)}
}

// Forget drops what was kept under k.
func (p *Proved[V]) Forget(k [32]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, k)
}
