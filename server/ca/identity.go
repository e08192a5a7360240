package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// identityKey holds root and issuing certificate with their keys in one value, so that they can only be written together.
const identityKey = "ca/authority"

// signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// identity is the opened form of identityRecord.
type identity struct {
	sequence     uint64 // of the SPIFFE bundle: grows when the roots change
	root, issuer signer
}

// sealedPair is a certificate and its wrapped PKCS #8 key, both DER.
type sealedPair struct {
	Certificate []byte `json:"certificate"`
	SealedKey   []byte `json:"sealed_key"`
}

type identityRecord struct {
	ClusterID string     `json:"cluster_id"`
	Sequence  uint64     `json:"sequence"`
	Root      sealedPair `json:"root"`
	Issuer    sealedPair `json:"issuer"`
}

// openIdentity reads the authority that is kept, or makes it. Of two nodes that start first at once, one wins and both use its.
func openIdentity(ctx context.Context, c Config) (*identity, error) {
	raw, err := readKey(ctx, c.Store, identityKey)
	if errors.Is(err, store.ErrNotFound) {
		raw, err = createIdentity(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	id, err := decodeIdentity(c, raw)
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	if id.issuerSpent(c) {
		return replaceIssuer(ctx, c, id, raw)
	}
	return id, nil
}

func createIdentity(ctx context.Context, c Config) ([]byte, error) {
	root, err := newRoot(c)
	if err != nil {
		return nil, err
	}
	issuer, err := newIssuer(c, root)
	if err != nil {
		return nil, err
	}
	raw, err := encodeIdentity(c, &identity{sequence: 1, root: root, issuer: issuer})
	if err != nil {
		return nil, err
	}
	c.Logger.InfoContext(ctx, "certificate authority created", "root_not_after", root.cert.NotAfter)
	return swapIdentity(ctx, c.Store, nil, raw)
}

// issuerSpent says whether less than a fifth of the issuing certificate's life is left. It is replaced at a start only:
// step fixes its name-constraint check when it is built.
func (id *identity) issuerSpent(c Config) bool {
	return id.issuer.cert.NotAfter.Sub(c.Clock.Now()) < issuerLife/5 && id.issuer.cert.NotAfter.Before(id.root.cert.NotAfter)
}

func replaceIssuer(ctx context.Context, c Config, id *identity, old []byte) (*identity, error) {
	issuer, err := newIssuer(c, id.root)
	if err != nil {
		return nil, err
	}
	raw, err := encodeIdentity(c, &identity{sequence: id.sequence, root: id.root, issuer: issuer})
	if err != nil {
		return nil, err
	}
	if raw, err = swapIdentity(ctx, c.Store, old, raw); err != nil {
		return nil, err
	}
	return decodeIdentity(c, raw)
}

// swapIdentity writes fresh if old is what is kept, and gives what is kept afterwards.
func swapIdentity(ctx context.Context, s store.Store, old, fresh []byte) (kept []byte, err error) {
	err = s.Update(ctx, func(w store.Writer) error {
		kept, err = w.Get([]byte(identityKey))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if !bytes.Equal(kept, old) {
			return nil
		}
		kept = fresh
		return w.Put([]byte(identityKey), fresh, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("write authority: %w", err)
	}
	return kept, nil
}

func encodeIdentity(c Config, id *identity) ([]byte, error) {
	r := identityRecord{ClusterID: c.ClusterID, Sequence: id.sequence}
	var err error
	if r.Root, err = seal(c, "root", id.root); err != nil {
		return nil, err
	}
	if r.Issuer, err = seal(c, "issuer", id.issuer); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// decodeIdentity believes nothing it reads: keys must fit certificates and the root must have signed the issuer.
func decodeIdentity(c Config, raw []byte) (*identity, error) {
	var r identityRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if !strings.EqualFold(r.ClusterID, c.ClusterID) {
		return nil, fmt.Errorf("the store holds the authority of %q, not of %q; give this node the right cluster id or an empty directory", clip(r.ClusterID), c.ClusterID)
	}
	id := &identity{sequence: r.Sequence}
	var err error
	if id.root, err = unseal(c, "root", r.Root); err != nil {
		return nil, err
	}
	if id.issuer, err = unseal(c, "issuer", r.Issuer); err != nil {
		return nil, err
	}
	if err := id.issuer.cert.CheckSignatureFrom(id.root.cert); err != nil {
		return nil, fmt.Errorf("check issuing certificate: %w", err)
	}
	return id, nil
}

func readKey(ctx context.Context, s store.Store, key string) (raw []byte, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		raw, err = r.Get([]byte(key))
		return err
	})
	return raw, err
}

// Present says whether a store holds an authority, of its own or an external one; Open makes one where there is none.
func Present(ctx context.Context, s store.Store) (found bool, err error) {
	for _, key := range []string{identityKey, anchorKey} {
		_, err := readKey(ctx, s, key)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	return false, nil
}
