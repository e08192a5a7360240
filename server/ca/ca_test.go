package ca_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// nodeKey is a wrapper of the kind app gives: AES-256-GCM with the context as additional data.
type nodeKey struct{ aead cipher.AEAD }

func newNodeKey(t *testing.T) nodeKey {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return nodeKey{aead}
}

func (k nodeKey) Wrap(plain, context []byte) ([]byte, error) {
	nonce := make([]byte, k.aead.NonceSize())
	rand.Read(nonce)
	return k.aead.Seal(nonce, nonce, plain, context), nil
}

func (k nodeKey) Unwrap(sealed, context []byte) ([]byte, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("too short")
	}
	return k.aead.Open(nil, sealed[:n], sealed[n:], context)
}

func openStore(t *testing.T, dir string, c clock.Clock) store.Store {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: dir, MemTableBytes: 8 << 20, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// bench is one node whose authority can be opened again and again.
type bench struct {
	config ca.Config
	clock  *clock.Manual
}

func newBench(t *testing.T) *bench {
	t.Helper()
	m := clock.NewManual(time.Now())
	return &bench{clock: m, config: ca.Config{
		ClusterID: "NYdc", NodeName: "Node1", Store: openStore(t, t.TempDir(), m), Wrapper: newNodeKey(t),
		WebNames: []string{"sso.example.com", "192.0.2.7"}, Clock: m,
	}}
}

func (b *bench) open(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := ca.Open(t.Context(), b.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func (b *bench) value(t *testing.T, key []byte) (value []byte) {
	t.Helper()
	if err := b.config.Store.View(t.Context(), func(r store.Reader) (err error) { value, err = r.Get(key); return err }); err != nil {
		t.Fatal(err)
	}
	return value
}

func (b *bench) put(t *testing.T, key, value []byte) {
	t.Helper()
	if err := b.config.Store.Update(t.Context(), func(w store.Writer) error { return w.Put(key, value, 0) }); err != nil {
		t.Fatal(err)
	}
}
