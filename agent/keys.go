package agent

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keySetPath = "/.well-known/jwks.json"
	keysFor    = 5 * time.Minute  // as the key set says
	keysAgain  = 10 * time.Second // at the soonest, for a key that is not among them
	maxKeySet  = 4096
)

// keys are the public keys of all data centers, as a Concord server published them last.
type keys struct {
	mu      sync.Mutex // guards the rest; held while they are fetched, so that callers wait for one answer
	set     map[string]jose.JSONWebKey
	fetched time.Time
	failed  time.Time // when nobody answered
}

// of gives the key with this id; false when there is none. The error wraps errNoServer.
func (k *keys) of(ctx context.Context, l *servers, id string) (jose.JSONWebKey, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known := k.set[id]
	age := l.clock.Now().Sub(k.fetched)
	if k.set != nil && age >= 0 && (age < keysAgain || known && age < keysFor) {
		return key, known, nil
	}
	if wait := l.clock.Now().Sub(k.failed); wait >= 0 && wait < time.Second { // whoever sends tokens in vain must not hold others up
		return key, false, fmt.Errorf("fetch keys: %w", errNoServer)
	}
	set, _, err := ask[jose.JSONWebKeySet](ctx, l, question{method: http.MethodGet, path: keySetPath, fresh: true}, nil)
	if err != nil {
		k.failed = l.clock.Now()
		return key, false, err
	}
	k.set, k.fetched = map[string]jose.JSONWebKey{}, l.clock.Now()
	for _, one := range set.Keys[:min(len(set.Keys), maxKeySet)] {
		k.set[one.KeyID] = one
	}
	key, known = k.set[id]
	return key, known, nil
}
