package keyring

import (
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// Every is how long a key seals before the next one takes its place.
const Every = 30 * 24 * time.Hour

// Fresh makes the first keyset of a purpose. lifetime is that of sign-ons.
func Fresh(purpose string, now time.Time, lifetime time.Duration) (*mdc.Keyset, error) {
	b, err := seal.NewKeyset(purpose)
	if err != nil {
		return nil, err
	}
	k := &mdc.Keyset{Purpose: purpose, Keyset: b}
	return k, describe(k, now, lifetime)
}

// describe adds what an older version did not write down: each key counts as made now.
func describe(k *mdc.Keyset, now time.Time, lifetime time.Duration) error {
	sealing, all, err := seal.KeysOf(k.Keyset)
	if err != nil {
		return err
	}
	for _, id := range all {
		if find(k, id) != nil {
			continue
		}
		key := mdc.CookieKey{ID: id, State: mdc.KeyActive, CreatedAt: now, ActivatedAt: &now, Longest: lives(k.Purpose, lifetime)}
		if id != sealing {
			key.State, key.EndedAt = mdc.KeyRetired, &now
		}
		k.Keys = append(k.Keys, key)
	}
	return nil
}

// lives is how long a text of a purpose may be good, where sign-ons last lifetime.
func lives(purpose string, lifetime time.Duration) mdc.Duration {
	if purpose == mdc.PurposeDevice {
		lifetime = max(lifetime, mdc.DeviceLife)
	}
	return mdc.Duration(lifetime)
}

func find(k *mdc.Keyset, id uint32) *mdc.CookieKey {
	for i := range k.Keys {
		if k.Keys[i].ID == id {
			return &k.Keys[i]
		}
	}
	return nil
}

func inState(k *mdc.Keyset, state string) *mdc.CookieKey {
	for i := range k.Keys {
		if k.Keys[i].State == state {
			return &k.Keys[i]
		}
	}
	return nil
}

// distribute adds the key that will seal next. sequence is that of the record which carries it.
func distribute(k *mdc.Keyset, now time.Time, sequence uint64) error {
	out, id, err := seal.AddKey(k.Keyset, func(id uint32) bool { return find(k, id) != nil })
	if err != nil {
		return fmt.Errorf("make key for %s: %w", k.Purpose, err)
	}
	k.Keyset = out
	k.Keys = append(k.Keys, mdc.CookieKey{ID: id, State: mdc.KeyPending, CreatedAt: now, Sequence: sequence})
	return nil
}

// activate lets the pending key seal, and retires the one that did. lifetime is that of sign-ons now.
func activate(k *mdc.Keyset, now time.Time, lifetime time.Duration) error {
	next := inState(k, mdc.KeyPending)
	if next == nil {
		return nil
	}
	out, err := seal.Promote(k.Keyset, next.ID)
	if err != nil {
		return fmt.Errorf("activate key for %s: %w", k.Purpose, err)
	}
	k.Keyset = out
	if was := inState(k, mdc.KeyActive); was != nil {
		was.State, was.EndedAt, was.Longest = mdc.KeyRetired, &now, max(was.Longest, lives(k.Purpose, lifetime))
	}
	next.State, next.ActivatedAt, next.Longest = mdc.KeyActive, &now, lives(k.Purpose, lifetime)
	return nil
}

// opensUntil is when nothing that a retired key sealed can be good any more.
func opensUntil(key mdc.CookieKey) time.Time {
	if key.EndedAt == nil {
		return time.Time{}
	}
	return key.EndedAt.Add(key.Longest.D() + revocation.Skew)
}

// expire takes away the retired keys whose time is over.
func expire(k *mdc.Keyset, now time.Time) (changed bool, err error) {
	for _, key := range slices.Clone(k.Keys) {
		if key.State != mdc.KeyRetired || now.Before(opensUntil(key)) {
			continue
		}
		if k.Keyset, err = seal.RemoveKey(k.Keyset, key.ID); err != nil {
			return changed, err
		}
		k.Keys = slices.DeleteFunc(k.Keys, func(other mdc.CookieKey) bool { return other.ID == key.ID })
		changed = true
	}
	return changed, nil
}

// revoke ends keys at once. Where the one that seals is among them another takes its place, although nobody else has it yet.
// sequence is that of the record which says so.
func revoke(k *mdc.Keyset, ids []uint32, now time.Time, sequence uint64, lifetime time.Duration) (err error) {
	if active := inState(k, mdc.KeyActive); active == nil || slices.Contains(ids, active.ID) {
		if pending := inState(k, mdc.KeyPending); pending == nil || slices.Contains(ids, pending.ID) {
			if pending != nil { // it is among those that end; two must not be pending
				pending.State, pending.EndedAt = mdc.KeyRetired, &now
			}
			if err := distribute(k, now, sequence); err != nil {
				return err
			}
		}
		if err := activate(k, now, lifetime); err != nil {
			return err
		}
	}
	for _, id := range ids {
		key := find(k, id)
		if key == nil || key.State == mdc.KeyRevoked {
			continue
		}
		if k.Keyset, err = seal.RemoveKey(k.Keyset, id); err != nil {
			return err
		}
		key.State, key.EndedAt, key.Sequence = mdc.KeyRevoked, &now, sequence
	}
	forgetOldest(k)
	return nil
}

// forgetOldest keeps the list of revoked keys within its bound.
func forgetOldest(k *mdc.Keyset) {
	over := count(k, mdc.KeyRevoked) - mdc.MaxCookieKeys
	k.Keys = slices.DeleteFunc(k.Keys, func(key mdc.CookieKey) bool {
		if key.State != mdc.KeyRevoked || over <= 0 {
			return false
		}
		over--
		return true
	})
}

func count(k *mdc.Keyset, state string) (n int) {
	for _, key := range k.Keys {
		if key.State == state {
			n++
		}
	}
	return n
}

// open counts the keys that open.
func open(k *mdc.Keyset) int { return len(k.Keys) - count(k, mdc.KeyRevoked) }
