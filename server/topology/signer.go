package topology

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const signerKey = "t/k"

// Signer is this data center's Ed25519 mastership key: it signs promotions, and nothing else. It is a key of its own because a
// promotion is judged for as long as its chain is kept, and a peer certificate ends after a day. The public half travels
// over the authenticated link when an agreement is made and is kept as part of the replicated data_center_key.
type Signer struct{ private ed25519.PrivateKey }

// OpenSigner reads the key, or makes it at the first start. It is kept wrapped by the node's key.
func OpenSigner(ctx context.Context, s store.Store, w journal.Wrapper) (*Signer, error) {
	if s == nil || w == nil {
		return nil, errors.New("open mastership key: store and wrapper are needed")
	}
	_, fresh, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make mastership key: %w", err)
	}
	wrapped, err := w.Wrap(fresh.Seed(), []byte(signerKey))
	if err != nil {
		return nil, fmt.Errorf("wrap mastership key: %w", err)
	}
	err = s.Update(ctx, func(tx store.Writer) error {
		kept, err := tx.Get([]byte(signerKey))
		if errors.Is(err, store.ErrNotFound) {
			return tx.Put([]byte(signerKey), wrapped, 0)
		}
		if err == nil {
			wrapped = kept
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open mastership key: %w", err)
	}
	seed, err := w.Unwrap(wrapped, []byte(signerKey))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("unwrap mastership key: %w", errors.Join(err, errors.New("it cannot be used")))
	}
	return &Signer{ed25519.NewKeyFromSeed(seed)}, nil
}

// Public gives the public half, 32 bytes.
func (s *Signer) Public() []byte {
	return []byte(s.private.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // what the package promises
}

// sign makes the promotion by which clusterID begins epoch number at the transaction's position.
func (s *Signer) sign(p *mdc.Promotion) error {
	text, err := p.Signed()
	if err != nil {
		return err
	}
	p.Signature = ed25519.Sign(s.private, text)
	return nil
}

// signedBy says whether one of keys made the promotion's signature.
func signedBy(p *mdc.Promotion, keys [][]byte) bool {
	text, err := p.Signed()
	if err != nil {
		return false
	}
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize && ed25519.Verify(k, text, p.Signature) {
			return true
		}
	}
	return false
}

// String hides the private half.
func (*Signer) String() string { return "[redacted]" }
