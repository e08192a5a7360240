package ca_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// follow runs what tells a node of the others, until the test ends.
func follow(t *testing.T, nodes ...*ca.Authority) {
	t.Helper()
	for _, a := range nodes {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Follow(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TAM-01, FLT-22: what one node revokes, another node on the same store refuses too and puts on the list it gives out.
func TestAnotherNodeRevokes(t *testing.T) {
	b := newBench(t)
	one := b.open(t)
	b.config.NodeName = "Node2"
	two := b.open(t)
	follow(t, two)
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

// TAM-01, FLT-21: the steps of a rotation are made now at one node and now at the other. Each takes over what the other did, without a
// restart: the roots, who issues, its own leaves, and what is still about under the former root. A node that was not told yet issues nothing.
func TestAnotherNodeRotates(t *testing.T) {
	b := newBench(t)
	one := b.open(t)
	b.config.NodeName = "Node2"
	two := b.open(t)
	first := one.Roots()[0]
	must := func(step string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), testkit.Limit)
	defer cancel()
	must("publish", one.Publish(t.Context()))
	var before []byte // with both roots
	must("read", b.config.Store.View(t.Context(), func(r store.Reader) (err error) { before, err = r.Get([]byte("ca/authority")); return err }))
	if _, err := two.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: "a"}); fault.CodeOf(err) != "root_changing" {
		t.Errorf("a node that was not told issues: %v", err)
	}
	follow(t, one, two)
	stands := func(a *ca.Authority, phase string, sequence uint64, roots int) {
		t.Helper()
		testkit.Eventually(soon, t, phase+" at the other node", func() bool {
			r := a.Rotation()
			return r.Phase == phase && r.Sequence == sequence && len(r.Roots) == roots
		})
	}
	believed := func(a *ca.Authority, roots ...*x509.Certificate) {
		t.Helper()
		testkit.Eventually(soon, t, "leaves that lead to the roots", func() bool {
			for _, c := range []*tls.Certificate{a.PeerCertificate(), a.WebCertificate()} {
				for _, r := range roots {
					if !leadsTo(t, c, b.clock.Now(), r) {
						return false
					}
				}
			}
			return true
		})
	}
	stands(two, ca.PhasePublished, 2, 2)
	second := two.Roots()[1]
	made := agent(t, two, "a")
	must("switch", two.Switch(t.Context()))
	stands(one, ca.PhaseSwitched, 2, 2)
	believed(one, first, second)
	counted := func(want int) {
		t.Helper()
		for _, a := range []*ca.Authority{one, two} {
			testkit.Eventually(soon, t, "the count under the former root", func() bool {
				_, n, err := a.LastFormer(t.Context())
				return err == nil && n == want
			})
		}
	}
	counted(1)
	if _, err := one.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{made.Serial}}); err != nil {
		t.Fatal(err)
	}
	counted(0)
	must("retire", one.Retire(t.Context()))
	stands(two, ca.PhaseStable, 3, 1)
	believed(two, second)
	testkit.Eventually(soon, t, "the former root is gone from the chains", func() bool {
		return len(two.PeerCertificate().Certificate) == 2 && !leadsTo(t, two.PeerCertificate(), b.clock.Now(), first)
	})
	if c := agent(t, two, "b"); c.NotAfter.IsZero() || !two.Roots()[0].Equal(second) {
		t.Errorf("issued under %s", two.Roots()[0].Subject)
	}
	// A record of before, put back into the store, does not bring a retired root back to nodes that run.
	must("put back", b.config.Store.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("ca/authority"), before, 0) }))
	if err := two.Reread(t.Context()); fault.CodeOf(err) != "roots_went_back" || len(two.Roots()) != 1 {
		t.Errorf("%d roots, %v", len(two.Roots()), err)
	}
}
