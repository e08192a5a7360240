package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/session/keyring"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// firstStart writes what a data center needs before anybody declares anything: itself, and a cookie keyset for each
// purpose. Of a clone nothing is added: its keysets are the master's.
func firstStart(ctx context.Context, log *journal.Log, clusterID string, now time.Time) error {
	fresh := map[string]*mdc.Keyset{}
	for _, purpose := range mdc.Purposes() {
		set, err := keyring.Fresh(purpose, now.UTC(), mdc.DefaultSessionPolicy().Lifetime.D())
		if err != nil {
			return err
		}
		fresh[purpose] = set
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
		for purpose, set := range fresh {
			if _, found, err := tx.Body(mdc.KeysetKind(), purpose); err != nil || found {
				if err != nil {
					return err
				}
				continue
			}
			if err := tx.Put(mdc.KeysetKind(), set, actor); err != nil {
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

// ring keeps the ring of sealing keys equal to the keyset objects.
type ring struct {
	seal.Ring
	model   *model
	foreign *seal.Foreign
	reading sync.Mutex // held over a reload: commits overlap, and the older one must not come last
}

func (k *ring) reload(ctx context.Context) error {
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
	if err := k.Set(sets); err != nil {
		return err
	}
	k.foreign.Forget() // among what came there may be the end of a key
	return nil
}

// Seal and Open serve list cursors.
func (k *ring) Seal(plain, context []byte) ([]byte, error) {
	a, err := k.AEAD(mdc.PurposeCursor)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plain, context)
}

// Open reverses Seal.
func (k *ring) Open(sealed, context []byte) ([]byte, error) {
	a, err := k.AEAD(mdc.PurposeCursor)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(sealed, context)
}

// issuers are the data centers that may have sealed a cookie whose key is not here.
type issuers struct {
	model *model
	links *links
	keys  *replication.Keys
	self  string
	log   *slog.Logger
}

var _ seal.Issuers = (*issuers)(nil)

// Member wants a registered partner whose key the master has registered.
func (i *issuers) Member(clusterID string) bool {
	if mdc.SameName(clusterID, i.self) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p, err := i.model.Partner(ctx, clusterID)
	if err != nil || p == nil {
		return false
	}
	members, err := i.model.Members(ctx)
	return err == nil && members[mdc.FoldName(clusterID)]
}

// Revoked knows what the master said.
func (i *issuers) Revoked(purpose string, key uint32) bool {
	all, err := i.model.Keysets(context.Background())
	return err != nil || all[purpose] == nil || all[purpose].Revoked(key)
}

// keyTargets are the enabled agreements of this master, as its feed knows them.
type keyTargets struct{ feed *replication.Feed }

var _ keyring.Targets = keyTargets{}

// Targets reads the agreements of one state.
func (t keyTargets) Targets(v *journal.Snapshot) (out []keyring.Target, err error) {
	kind := mdc.AgreementKind()
	err = v.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		a, ok := o.(*mdc.Agreement)
		if err != nil || !ok || a.Side != mdc.SideMaster || !a.Enabled {
			return err
		}
		target := keyring.Target{ClusterID: a.Target, Heard: t.feed.Heard(a.Identifier)}
		if at, _, found := t.feed.Shown(a.Identifier); found {
			target.Has = at.Sequence
		}
		if !a.Follow {
			target.Every = a.PollInterval.D()
		}
		out = append(out, target)
		return nil
	})
	return out, err
}

// Moved is the feed's.
func (t keyTargets) Moved() <-chan struct{} { return t.feed.Moved() }

// wireKeys makes what keeps the cookie keys, and what asks for those that are missing here.
func (n *Node) wireKeys(ctx context.Context) error {
	foreign, err := seal.NewForeign(&issuers{model: n.model, links: n.links, keys: n.keys, self: n.cfg.ClusterID, log: n.log}, n.opts.Clock, n.log)
	if err != nil {
		return err
	}
	n.ring = &ring{model: n.model, foreign: foreign}
	n.ring.Ask(foreign)
	if err := n.ring.reload(ctx); err != nil {
		return err
	}
	n.keeper, err = keyring.New(keyring.Config{ClusterID: n.cfg.ClusterID, Log: n.journal, Targets: keyTargets{n.feed},
		Lifetime: func() time.Duration { return n.model.SessionPolicy().Lifetime.D() }, Master: n.partners.MasterAddress, Clock: n.opts.Clock, Logger: n.log,
		Audit: func(tx store.Writer, actor keyring.Actor, action, target string) error {
			return n.acts.Append(tx, actEvent(configuration.Actor{Name: actor.Name, RequestID: actor.RequestID, Address: actor.Address}, action, target))
		}})
	return err
}
