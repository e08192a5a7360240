package seal

import (
	"bytes"
	"fmt"
	"slices"

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
	return write(h)
}

// AddKey gives the keyset with one more key, which opens and does not seal yet, and the id of that key, none of those in taken.
func AddKey(b []byte, taken func(id uint32) bool) (out []byte, id uint32, err error) {
	h, err := read(b)
	if err != nil {
		return nil, 0, err
	}
	for {
		m := keyset.NewManagerFromHandle(h)
		if id, err = m.Add(aead.XChaCha20Poly1305KeyTemplate()); err != nil {
			return nil, 0, fmt.Errorf("add key: %w", err)
		}
		if taken(id) {
			continue
		}
		out, err = written(m)
		return out, id, err
	}
}

// Promote gives the keyset with a key of it as the one that seals.
func Promote(b []byte, id uint32) ([]byte, error) {
	return edit(b, func(m *keyset.Manager) error { return m.SetPrimary(id) })
}

// RemoveKey gives the keyset without a key, which is not the one that seals. A key that is not there is no error.
func RemoveKey(b []byte, id uint32) ([]byte, error) {
	_, all, err := KeysOf(b)
	if err != nil || !slices.Contains(all, id) {
		return b, err
	}
	return edit(b, func(m *keyset.Manager) error { return m.Delete(id) })
}

// KeysOf gives the ids of a keyset's keys: the one that seals, and all of them.
func KeysOf(b []byte) (sealing uint32, all []uint32, err error) {
	h, err := read(b)
	if err != nil {
		return 0, nil, err
	}
	info := h.KeysetInfo()
	for _, k := range info.GetKeyInfo() {
		all = append(all, k.GetKeyId())
	}
	return info.GetPrimaryKeyId(), all, nil
}

// OpenKeyset makes the primitive of a keyset that NewKeyset made.
func OpenKeyset(b []byte) (tink.AEAD, error) {
	h, err := read(b)
	if err != nil {
		return nil, err
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, fmt.Errorf("use keyset: %w", err)
	}
	return a, nil
}

func edit(b []byte, change func(*keyset.Manager) error) ([]byte, error) {
	h, err := read(b)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManagerFromHandle(h)
	if err := change(m); err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	return written(m)
}

func written(m *keyset.Manager) ([]byte, error) {
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	return write(h)
}

func read(b []byte) (*keyset.Handle, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("read keyset: %w", err)
	}
	return h, nil
}

func write(h *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return b.Bytes(), nil
}
