package passphrase

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/crypto/argon2"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Uses of a key, each with a salt of its own: what is proved for one proves nothing for the other.
const (
	usePair = "concord-pair-1"
	useOpen = "concord-open-1"
)

// Cost of a key: the second option of RFC 9106 section 4.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	keySize      = 32
)

const maxKeys = 1024 // kept; more begin anew

// Keys derives keys from wrapped passphrases and keeps them: one derivation at a time, one for each passphrase. Safe for concurrent use.
type Keys struct {
	wrapper   journal.Wrapper
	clusterID string
	turn      chan struct{} // capacity 1: who derives

	mu   sync.RWMutex // guards made
	made map[[sha256.Size]byte][]byte
}

// NewKeys takes the node's key and the id of this data center.
func NewKeys(w journal.Wrapper, clusterID string) *Keys {
	return &Keys{wrapper: w, clusterID: clusterID, turn: make(chan struct{}, 1), made: map[[sha256.Size]byte][]byte{}}
}

// owner is the object that has a passphrase.
type owner struct {
	kind mdc.Kind
	name string
}

// key gives the key of a wrapped passphrase towards another data center. It may take a part of a second the first time.
func (k *Keys) key(ctx context.Context, use string, o owner, wrapped []byte, other string) ([]byte, error) {
	id := sha256.Sum256(parts([]byte(use), wrapped, []byte(mdc.FoldName(other))))
	if made := k.have(id); made != nil {
		return made, nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if made := k.have(id); made != nil { // somebody else's turn made it
		return made, nil
	}
	plain, err := k.wrapper.Unwrap(wrapped, mdc.PassphraseContext(o.kind, o.name))
	if err != nil {
		return nil, fmt.Errorf("read passphrase of %s %s: %w", o.kind.Name, o.name, err)
	}
	made := argon2.IDKey(plain, salt(use, k.clusterID, other), argonTime, argonMemory, argonThreads, keySize)
	clear(plain)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.made) >= maxKeys {
		clear(k.made)
	}
	k.made[id] = made
	return made, nil
}

func (k *Keys) have(id [sha256.Size]byte) []byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.made[id]
}

// Bits estimates the strength of a passphrase that is kept; ok is false when there is none that can be read.
func (k *Keys) Bits(h mdc.PassphraseHolder, kind mdc.Kind) (bits float64, ok bool) {
	p, _ := h.Shared()
	if len(p.Wrapped) == 0 {
		return 0, false
	}
	plain, err := k.wrapper.Unwrap(p.Wrapped, mdc.PassphraseContext(kind, h.ObjectName()))
	if err != nil {
		return 0, false
	}
	defer clear(plain)
	return mdc.PassphraseBits(string(plain)), true
}

// salt is the use and the two ids in order, so that both sides have the same.
func salt(use, a, b string) []byte {
	a, b = mdc.FoldName(a), mdc.FoldName(b)
	if b < a {
		a, b = b, a
	}
	return parts([]byte(use), []byte(a), []byte(b))
}

// parts joins with the length before each: two different lists never give the same bytes.
func parts(all ...[]byte) []byte {
	var out []byte
	for _, p := range all {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p))) //nolint:gosec // all are far shorter than 4 GiB
		out = append(out, p...)
	}
	return out
}

// mac is HMAC-SHA-256 over parts.
func mac(key []byte, all ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(parts(all...)) // never fails
	return h.Sum(nil)
}
