package seal

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// NewKeyset makes a fresh XChaCha20-Poly1305 keyset for one of mdc.Purposes in Tink's JSON serialization, in clear: what
// mdc.Keyset carries. Each purpose gets a keyset of its own, so that a text of one opens under no other.
func NewKeyset(purpose string) ([]byte, error) {
	if !slices.Contains(mdc.Purposes(), purpose) {
		return nil, fmt.Errorf("make keyset: no purpose %q", purpose)
	}
	h, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make keyset: %w", err)
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return b.Bytes(), nil
}

// OpenKeyset makes the primitive of a keyset that NewKeyset made.
func OpenKeyset(b []byte) (tink.AEAD, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("read keyset: %w", err)
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("use keyset: %w", err)
	}
	return a, nil
}

// Ring is the Keysets that app fills from the replicated keyset objects. The zero value has no keys and refuses to seal and
// to open. Safe for concurrent use.
type Ring struct{ current atomic.Pointer[ringState] }

type ringState struct {
	primitives map[string]tink.AEAD
	generation uint64
}

var _ Keysets = (*Ring)(nil)

// Set replaces all keysets: purpose to Tink JSON. On an error the ring is unchanged.
func (r *Ring) Set(keysets map[string][]byte) error {
	next := &ringState{primitives: make(map[string]tink.AEAD, len(keysets))}
	for purpose, b := range keysets {
		a, err := OpenKeyset(b)
		if err != nil {
			return fmt.Errorf("set keyset %s: %w", purpose, err)
		}
		next.primitives[purpose] = a
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

// AEAD gives the primitive of purpose, or an error while the data center has no keyset for it.
func (r *Ring) AEAD(purpose string) (tink.AEAD, error) {
	if s := r.current.Load(); s != nil && s.primitives[purpose] != nil {
		return s.primitives[purpose], nil
	}
	return nil, fmt.Errorf("no keyset for %s yet", purpose)
}

// Generation counts the calls of Set.
func (r *Ring) Generation() uint64 {
	if s := r.current.Load(); s != nil {
		return s.generation
	}
	return 0
}
