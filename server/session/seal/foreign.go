package seal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/singleflight"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Bounds of asking for keys. Whoever invents texts costs one partner a question a second, and no memory.
const (
	forgetAfter  = 30 * time.Second // an issuer that did not have a key is not asked for it again before that
	maxForgotten = 1024             // ids that are remembered as unknown
	askBurst     = 10               // questions to one issuer at once; then one a second
	silentFor    = 5 * time.Second  // an issuer that did not answer is not asked
)

// Issuers are the data centers that may have sealed a text.
type Issuers interface {
	// Member says whether clusterID is another data center of this topology, which holds its keys.
	Member(clusterID string) bool
	// Keyset asks one for its keyset of a purpose, in Tink's JSON. It takes a bounded time.
	Keyset(ctx context.Context, clusterID, purpose string) ([]byte, error)
	// Revoked says whether a key must not be believed from anybody.
	Revoked(purpose string, key uint32) bool
}

// Foreign holds keys that this data center heard of only from the issuer of a text: it was cut off while they came to be, or
// the issuer is. They open what that issuer sealed, and nothing else; they seal nothing. Safe for concurrent use.
type Foreign struct {
	issuers Issuers
	clock   clock.Clock
	log     *slog.Logger
	changes atomic.Uint64
	flights singleflight.Group

	mu      sync.Mutex // guards all below
	keys    map[foreignSet]ringSet
	unknown map[foreignKey]time.Time // until when
	asked   map[string]*allowance    // by issuer; members only, so few
}

type foreignSet struct{ purpose, issuer string }

type foreignKey struct {
	foreignSet
	key uint32
}

// allowance is how often one issuer may be asked.
type allowance struct {
	tokens float64
	at     time.Time
	silent time.Time // until when it is not asked
}

// NewForeign asks issuers.
func NewForeign(i Issuers, c clock.Clock, log *slog.Logger) (*Foreign, error) {
	if i == nil || c == nil || log == nil {
		return nil, errors.New("new foreign keys: issuers, clock and logger are needed")
	}
	return &Foreign{issuers: i, clock: c, log: log, keys: map[foreignSet]ringSet{}, unknown: map[foreignKey]time.Time{}, asked: map[string]*allowance{}}, nil
}

// Forget drops every key that was heard of: who may be asked has changed, or what must not be believed.
func (f *Foreign) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.keys) > 0 {
		f.changes.Add(1)
	}
	clear(f.keys)
	clear(f.unknown)
}

// opener gives nil for a key that the issuer does not vouch for.
func (f *Foreign) opener(purpose, issuer string, key uint32) tink.AEAD {
	set := foreignSet{purpose, mdc.FoldName(issuer)}
	if f.issuers.Revoked(purpose, key) || !f.issuers.Member(issuer) {
		return nil
	}
	if a, known := f.known(set, key); known {
		return a
	}
	_, err, _ := f.flights.Do(set.purpose+"/"+set.issuer, func() (any, error) {
		if _, known := f.known(set, key); known {
			return nil, nil
		}
		if !f.may(set.issuer) {
			return nil, errNotAsked
		}
		return nil, f.ask(set, issuer)
	})
	a, known := f.known(set, key)
	if !known && err == nil {
		f.note(foreignKey{set, key})
	}
	return a
}

var errNotAsked = errors.New("the issuer was asked too often, or did not answer a moment ago")

// known gives what is decided about a key already: its primitive, or nil where the issuer was asked a moment ago.
func (f *Foreign) known(set foreignSet, key uint32) (tink.AEAD, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.keys[set].ids {
		if id == key {
			return f.keys[set].primitive, true
		}
	}
	until, noted := f.unknown[foreignKey{set, key}]
	return nil, noted && f.clock.Now().Before(until)
}

// may takes one question to an issuer from its allowance.
func (f *Foreign) may(issuer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, a := f.clock.Now(), f.asked[issuer]
	if a == nil {
		a = &allowance{tokens: askBurst, at: now}
		f.asked[issuer] = a
	}
	a.tokens = min(askBurst, a.tokens+max(0, now.Sub(a.at).Seconds()))
	a.at = now
	if a.tokens < 1 || now.Before(a.silent) {
		return false
	}
	a.tokens--
	return true
}

func (f *Foreign) ask(set foreignSet, issuer string) error {
	b, err := f.issuers.Keyset(context.Background(), issuer, set.purpose)
	var got ringSet
	if err == nil {
		got, err = f.believed(set.purpose, b)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.asked[set.issuer].silent = f.clock.Now().Add(silentFor)
		f.log.Warn("a cookie's key is not here, and the data center that sealed it does not give it", "partner", issuer, "purpose", set.purpose, "error", err)
		return err
	}
	for _, id := range f.keys[set].ids {
		if !slices.Contains(got.ids, id) { // what was opened by it must be looked at again
			f.changes.Add(1)
			break
		}
	}
	f.keys[set] = got
	f.log.Info("keys of another data center's cookies were asked for", "partner", issuer, "purpose", set.purpose, "keys", len(got.ids))
	return nil
}

// believed reads a keyset without the keys that must not be believed.
func (f *Foreign) believed(purpose string, b []byte) (ringSet, error) {
	sealing, all, err := KeysOf(b)
	if err != nil {
		return ringSet{}, err
	}
	if len(all) > mdc.MaxCookieKeys {
		return ringSet{}, errors.New("there are too many keys")
	}
	for _, id := range all {
		if !f.issuers.Revoked(purpose, id) {
			continue
		}
		if id == sealing { // the issuer has not heard yet that it is revoked: none of what it seals now is believed
			return ringSet{}, errors.New("its key was revoked, which it does not know yet")
		}
		if b, err = RemoveKey(b, id); err != nil {
			return ringSet{}, err
		}
	}
	a, err := OpenKeyset(b)
	if err != nil {
		return ringSet{}, err
	}
	_, all, err = KeysOf(b)
	return ringSet{a, all}, err
}

// note remembers that a key is unknown. Beyond the bound nothing is remembered; the allowance bounds the questions then.
func (f *Foreign) note(k foreignKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock.Now()
	if len(f.unknown) >= maxForgotten {
		for other, until := range f.unknown {
			if !now.Before(until) {
				delete(f.unknown, other)
			}
		}
	}
	if len(f.unknown) < maxForgotten {
		f.unknown[k] = now.Add(forgetAfter)
	}
}
