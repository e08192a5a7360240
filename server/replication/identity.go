package replication

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	secretPrefix   = "h/s/" // the clone's credential of an agreement, wrapped
	registerPrefix = "h/i/" // at the master: SHA-256 of that credential
	secretBytes    = 32
)

// Caller is who asks a master. ClusterID is proved by the certificate; Secret is the credential that the question shows, nil
// when it shows none.
type Caller struct {
	ClusterID string
	Secret    []byte
}

// String hides the credential.
func (c Caller) String() string { return c.ClusterID }

// Identities keeps the credentials of agreements' replication identities (OAM-50). Each agreement has an identity of its own,
// mdc.ReplicationIdentity, which gives access to nothing but that agreement's journal, copy, digests and objects. The clone
// makes the credential and keeps it wrapped by the node's key; the master knows its SHA-256. Safe for concurrent use.
type Identities struct {
	store   store.Store
	wrapper journal.Wrapper
}

// NewIdentities refuses bad wiring.
func NewIdentities(s store.Store, w journal.Wrapper) (*Identities, error) {
	if s == nil || w == nil {
		return nil, errors.New("new replication identities: store and wrapper are needed")
	}
	return &Identities{s, w}, nil
}

// Make gives the clone's side of an agreement a new credential, and its SHA-256 for the master.
func (i *Identities) Make(tx store.Writer, agreement string) (hash []byte, err error) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	key := []byte(secretPrefix + agreement)
	wrapped, err := i.wrapper.Wrap(secret, key)
	if err != nil {
		return nil, fmt.Errorf("wrap credential of agreement %s: %w", agreement, err)
	}
	return digestOf(secret), tx.Put(key, wrapped, 0)
}

// Hash gives the SHA-256 of the clone's credential; nil when there is none that can be read.
func (i *Identities) Hash(r store.Reader, agreement string) ([]byte, error) {
	secret, err := i.secret(r, agreement)
	if err != nil || secret == nil {
		return nil, err
	}
	return digestOf(secret), nil
}

// secret gives nil also for a credential that the node's key does not open: it is as good as lost.
func (i *Identities) secret(r store.Reader, agreement string) ([]byte, error) {
	key := []byte(secretPrefix + agreement)
	wrapped, err := r.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read credential of agreement %s: %w", agreement, err)
	}
	secret, err := i.wrapper.Unwrap(wrapped, key)
	if err != nil || len(secret) != secretBytes {
		return nil, nil //nolint:nilerr // another one is made in its place
	}
	return secret, nil
}

// Secret gives the credential that this clone shows its master; nil when there is none.
func (i *Identities) Secret(ctx context.Context, agreement string) (secret []byte, err error) {
	err = i.store.View(ctx, func(r store.Reader) error {
		secret, err = i.secret(r, agreement)
		return err
	})
	return secret, err
}

// Register keeps at the master what the clone said, and whether it is new. From then on the credential is asked for; an
// empty hash, from an older version, changes nothing. fault.Invalid for anything but a SHA-256.
func (i *Identities) Register(tx store.Writer, agreement string, hash []byte) (changed bool, err error) {
	if len(hash) == 0 {
		return false, nil
	}
	if len(hash) != sha256.Size {
		return false, fault.InvalidFields("The replication identity cannot be accepted.", []fault.Field{{Pointer: "/identity_hash", Detail: "is not a SHA-256"}})
	}
	key := []byte(registerPrefix + agreement)
	old, err := tx.Get(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("read identity of agreement %s: %w", agreement, err)
	}
	if bytes.Equal(old, hash) {
		return false, nil
	}
	return true, tx.Put(key, hash, 0)
}

// Forget removes both sides' part: the agreement ended here, or it was turned round.
func (i *Identities) Forget(tx store.Writer, agreement string) error {
	for _, prefix := range []string{secretPrefix, registerPrefix} {
		if err := tx.Delete([]byte(prefix + agreement)); err != nil {
			return err
		}
	}
	return nil
}

func digestOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// CodeWrongIdentity is the code of a question that does not show its agreement's credential.
const CodeWrongIdentity = "wrong_replication_identity"

// WrongIdentity refuses a question that shows no credential of the agreement, or another one.
func WrongIdentity(agreement string) error {
	return fault.New(fault.Forbidden, CodeWrongIdentity,
		"The question does not show the credential of %s. The clone registers a new one by itself; if it goes on being refused, disable and enable the agreement.", mdc.ReplicationIdentity(clip(agreement)))
}

// shows refuses a caller without the credential that the clone has registered. Before it has registered one, as an older
// version never does, the certificate alone counts.
func shows(r store.Reader, agreement string, by Caller) error {
	hash, err := r.Get([]byte(registerPrefix + agreement))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read identity of agreement %s: %w", agreement, err)
	case subtle.ConstantTimeCompare(hash, digestOf(by.Secret)) == 1:
		return nil
	}
	return WrongIdentity(agreement)
}
