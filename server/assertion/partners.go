package assertion

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	partnerPrefix = "n/p/"
	maxKeys       = 8 // of one partner
	refreshEvery  = 5 * time.Minute
	lookEvery     = 5 * time.Second
	askLimit      = 5 * time.Second
)

// partnerKeys are the keys of partners, as they said last.
type partnerKeys struct {
	mu      sync.Mutex       // guards all below
	keys    map[string][]Key // by folded cluster id
	former  map[string]bool  // those whose keys may still lie in the store
	forgets int              // how often somebody was forgotten
}

// of gives the keys of the partners that are still registered.
func (p *partnerKeys) of(partners []string) []Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Key
	for _, id := range partners {
		out = append(out, p.keys[mdc.FoldName(id)]...)
	}
	return out
}

// put says whether that is news. What was asked before somebody was forgotten is dropped: it may be theirs.
func (p *partnerKeys) put(id string, keys []Key, asked int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if asked != p.forgets {
		return false
	}
	if p.keys == nil {
		p.keys = map[string][]Key{}
	}
	old := p.keys[mdc.FoldName(id)]
	p.keys[mdc.FoldName(id)] = keys
	return !slices.Equal(old, keys)
}

// forget drops what a partner said.
func (p *partnerKeys) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.former == nil {
		p.former = map[string]bool{}
	}
	delete(p.keys, mdc.FoldName(id))
	p.former[mdc.FoldName(id)] = true
	p.forgets++
}

func (p *partnerKeys) moment() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forgets
}

// swept gives those whose keys may still lie in the store, once.
func (p *partnerKeys) swept() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.former {
		if len(p.keys[id]) == 0 {
			ids = append(ids, id)
		}
	}
	clear(p.former)
	return ids
}

func (p *partnerKeys) known(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.keys[mdc.FoldName(id)]) > 0
}

// loadPartners reads what partners said before the last stop: one that is away now may still be asked by agents. What data centers
// said that are partners no more is not read: one that is registered anew is another.
func (s *Signer) loadPartners(ctx context.Context) error {
	registered := s.c.Partners.List()
	err := s.c.Store.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(partnerPrefix)}, func(k, v []byte) error {
			var keys []Key
			id := strings.TrimPrefix(string(k), partnerPrefix)
			if !slices.ContainsFunc(registered, func(p string) bool { return mdc.FoldName(p) == id }) {
				s.partners.forget(id)
				return nil
			}
			if err := json.Unmarshal(v, &keys); err == nil && sound(id, keys) == nil {
				s.partners.put(id, keys, s.partners.moment())
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read partners' assertion keys: %w", err)
	}
	return nil
}

// Forget drops the keys of a data center that is a partner no more: if one of that name is registered again, nothing that the
// former one signed is good, also before the new one answers. It does not block.
func (s *Signer) Forget(clusterID string) {
	s.partners.forget(clusterID)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweep takes the keys of former partners out of the store.
func (s *Signer) sweep(ctx context.Context) error {
	gone := s.partners.swept()
	if len(gone) == 0 {
		return nil
	}
	err := s.c.Store.Update(ctx, func(w store.Writer) error {
		for _, id := range gone {
			if err := w.Delete([]byte(partnerPrefix + id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, id := range gone {
			s.partners.forget(id)
		}
		return fmt.Errorf("forget former partners' assertion keys: %w", err)
	}
	return nil
}

// Run rotates the keys when that is due and asks partners for theirs, until ctx ends. A partner that is new is asked within
// lookEvery, and one that has answered again after refreshEvery.
func (s *Signer) Run(ctx context.Context) error {
	asked := map[string]time.Time{}
	for {
		if err := s.rotate(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.Error("assertion keys cannot be rotated; the present ones stay in use", "error", err)
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.Error("keys of former partners stay in the store; it is tried again", "error", err)
		}
		s.refresh(ctx, asked)
		select {
		case <-ctx.Done():
			last, done := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
			defer done()
			return s.sweep(last)
		case <-s.wake:
		case <-time.After(lookEvery):
		}
	}
}

// refresh asks every partner of which nothing is known, or nothing new for a while.
func (s *Signer) refresh(ctx context.Context, asked map[string]time.Time) {
	var all sync.WaitGroup
	now := time.Now()
	for _, id := range s.c.Partners.List() {
		name := mdc.FoldName(id)
		if s.partners.known(id) && now.Sub(asked[name]) < refreshEvery {
			continue
		}
		asked[name] = now
		all.Go(func() {
			if err := s.ask(ctx, id); err != nil && ctx.Err() == nil {
				s.c.Logger.Debug("partner does not tell its assertion keys", "partner", id, "error", err)
			}
		})
	}
	all.Wait()
}

// ask takes a partner's keys over. What it said before stays where it cannot be asked or says nonsense.
func (s *Signer) ask(ctx context.Context, id string) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	moment := s.partners.moment()
	keys, err := s.c.Partners.AssertionKeys(asking, id)
	if err != nil {
		return err
	}
	if err := sound(id, keys); err != nil {
		s.c.Logger.Warn("partner's assertion keys are refused", "partner", id, "error", err)
		return err
	}
	if !s.partners.put(id, keys, moment) {
		return nil
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("encode keys of %s: %w", id, err)
	}
	// What was taken over is written although the node may be stopping: after a start it could not be asked for again at once.
	writing, done := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer done()
	return s.c.Store.Update(writing, func(w store.Writer) error {
		if !s.partners.known(id) { // forgotten meanwhile
			return nil
		}
		return w.Put([]byte(partnerPrefix+mdc.FoldName(id)), text, 0)
	})
}

// sound refuses keys that a partner may not publish: of another kind, or under another's cluster id, which would let it speak as
// that one.
func sound(clusterID string, keys []Key) error {
	if len(keys) == 0 || len(keys) > maxKeys {
		return fmt.Errorf("there are %d keys, not 1 to %d", len(keys), maxKeys)
	}
	for _, k := range keys {
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		of, mark, _ := strings.Cut(k.ID, ".")
		switch {
		case err != nil || len(x) != 32 || k.KeyType != "OKP" || k.Curve != "Ed25519" || k.Algorithm != "EdDSA" || k.Use != "sig":
			return errors.New("a key is no Ed25519 key for signatures")
		case !mdc.SameName(of, clusterID) || mark != thumbprint(k.X):
			return errors.New("a key's id is not cluster id and thumbprint")
		}
	}
	return nil
}
