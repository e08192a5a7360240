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
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// identityKey holds root and issuing certificate with their keys in one value, so that they can only be written together.
const identityKey = "ca/authority"

// signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// generation is a root with the issuing certificate below it.
type generation struct{ root, issuer signer }

// identity is the opened form of identityRecord: what issues now and, while the root is rotated, either the generation that
// is published and does not issue yet, or the former one, whose certificates are still about. It is never changed.
type identity struct {
	sequence     uint64 // of the SPIFFE bundle: grows when the roots change
	root, issuer signer
	next, former *generation
	crossed      *x509.Certificate // the root once more, signed by the former one; with former only
	since        time.Time         // of the present phase; zero when the first root was never rotated
	raw          []byte            // as it is kept
}

// sealedPair is a certificate and its wrapped PKCS #8 key, both DER.
type sealedPair struct {
	Certificate []byte `json:"certificate"`
	SealedKey   []byte `json:"sealed_key"`
}

type sealedGeneration struct {
	Root   sealedPair `json:"root"`
	Issuer sealedPair `json:"issuer"`
}

type identityRecord struct {
	ClusterID string            `json:"cluster_id"`
	Sequence  uint64            `json:"sequence"`
	Root      sealedPair        `json:"root"`
	Issuer    sealedPair        `json:"issuer"`
	Next      *sealedGeneration `json:"next,omitempty"`
	Former    *sealedGeneration `json:"former,omitempty"`
	Crossed   []byte            `json:"crossed,omitempty"`
	Since     time.Time         `json:"since,omitzero"`
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
	g, err := newGeneration(c, 1)
	if err != nil {
		return nil, err
	}
	raw, err := encodeIdentity(c, &identity{sequence: 1, root: g.root, issuer: g.issuer})
	if err != nil {
		return nil, err
	}
	c.Logger.InfoContext(ctx, "certificate authority created", "root_not_after", g.root.cert.NotAfter)
	return swapIdentity(ctx, c.Store, nil, raw)
}

// issuerSpent says whether less than a fifth of the issuing certificate's life is left. It is replaced at a start only:
// step fixes its name-constraint check when it is built.
func (id *identity) issuerSpent(c Config) bool {
	return id.issuer.cert.NotAfter.Sub(c.Clock.Now()) < issuerLife/5 && id.issuer.cert.NotAfter.Before(id.root.cert.NotAfter)
}

func replaceIssuer(ctx context.Context, c Config, id *identity, old []byte) (*identity, error) {
	fresh := *id
	var err error
	if fresh.issuer, err = newIssuer(c, id.root, id.sequence); err != nil {
		return nil, err
	}
	if err := fresh.cross(c); err != nil {
		return nil, err
	}
	raw, err := encodeIdentity(c, &fresh)
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
	r := identityRecord{ClusterID: c.ClusterID, Sequence: id.sequence, Since: id.since}
	own, err := sealGeneration(c, "", &generation{root: id.root, issuer: id.issuer})
	if err != nil {
		return nil, err
	}
	r.Root, r.Issuer = own.Root, own.Issuer
	if r.Next, err = sealGeneration(c, "next ", id.next); err != nil {
		return nil, err
	}
	if r.Former, err = sealGeneration(c, "former ", id.former); err != nil {
		return nil, err
	}
	if id.crossed != nil {
		r.Crossed = id.crossed.Raw
	}
	return json.Marshal(r)
}

func sealGeneration(c Config, which string, g *generation) (*sealedGeneration, error) {
	if g == nil {
		return nil, nil
	}
	root, err := seal(c, which+"root", g.root)
	if err != nil {
		return nil, err
	}
	issuer, err := seal(c, which+"issuer", g.issuer)
	return &sealedGeneration{Root: root, Issuer: issuer}, err
}

// unsealGeneration believes nothing it reads: keys must fit certificates and the root must have signed the issuer.
func unsealGeneration(c Config, which string, s *sealedGeneration) (g *generation, err error) {
	if s == nil {
		return nil, nil
	}
	g = &generation{}
	if g.root, err = unseal(c, which+"root", s.Root); err != nil {
		return nil, err
	}
	if g.issuer, err = unseal(c, which+"issuer", s.Issuer); err != nil {
		return nil, err
	}
	if err := g.issuer.cert.CheckSignatureFrom(g.root.cert); err != nil {
		return nil, fmt.Errorf("check %sissuing certificate: %w", which, err)
	}
	return g, nil
}

func decodeIdentity(c Config, raw []byte) (*identity, error) {
	var r identityRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if !strings.EqualFold(r.ClusterID, c.ClusterID) {
		return nil, fmt.Errorf("the store holds the authority of %q, not of %q; give this node the right cluster id or an empty directory", clip(r.ClusterID), c.ClusterID)
	}
	own, err := unsealGeneration(c, "", &sealedGeneration{Root: r.Root, Issuer: r.Issuer})
	if err != nil {
		return nil, err
	}
	id := &identity{sequence: r.Sequence, root: own.root, issuer: own.issuer, since: r.Since, raw: raw}
	if id.next, err = unsealGeneration(c, "next ", r.Next); err != nil {
		return nil, err
	}
	if id.former, err = unsealGeneration(c, "former ", r.Former); err != nil || id.former == nil {
		return id, err
	}
	if id.crossed, err = x509.ParseCertificate(r.Crossed); err != nil {
		return nil, fmt.Errorf("read crossed certificate: %w", err)
	}
	ours := sameKey(id.crossed.PublicKey, id.root.key.Public()) || sameKey(id.crossed.PublicKey, id.issuer.key.Public())
	if err := id.crossed.CheckSignatureFrom(id.former.root.cert); err != nil || !ours {
		return nil, fmt.Errorf("check crossed certificate: %w", errors.Join(err, errors.New("it is not the root under the former one")))
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
