package seal

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// Ring is the Keysets that app fills from the replicated keyset objects. The zero value has no keys and refuses to seal and
// to open. Safe for concurrent use.
type Ring struct {
	current atomic.Pointer[ringState]
	foreign atomic.Pointer[Foreign]
}

type ringState struct {
	sets       map[string]ringSet
	generation uint64
}

// ringSet is the keyset of one purpose.
type ringSet struct {
	primitive tink.AEAD
	ids       []uint32
}

var _ Keysets = (*Ring)(nil)

// Set replaces all keysets: purpose to Tink JSON. On an error the ring is unchanged.
func (r *Ring) Set(keysets map[string][]byte) error {
	next := &ringState{sets: make(map[string]ringSet, len(keysets))}
	for purpose, b := range keysets {
		a, err := OpenKeyset(b)
		if err != nil {
			return fmt.Errorf("set keyset %s: %w", purpose, err)
		}
		_, ids, err := KeysOf(b)
		if err != nil {
			return fmt.Errorf("set keyset %s: %w", purpose, err)
		}
		next.sets[purpose] = ringSet{a, ids}
	}
	for {
		last := r.current.Load()
		next.generation = 1
		if last != nil {
			next.generation = last.generation + 1
		}
		if r.current.CompareAndSwap(last, next) {
			return nil
		}
	}
}

// Ask lets the ring ask the data center that sealed a text for a key that it has not. Called once, before the ring is used.
func (r *Ring) Ask(f *Foreign) { r.foreign.Store(f) }

// AEAD gives the primitive of purpose, or an error while the data center has no keyset for it.
func (r *Ring) AEAD(purpose string) (tink.AEAD, error) {
	if s := r.current.Load(); s != nil && s.sets[purpose].primitive != nil {
		return s.sets[purpose].primitive, nil
	}
	return nil, fmt.Errorf("no keyset for %s yet", purpose)
}

// Opener gives the primitive that opens what issuer sealed for purpose with a key. A key that is not here is asked for, once;
// ErrOpen where that does not help.
func (r *Ring) Opener(purpose, issuer string, key uint32) (tink.AEAD, error) {
	own, err := r.AEAD(purpose)
	if err != nil {
		return nil, err
	}
	if slices.Contains(r.current.Load().sets[purpose].ids, key) {
		return own, nil
	}
	if f := r.foreign.Load(); f != nil {
		if a := f.opener(purpose, issuer, key); a != nil {
			return a, nil
		}
	}
	return nil, ErrOpen
}

// Generation counts the calls of Set, and what became of foreign keys.
func (r *Ring) Generation() (n uint64) {
	if s := r.current.Load(); s != nil {
		n = s.generation
	}
	if f := r.foreign.Load(); f != nil {
		n += f.changes.Load()
	}
	return n
}
