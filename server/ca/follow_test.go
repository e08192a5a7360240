package ca_test

import (
	"context"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
)

// TAM-01, FLT-22: what one node revokes, another node on the same store refuses too and puts on the list it gives out.
func TestAnotherNodeRevokes(t *testing.T) {
	b := newBench(t)
	one := b.open(t)
	b.config.NodeName = "Node2"
	two := b.open(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- two.Follow(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	made := agent(t, one, "a")
	before := two.CRL().Number
	if _, err := one.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{made.Serial}}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t.Context(), t, "the revocation at the other node", func() bool {
		for _, r := range two.Revocations() {
			if r.Serial == made.Serial {
				return two.CRL().Number > before
			}
		}
		return false
	})
}
