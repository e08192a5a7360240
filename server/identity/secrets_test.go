package identity_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const agentSecret = "agent-secret-long-enough"

func newSecrets(t testing.TB, h *identity.Hasher, capacity int) *identity.Secrets {
	t.Helper()
	s, err := identity.NewSecrets(identity.SecretsConfig{Hasher: h, Capacity: capacity})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verify(t testing.TB, s *identity.Secrets, ctx context.Context, a *mdc.Agent, secret string, want bool) {
	t.Helper()
	if ok, err := s.Verify(ctx, a, secret); ok != want || err != nil {
		t.Errorf("%q: got %v, %v; want %v", secret, ok, err, want)
	}
}

// Proves SEC-35: once a secret has passed, right and wrong ones are told apart by one comparison of HMACs, without
// argon2id. A hasher whose turns are all taken shows that none is asked for.
func TestKnownSecretCostsNoHash(t *testing.T) {
	h := newHasher(t)
	s := newSecrets(t, h, 0)
	a := &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: hash(t, h, agentSecret)}}
	verify(t, s, t.Context(), a, "wrong", false)
	verify(t, s, t.Context(), a, agentSecret, true)
	gone, cancel := context.WithCancel(t.Context())
	cancel() // whoever asks for a turn now gets an error
	verify(t, s, gone, a, agentSecret, true)
	for n := range len(agentSecret) {
		verify(t, s, gone, a, agentSecret[:n], false)
	}
	verify(t, s, gone, a, agentSecret+"x", false)
}

func TestNewSecretForgetsTheOldOne(t *testing.T) {
	h := newHasher(t)
	s := newSecrets(t, h, 0)
	a := &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: hash(t, h, agentSecret)}}
	verify(t, s, t.Context(), a, agentSecret, true)
	a = &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: hash(t, h, "another-long-secret")}}
	verify(t, s, t.Context(), a, agentSecret, false)
	verify(t, s, t.Context(), a, "another-long-secret", true)
	verify(t, s, t.Context(), a, agentSecret, false)
}

func TestNoAgentAndNoSecretNeverFit(t *testing.T) {
	h := newHasher(t)
	s := newSecrets(t, h, 0)
	verify(t, s, t.Context(), nil, agentSecret, false)
	verify(t, s, t.Context(), &mdc.Agent{Name: "portal"}, "", false)
	verify(t, s, t.Context(), &mdc.Agent{Name: "portal"}, agentSecret, false)
	verify(t, s, t.Context(), &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: foreign}}, strings.Repeat("x", 1025), false)
	if ok, err := s.Verify(t.Context(), &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: "junk"}}, agentSecret); ok || err == nil {
		t.Errorf("junk hash: %v %v", ok, err)
	}
}

// Proves that one agent's secret is not another's, also when they share it and the memory is full.
func TestSecretsKeepAgentsApartInBoundedMemory(t *testing.T) {
	h := newHasher(t)
	s := newSecrets(t, h, 2)
	for i := range 5 {
		own := fmt.Sprintf("secret-of-agent-%d", i)
		a := &mdc.Agent{Name: fmt.Sprint("agent", i), Secret: mdc.Secret{Hash: hash(t, h, own)}}
		verify(t, s, t.Context(), a, own, true)
		verify(t, s, t.Context(), a, "secret-of-agent-0x", false)
		verify(t, s, t.Context(), a, own, true)
	}
}

func TestParallelFirstChecksAgree(t *testing.T) {
	h := newHasher(t)
	s := newSecrets(t, h, 0)
	a := &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: hash(t, h, agentSecret)}}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if i%2 == 0 {
				verify(t, s, t.Context(), a, agentSecret, true)
			} else {
				verify(t, s, t.Context(), a, "wrong-secret-of-length", false)
			}
		})
	}
	wg.Wait()
}

func BenchmarkSecretsKnown(b *testing.B) {
	h := newHasher(b)
	s := newSecrets(b, h, 0)
	a := &mdc.Agent{Name: "portal", Secret: mdc.Secret{Hash: hash(b, h, agentSecret)}}
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := s.Verify(b.Context(), a, agentSecret); !ok {
			b.Fatal("refused")
		}
	}
}
