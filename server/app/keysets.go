package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// firstStart writes what a data center needs before anybody declares anything: itself, and a cookie keyset for each
// purpose. Of a clone nothing is added: its keysets are the master's.
func firstStart(ctx context.Context, log *journal.Log, clusterID string) error {
	fresh := map[string][]byte{}
	for _, purpose := range mdc.Purposes() {
		b, err := seal.NewKeyset(purpose)
		if err != nil {
			return err
		}
		fresh[purpose] = b
	}
	err := log.Update(ctx, func(tx *journal.Tx) error {
		const actor = "system:start"
		kind := mdc.DataCenterKind()
		if _, found, err := tx.Body(kind, mdc.SingletonName); err != nil {
			return err
		} else if !found {
			d, _ := kind.New().(*mdc.DataCenter)
			d.ClusterID = clusterID
			if err := tx.Put(kind, d, actor); err != nil {
				return err
			}
		}
		o, err := tx.Get(kind, mdc.SingletonName)
		if err != nil {
			return err
		}
		if d, ok := o.(*mdc.DataCenter); !ok || !d.Writable() {
			return nil
		}
		for purpose, b := range fresh {
			if _, found, err := tx.Body(mdc.KeysetKind(), purpose); err != nil || found {
				if err != nil {
					return err
				}
				continue
			}
			if err := tx.Put(mdc.KeysetKind(), &mdc.Keyset{Purpose: purpose, Keyset: b}, actor); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare data center: %w", err)
	}
	return nil
}

// keyring keeps the ring of sealing keys equal to the keyset objects.
type keyring struct {
	seal.Ring
	model   *model
	reading sync.Mutex // held over a reload: commits overlap, and the older one must not come last
}

func (k *keyring) reload(ctx context.Context) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	all, err := k.model.Keysets(ctx)
	if err != nil {
		return err
	}
	sets := map[string][]byte{}
	for purpose, set := range all {
		sets[purpose] = set.Keyset
	}
	return k.Set(sets)
}

// Seal and Open serve list cursors.
func (k *keyring) Seal(plain, context []byte) ([]byte, error) {
	a, err := k.AEAD(mdc.PurposeCursor)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plain, context)
}

// Open reverses Seal.
func (k *keyring) Open(sealed, context []byte) ([]byte, error) {
	a, err := k.AEAD(mdc.PurposeCursor)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(sealed, context)
}
