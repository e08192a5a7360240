package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow brings into force here what other nodes on the same store revoke and each step that they make of the rotation of the root, and gives
// out the list that they made, until ctx ends. It gives nil. What this node revoked itself comes again and changes nothing.
func (a *Authority) Follow(ctx context.Context) error {
	store.Follow(ctx, a.config.Store, []byte("ca/"), a.Reread, func(events []store.Event) error {
		var ends []Revocation
		for _, ev := range events {
			key := string(ev.Key)
			switch {
			case ev.Value == nil: // forgotten after its end; memory follows with the next list that is made here
			case strings.HasPrefix(key, revocationPrefix):
				var end Revocation
				if err := json.Unmarshal(ev.Value, &end); err != nil {
					return fmt.Errorf("decode revocation: %w", err)
				}
				ends = append(ends, end)
			case key == identityKey:
				if err := a.toldRoots(ctx); err != nil {
					return err
				}
			case strings.HasPrefix(key, recordPrefix), strings.HasPrefix(key, leafPrefix):
				if err := a.toldRecord(key, ev.Value); err != nil {
					return err
				}
			case key == listKey:
				if err := a.toldList(ev.Value); err != nil {
					return err
				}
			}
		}
		return a.toldRevoked(ctx, ends)
	}, func(err error) {
		a.config.Logger.WarnContext(ctx, "revocations and roots of other nodes are not followed; trying again", "error", err)
	})
	return nil
}

// Reread takes over all that is recorded in the store, as Follow does when it begins.
func (a *Authority) Reread(ctx context.Context) error {
	var ends []Revocation
	var list []byte
	if err := a.toldRoots(ctx); err != nil { // first: a list may be signed under the new root
		return err
	}
	err := a.config.Store.View(ctx, func(r store.Reader) (err error) {
		if list, err = r.Get([]byte(listKey)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		ends = nil
		return r.Range(store.Span{Prefix: []byte(revocationPrefix)}, func(_, value []byte) error {
			var end Revocation
			if err := json.Unmarshal(value, &end); err != nil {
				return fmt.Errorf("decode revocation: %w", err)
			}
			ends = append(ends, end)
			return nil
		})
	})
	if err == nil {
		err = a.toldRevoked(ctx, ends)
	}
	if err == nil && list != nil {
		err = a.toldList(list)
	}
	return err
}

// toldRevoked denies what is new here, and replaces what it takes of this node.
func (a *Authority) toldRevoked(ctx context.Context, ends []Revocation) error {
	a.revoked.mu.Lock()
	fresh := false
	for _, end := range ends {
		if _, known := a.revoked.by[end.Serial]; !known {
			a.revoked.by[end.Serial], fresh = end, true
		}
	}
	if fresh {
		close(a.revoked.changed)
		a.revoked.changed = make(chan struct{})
	}
	a.revoked.mu.Unlock()
	if !fresh {
		return nil
	}
	return a.replaceRevoked(ctx)
}

// toldList takes a list over that is newer than the one in hand.
func (a *Authority) toldList(kept []byte) error {
	var l List
	if err := json.Unmarshal(kept, &l); err != nil {
		return fmt.Errorf("decode revocation list: %w", err)
	}
	a.listing.Lock()
	defer a.listing.Unlock()
	if l.Number > a.list.Load().Number {
		a.list.Store(&l)
		a.listTrouble.Store(nil)
		a.changes.tell()
	}
	return nil
}
