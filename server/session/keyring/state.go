package keyring

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Key is one key as it is shown. It holds nothing secret.
type Key struct {
	Purpose string
	mdc.CookieKey
	OpensUntil   time.Time // of a retired one
	Acknowledged []string  // data centers that have its present state, this one first
	Missing      []string  // that do not
}

// State is all keys, and how far the data centers are that replicate from here.
type State struct {
	Keys    []Key
	Targets []Target
}

// State gives all keys by purpose, the oldest first. Fault: Conflict not_master.
func (k *Keeper) State(ctx context.Context) (out State, err error) {
	isMaster := false
	err = k.c.Log.View(ctx, func(v *journal.Snapshot) error {
		out = State{}
		if isMaster, err = k.master(v); err != nil || !isMaster {
			return err
		}
		if out.Targets, err = k.c.Targets.Targets(v); err != nil {
			return err
		}
		return k.each(v, func(s *mdc.Keyset) error {
			for _, key := range s.Keys {
				out.Keys = append(out.Keys, k.shown(s.Purpose, key, out.Targets))
			}
			return nil
		})
	})
	if err == nil && !isMaster {
		err = k.notMaster()
	}
	return out, err
}

func (k *Keeper) shown(purpose string, key mdc.CookieKey, all []Target) Key {
	out := Key{Purpose: purpose, CookieKey: key, Acknowledged: []string{k.c.ClusterID}}
	if key.State == mdc.KeyRetired {
		out.OpensUntil = opensUntil(key)
	}
	for _, t := range all {
		if t.Has >= key.Sequence {
			out.Acknowledged = append(out.Acknowledged, t.ClusterID)
		} else {
			out.Missing = append(out.Missing, t.ClusterID)
		}
	}
	return out
}
