package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// revoked is what this process knows of revocations; the store has the same.
type revoked struct {
	mu      sync.RWMutex
	by      map[string]Revocation
	changed chan struct{} // closed at the next change
}

// Revoked says whether the certificate of this serial was revoked. It is asked for each connection and request of a caller
// whose certificate is of this data center; it reads memory only, and knows of a revocation before Revoke has returned.
func (a *Authority) Revoked(serial *big.Int) bool {
	if serial == nil {
		return true
	}
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	_, found := a.revoked.by[SerialText(serial)]
	return found
}

// RevocationsChanged gives a channel that is closed when the next certificate is revoked. Ask for it before looking at what
// is revoked, so that nothing falls in between.
func (a *Authority) RevocationsChanged() <-chan struct{} {
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	return a.revoked.changed
}

// Revocations are all that are in force, by serial.
func (a *Authority) Revocations() []Revocation {
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	out := make([]Revocation, 0, len(a.revoked.by))
	for _, r := range a.revoked.by {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y Revocation) int { return strings.Compare(x.Serial, y.Serial) })
	return out
}

func (a *Authority) loadRevocations(ctx context.Context) error {
	a.revoked.by, a.revoked.changed = map[string]Revocation{}, make(chan struct{})
	return a.config.Store.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(revocationPrefix)}, func(_, value []byte) error {
			var end Revocation
			if err := json.Unmarshal(value, &end); err != nil {
				return fmt.Errorf("decode revocation: %w", err)
			}
			a.revoked.by[end.Serial] = end
			return nil
		})
	})
}

// enforce brings recorded revocations into force: in this process first, then at the backend, in the list, and for the
// leaves of this node.
func (a *Authority) enforce(ctx context.Context, ends []Revocation) error {
	if len(ends) == 0 {
		return nil
	}
	a.revoked.mu.Lock()
	for _, end := range ends {
		a.revoked.by[end.Serial] = end
	}
	close(a.revoked.changed)
	a.revoked.changed = make(chan struct{})
	a.revoked.mu.Unlock()
	err := a.backend.Revoke(ctx, ends)
	if err != nil {
		err = fmt.Errorf("tell the authority of revocations: %w", err)
	}
	if err := a.refreshList(ctx); err != nil {
		a.config.Logger.WarnContext(ctx, "revocation list not made; it is tried again", "error", err)
	}
	if err := a.replaceRevoked(ctx); err != nil {
		a.config.Logger.WarnContext(ctx, "a revoked certificate of this node is not replaced yet; it is tried again", "error", err)
	}
	return err
}

// replaceRevoked issues the leaves of this node that were revoked anew, at once.
func (a *Authority) replaceRevoked(ctx context.Context) error {
	var failed []error
	for _, l := range a.own {
		if c := a.current(l).Load(); c != nil && a.Revoked(c.Leaf.SerialNumber) {
			failed = append(failed, a.issue(ctx, l))
		}
	}
	return errors.Join(failed...)
}
