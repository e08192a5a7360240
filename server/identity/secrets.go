package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const defaultSecrets = 10_000

// SecretsConfig wires a Secrets verifier.
type SecretsConfig struct {
	Hasher   *Hasher
	Capacity int // agents whose secret is remembered; 0 = 10,000
}

// Secrets checks agents' secrets. An agent shows its secret at every request, so a secret that passed argon2id once is
// remembered as HMAC-SHA-256 under a key that only this process has, beside the hash it passed against: the hot path
// costs one HMAC, and a new secret (a new hash) forgets the old one by itself. Safe for concurrent use.
type Secrets struct {
	hasher   *Hasher
	capacity int
	key      []byte    // of this process alone
	macs     sync.Pool // of hash.Hash under key

	mu      sync.RWMutex
	passed  map[string]passed   // by agent; guarded by mu
	running map[[32]byte]*check // checks that run now, by agent, hash and secret; guarded by mu
}

// check is one argon2id that runs for everybody who shows the same secret; ok and err are set before done closes.
type check struct {
	done chan struct{}
	ok   bool
	err  error
}

// passed is the proof that a secret fitted a hash.
type passed struct {
	hash string
	mac  [32]byte
}

// NewSecrets makes a verifier; a missing hasher is refused.
func NewSecrets(c SecretsConfig) (*Secrets, error) {
	if c.Hasher == nil || c.Capacity < 0 {
		return nil, errors.New("make secrets verifier: a hasher and a capacity from 0 are needed")
	}
	if c.Capacity == 0 {
		c.Capacity = defaultSecrets
	}
	return &Secrets{hasher: c.Hasher, capacity: c.Capacity, key: random(sha256.Size), passed: map[string]passed{}, running: map[[32]byte]*check{}}, nil
}

// Verify says whether secret is agent's. An agent that is nil or has no secret has none that fits. Errors: Unavailable
// "busy", or the context's end.
func (s *Secrets) Verify(ctx context.Context, agent *mdc.Agent, secret string) (bool, error) {
	if agent == nil || agent.Secret.Hash == "" || secret == "" || len(secret) > MaxPassword {
		return false, nil
	}
	mac := s.mac(secret)
	if ok, known := s.remembered(agent, mac); known {
		return ok, nil
	}
	return s.first(ctx, agent, secret, mac)
}

// remembered answers from the cache. A secret that differs from the one that fitted this hash is wrong without a new
// argon2id: a guesser gets no work out of us.
func (s *Secrets) remembered(agent *mdc.Agent, mac [32]byte) (ok, known bool) {
	s.mu.RLock()
	p, found := s.passed[agent.Name]
	s.mu.RUnlock()
	if !found || p.hash != agent.Secret.Hash {
		return false, false
	}
	return hmac.Equal(p.mac[:], mac[:]), true
}

// first runs argon2id once for all callers that show the same secret now; a gate opens many connections at start.
func (s *Secrets) first(ctx context.Context, agent *mdc.Agent, secret string, mac [32]byte) (bool, error) {
	id := s.mac(agent.Name, agent.Secret.Hash, string(mac[:]))
	for {
		c, mine := s.join(id)
		if mine {
			defer s.leave(id, c)
			c.ok, c.err = s.compute(ctx, agent, secret, mac)
			return c.ok, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return false, fmt.Errorf("wait for the check of a secret: %w", ctx.Err())
		}
		if c.err == nil { // otherwise its caller may just have gone away: try oneself
			return c.ok, nil
		}
	}
}

// join gives the running check, or a new one that is the caller's to run.
func (s *Secrets) join(id [32]byte) (c *check, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.running[id]; ok {
		return c, false
	}
	c = &check{done: make(chan struct{})}
	s.running[id] = c
	return c, true
}

func (s *Secrets) leave(id [32]byte, c *check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
	close(c.done)
}

func (s *Secrets) compute(ctx context.Context, agent *mdc.Agent, secret string, mac [32]byte) (bool, error) {
	ok, err := s.hasher.Verify(ctx, agent.Secret.Hash, secret)
	if err != nil || !ok {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.passed[agent.Name]; !there && len(s.passed) >= s.capacity {
		for name := range s.passed { // any one: it costs that agent one argon2id
			delete(s.passed, name)
			break
		}
	}
	s.passed[agent.Name] = passed{hash: agent.Secret.Hash, mac: mac}
	return true, nil
}

// mac gives the HMAC of parts, each with its length before it.
func (s *Secrets) mac(parts ...string) (out [32]byte) {
	h, ok := s.macs.Get().(hash.Hash)
	if !ok { // the pool is empty
		h = hmac.New(sha256.New, s.key)
	}
	defer s.macs.Put(h)
	h.Reset()
	for _, p := range parts {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(p))
	}
	h.Sum(out[:0])
	return out
}
