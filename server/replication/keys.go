package replication

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const keyPlace = "h/k"

// Keys is this data center's X25519 HPKE key pair (RFC 9180, HKDF-SHA256, AES-256-GCM).
// Safe for concurrent use.
type Keys struct{ private hpke.PrivateKey }

// OpenKeys reads the key pair, or makes it at the first start. The private half is kept wrapped.
func OpenKeys(ctx context.Context, s store.Store, w journal.Wrapper) (*Keys, error) {
	if s == nil || w == nil {
		return nil, errors.New("open data center key: store and wrapper are needed")
	}
	fresh, err := kem().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make data center key: %w", err)
	}
	wrapped, err := wrapKey(w, fresh)
	if err != nil {
		return nil, err
	}
	err = s.Update(ctx, func(tx store.Writer) error {
		kept, err := tx.Get([]byte(keyPlace))
		if errors.Is(err, store.ErrNotFound) {
			return tx.Put([]byte(keyPlace), wrapped, 0)
		}
		if err == nil {
			wrapped = kept
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open data center key: %w", err)
	}
	return unwrapKey(w, wrapped)
}

func wrapKey(w journal.Wrapper, k hpke.PrivateKey) ([]byte, error) {
	raw, err := k.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode data center key: %w", err)
	}
	wrapped, err := w.Wrap(raw, []byte(keyPlace))
	if err != nil {
		return nil, fmt.Errorf("wrap data center key: %w", err)
	}
	return wrapped, nil
}

func unwrapKey(w journal.Wrapper, wrapped []byte) (*Keys, error) {
	raw, err := w.Unwrap(wrapped, []byte(keyPlace))
	if err != nil {
		return nil, fmt.Errorf("unwrap data center key: %w", err)
	}
	private, err := kem().NewPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("decode data center key: %w", err)
	}
	return &Keys{private}, nil
}

// Public gives the public half, 32 bytes. Partners keep it as a replicated data_center_key.
func (k *Keys) Public() []byte { return k.private.PublicKey().Bytes() }

// Seal encrypts plain so that only the holder of recipientPublic's private half can open it, in the same context.
func (k *Keys) Seal(recipientPublic, plain, context []byte) ([]byte, error) {
	public, err := kem().NewPublicKey(recipientPublic)
	if err != nil {
		return nil, fmt.Errorf("read recipient's key: %w", err)
	}
	sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), context, plain)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what was sealed for this data center in the same context.
func (k *Keys) Open(sealed, context []byte) ([]byte, error) {
	plain, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), context, sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed object: %w", err)
	}
	return plain, nil
}

// String hides the private half.
func (*Keys) String() string { return "[redacted]" }

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// boxContext binds a box to the one object, sender and recipient it was made for, so that it opens in no other place. Each
// part has its length before it: two different quadruples never give the same bytes.
func boxContext(kind, name, sender, recipient string) []byte {
	out := []byte("concord-object-1")
	for _, part := range []string{kind, name, sender, recipient} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}
