package keyring

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Rotate distributes the next key of a purpose, "" for every purpose, and waits a moment for its activation. A rotation that is
// under way is not begun again. With force the next key is activated at once, and data centers that do not have it ask for it
// when they meet a cookie of it. Faults: Invalid; Conflict not_master, too_many_keys.
func (k *Keeper) Rotate(ctx context.Context, actor Actor, purpose string, force bool) (State, error) {
	if err := knownPurpose(purpose); err != nil {
		return State{}, err
	}
	action := "rotate"
	if force {
		action += "_force"
	}
	err := k.change(ctx, actor, action, purpose, func(s *mdc.Keyset, next uint64) error {
		now := k.c.Clock.Now().UTC()
		if inState(s, mdc.KeyPending) == nil {
			if open(s) >= mdc.MaxCookieKeys {
				return fault.New(fault.Conflict, "too_many_keys",
					"The purpose %s has %d keys that still open cookies. The oldest go when what they sealed has expired; wait for that.", s.Purpose, open(s))
			}
			if err := distribute(s, now, next); err != nil {
				return err
			}
		}
		if force {
			return activate(s, now, k.c.Lifetime())
		}
		return nil
	})
	if err != nil {
		return State{}, err
	}
	k.poke()
	return k.settled(ctx, func(s State) bool {
		return !slices.ContainsFunc(s.Keys, func(key Key) bool { return key.State == mdc.KeyPending && (purpose == "" || key.Purpose == purpose) })
	})
}

// Revocation says which keys end at once.
type Revocation struct {
	Purpose string // all keys of it
	KeyID   uint32 // 0 = not one alone
	Force   bool   // with neither: all keys of every purpose
}

// Revoke ends keys at once, with everything that they sealed, and puts fresh ones in their place. It waits a moment for
// the other data centers; the state says which of them have it. Those that do not, because nothing reaches them, go on to believe
// the keys until it does. Faults: Invalid; NotFound; Conflict not_master.
func (k *Keeper) Revoke(ctx context.Context, actor Actor, r Revocation) (State, error) {
	if err := r.check(); err != nil {
		return State{}, err
	}
	found, last := false, uint64(0)
	err := k.change(ctx, actor, "revoke", r.Purpose, func(s *mdc.Keyset, next uint64) error {
		ids := k.chosen(s, r)
		if len(ids) == 0 {
			return nil
		}
		found, last = true, next
		return revoke(s, ids, k.c.Clock.Now().UTC(), next, k.c.Lifetime())
	})
	if err == nil && !found {
		err = fault.New(fault.NotFound, "not_found", "There is no cookie key %d here.", r.KeyID)
	}
	if err != nil {
		return State{}, err
	}
	return k.settled(ctx, func(s State) bool {
		return !slices.ContainsFunc(s.Targets, func(t Target) bool { return t.Has < last })
	})
}

func (r Revocation) check() error {
	if err := knownPurpose(r.Purpose); err != nil {
		return err
	}
	switch {
	case r.Purpose != "" && r.KeyID != 0:
		return fault.InvalidFields("The revocation cannot be accepted.", []fault.Field{{Pointer: "/key_id", Detail: "goes with no purpose: name one key, or all of a purpose"}})
	case r.Purpose == "" && r.KeyID == 0 && !r.Force:
		return fault.InvalidFields("The revocation cannot be accepted.", []fault.Field{{Pointer: "/force", Detail: "must be true where no purpose and no key is named: it ends every sign-on of everybody"}})
	}
	return nil
}

// chosen gives the keys of a set that a revocation means.
func (k *Keeper) chosen(s *mdc.Keyset, r Revocation) (ids []uint32) {
	for _, key := range s.Keys {
		if r.KeyID == key.ID || r.KeyID == 0 && key.State != mdc.KeyRevoked {
			ids = append(ids, key.ID)
		}
	}
	return ids
}

func knownPurpose(purpose string) error {
	if purpose == "" || slices.Contains(mdc.Purposes(), purpose) {
		return nil
	}
	return fault.InvalidFields("The purpose cannot be accepted.", []fault.Field{{Pointer: "/purpose", Detail: "must be one of " + strings.Join(mdc.Purposes(), ", ") + ", or be left out for all"}})
}

// change edits the keysets of a purpose, or of all, with the audit record in the same transaction.
func (k *Keeper) change(ctx context.Context, actor Actor, action, purpose string, edit func(s *mdc.Keyset, next uint64) error) error {
	isMaster := false
	err := k.c.Log.Update(ctx, func(tx *journal.Tx) (err error) {
		if isMaster, err = k.master(&tx.Snapshot); err != nil || !isMaster {
			return err
		}
		err = k.each(&tx.Snapshot, func(s *mdc.Keyset) error {
			if purpose != "" && s.Purpose != purpose {
				return nil
			}
			was, err := mdc.Encode(s)
			if err != nil {
				return err
			}
			next, err := nextSequence(tx)
			if err != nil {
				return err
			}
			if len(s.Keys) == 0 {
				if err := describe(s, k.c.Clock.Now().UTC(), k.c.Lifetime()); err != nil {
					return err
				}
			}
			if err := edit(s, next); err != nil {
				return err
			}
			if will, err := mdc.Encode(s); err != nil || slices.Equal(was, will) {
				return err
			}
			return tx.Put(mdc.KeysetKind(), s, actor.Name)
		})
		if err != nil {
			return err
		}
		target := "cookie-keys"
		if purpose != "" {
			target += "/" + purpose
		}
		return k.c.Audit(tx.Writer(), actor, action, target)
	})
	if err == nil && !isMaster {
		return k.notMaster()
	}
	return err
}

// settled gives the state as soon as done says so, or after a moment whatever it is.
func (k *Keeper) settled(ctx context.Context, done func(State) bool) (State, error) {
	end := time.NewTimer(answerWait)
	defer end.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		s, err := k.State(ctx)
		if err != nil || done(s) {
			return s, err
		}
		select {
		case <-look.C:
		case <-end.C:
			return s, nil
		case <-ctx.Done():
			return s, nil
		}
	}
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}
