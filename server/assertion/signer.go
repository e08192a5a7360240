package assertion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const ownKeys = "n/k"

// Wrapper encrypts what must not lie on the disk in clear, bound to a context.
type Wrapper interface {
	Wrap(plain, context []byte) ([]byte, error)
	Unwrap(wrapped, context []byte) ([]byte, error)
}

// Partners are the other data centers.
type Partners interface {
	List() []string // cluster ids of the registered ones
	// AssertionKeys asks one for the keys that it signs with.
	AssertionKeys(ctx context.Context, clusterID string) ([]Key, error)
}

// Config wires a Signer. Everything is needed.
type Config struct {
	ClusterID string
	Store     store.Store // prefix n/
	Wrapper   Wrapper
	Partners  Partners
	Clock     clock.Clock
	Logger    *slog.Logger
}

// Signer signs assertions and knows the published keys. Safe for concurrent use.
type Signer struct {
	c        Config
	keys     atomic.Pointer[[]*key] // own, by the time from which they sign; never empty
	partners partnerKeys
	wake     chan struct{} // somebody was forgotten
	memory   memory
}

// Open reads the keys, or makes the first one.
func Open(ctx context.Context, c Config) (*Signer, error) {
	if c.ClusterID == "" || c.Store == nil || c.Wrapper == nil || c.Partners == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("open assertion keys: incomplete configuration")
	}
	s := &Signer{c: c, wake: make(chan struct{}, 1)}
	if err := s.rotate(ctx); err != nil {
		return nil, err
	}
	return s, s.loadPartners(ctx)
}

// rotate makes what is missing, drops what is over, and takes the result over. It changes nothing while nothing is due.
func (s *Signer) rotate(ctx context.Context) error {
	var next []*key
	err := s.c.Store.Update(ctx, func(tx store.Writer) error {
		kept, err := s.read(tx)
		if err != nil {
			return err
		}
		var changed bool
		if next, changed, err = due(s.c.ClusterID, kept, s.c.Clock.Now()); err != nil || !changed {
			return err
		}
		return s.write(tx, next)
	})
	if err != nil {
		return fmt.Errorf("keep assertion keys: %w", err)
	}
	s.take(next)
	return nil
}

// take makes these the keys. One that is known stays the same in memory: what it signed is given again only under it.
func (s *Signer) take(next []*key) {
	if known := s.keys.Load(); known != nil {
		for i, k := range next {
			if at := slices.IndexFunc(*known, func(old *key) bool { return old.ID == k.ID && old.SignsAt.Equal(k.SignsAt) }); at >= 0 {
				next[i] = (*known)[at]
			}
		}
	}
	s.keys.Store(&next)
}

// due gives the keys that there have to be at a time.
func due(clusterID string, kept []*key, now time.Time) (next []*key, changed bool, err error) {
	for i, k := range kept {
		if i+1 < len(kept) && kept[i+1].SignsAt.Add(after).Before(now) {
			changed = true // its successor has signed for long enough
			continue
		}
		next = append(next, k)
	}
	if len(next) == 0 {
		k, err := newKey(clusterID, now)
		return []*key{k}, true, err
	}
	last := next[len(next)-1].SignsAt.Add(keyLife)
	if now.Before(last.Add(-ahead)) {
		return next, changed, nil
	}
	if soonest := now.Add(ahead); last.Before(soonest) { // this data center was down when it was due
		last = soonest
	}
	k, err := newKey(clusterID, last)
	return append(next, k), true, err
}

func (s *Signer) read(r store.Reader) ([]*key, error) {
	wrapped, err := r.Get([]byte(ownKeys))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	plain, err := s.c.Wrapper.Unwrap(wrapped, []byte(ownKeys))
	if err != nil {
		return nil, fmt.Errorf("unwrap: %w", err)
	}
	var out []*key
	if err := json.Unmarshal(plain, &out); err != nil {
		return nil, errors.New("decode: the keys cannot be read") // the cause could quote them
	}
	for _, k := range out {
		if err := k.open(s.c.ClusterID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Signer) write(w store.Writer, keys []*key) error {
	plain, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	wrapped, err := s.c.Wrapper.Wrap(plain, []byte(ownKeys))
	if err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	return w.Put([]byte(ownKeys), wrapped, 0)
}

// current is the key that signs now: the last one whose time has come, or the first where the clock went back.
func (s *Signer) current(now time.Time) *key {
	keys := *s.keys.Load()
	for i := len(keys) - 1; i > 0; i-- {
		if !keys[i].SignsAt.After(now) {
			return keys[i]
		}
	}
	return keys[0]
}

// Own gives the public keys of this data center: what it signs with, has signed with and will sign with.
func (s *Signer) Own() []Key {
	var out []Key
	for _, k := range *s.keys.Load() {
		out = append(out, k.public())
	}
	return out
}

// Published gives every key that an assertion may be signed with, this data center's first.
func (s *Signer) Published() []Key {
	return append(s.Own(), s.partners.of(s.c.Partners.List())...)
}

// Sign makes a token of any claims, for which the caller answers. Its header says typ, so that it passes for no assertion and no
// assertion for it (RFC 8725 section 3.11).
func (s *Signer) Sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	return s.current(s.c.Clock.Now()).signAs(typ, payload)
}

// String hides the keys.
func (*Signer) String() string { return "[redacted]" }
