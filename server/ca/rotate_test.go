package ca_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/ca"
)

// leadsTo says whether a chain as it is served leads to one of the roots, for whoever knows nothing else.
func leadsTo(t *testing.T, c *tls.Certificate, at time.Time, roots ...*x509.Certificate) bool {
	t.Helper()
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r)
	}
	for _, der := range c.Certificate[1:] {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(parsed)
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, CurrentTime: at})
	return err == nil
}

// TestRotationOfTheRoot: FLT-21. Each step in turn, with a restart before each: what is published, which root issues, and who
// believes the leaves of this node: until the former root is retired, whoever knows either root; afterwards, the new one only.
func TestRotationOfTheRoot(t *testing.T) {
	b := newBench(t)
	a := b.open(t)
	first := a.Roots()[0]
	again := func() {
		t.Helper()
		_ = a.Close()
		a = b.open(t)
	}
	believed := func(step string, roots map[string]*x509.Certificate, want map[string]bool) {
		t.Helper()
		for _, c := range []*tls.Certificate{a.PeerCertificate(), a.WebCertificate()} {
			for name, root := range roots {
				if got := leadsTo(t, c, b.clock.Now(), root); got != want[name] {
					t.Errorf("%s: believed by who knows the %s root: %t", step, name, got)
				}
			}
		}
	}
	if err := a.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	again()
	r := a.Rotation()
	if r.Phase != ca.PhasePublished || r.Sequence != 2 || len(r.Roots) != 2 || !r.Roots[0].Issues || r.Roots[1].Issues || !r.Roots[0].Certificate.Equal(first) {
		t.Fatalf("published: %+v", r)
	}
	second := r.Roots[1].Certificate
	roots := map[string]*x509.Certificate{"first": first, "second": second}
	believed("published", roots, map[string]bool{"first": true})
	before := a.PeerCertificate().Leaf
	if err := a.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.PeerCertificate().Leaf.Equal(before) {
		t.Error("the node's leaf is not renewed at the switch")
	}
	again()
	if r = a.Rotation(); r.Phase != ca.PhaseSwitched || r.Sequence != 2 || !r.Roots[1].Issues || !r.Roots[1].Certificate.Equal(second) {
		t.Fatalf("switched: %+v", r)
	}
	believed("switched", roots, map[string]bool{"first": true, "second": true})
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	believed("retired", roots, map[string]bool{"second": true})
	again()
	believed("retired and restarted", roots, map[string]bool{"second": true})
	if r = a.Rotation(); r.Phase != ca.PhaseStable || r.Sequence != 3 || len(r.Roots) != 1 || !r.Roots[0].Certificate.Equal(second) {
		t.Fatalf("retired: %+v", r)
	}
	if second.Subject.String() == first.Subject.String() || second.PermittedURIDomains[0] != "nydc" || !second.PermittedDNSDomainsCritical {
		t.Errorf("the second root: %s %v", second.Subject, second.PermittedURIDomains)
	}
}

// TestStepsOutOfTurn: no step is made before the one it needs, and a rotation that did not begin to issue can be taken back.
func TestStepsOutOfTurn(t *testing.T) {
	a := newBench(t).open(t)
	steps := map[string]func() error{
		"publish": func() error { return a.Publish(t.Context()) }, "cancel": func() error { return a.Cancel(t.Context()) },
		"switch": func() error { return a.Switch(t.Context()) }, "retire": func() error { return a.Retire(t.Context()) },
	}
	refused := func(names ...string) {
		t.Helper()
		was := a.Rotation()
		for _, n := range names {
			if err := steps[n](); fault.CodeOf(err) != "rotation_out_of_turn" {
				t.Errorf("%s in phase %s: %v", n, was.Phase, err)
			}
		}
		if now := a.Rotation(); now.Phase != was.Phase || now.Sequence != was.Sequence {
			t.Errorf("a refused step changed %+v to %+v", was, now)
		}
	}
	do := func(name string) {
		t.Helper()
		if err := steps[name](); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	refused("cancel", "switch", "retire")
	do("publish")
	refused("publish", "retire")
	do("cancel")
	if r := a.Rotation(); r.Phase != ca.PhaseStable || r.Sequence != 3 || len(r.Roots) != 1 {
		t.Errorf("cancelled: %+v", r)
	}
	do("publish")
	do("switch")
	refused("publish", "cancel", "switch")
	do("retire")
}

// TestChangesOfTheRootsAreTold: whoever took the channel before a step learns of it, and the bundle carries the sequence.
func TestChangesOfTheRootsAreTold(t *testing.T) {
	a := newBench(t).open(t)
	told := a.Changed()
	if err := a.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	default:
		t.Error("nobody was told")
	}
	raw, sequence, err := a.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Keys     []json.RawMessage `json:"keys"`
		Sequence uint64            `json:"spiffe_sequence"`
		Hint     int               `json:"spiffe_refresh_hint"`
	}
	if err := json.Unmarshal([]byte(raw), &doc); err != nil || doc.Sequence != sequence || sequence != 2 || doc.Hint != 300 || len(doc.Keys) != 2 {
		t.Errorf("bundle %s: sequence %d, %v", raw, sequence, err)
	}
}

// TestALeafThatMissedTheSwitch: the process ended between the switch and the renewal of its leaves: the next start renews them.
func TestALeafThatMissedTheSwitch(t *testing.T) {
	b := newBench(t)
	a := b.open(t)
	if err := a.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := []byte("ca/leaf/node1/peer")
	former := b.value(t, key)
	if err := a.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	b.put(t, key, former)
	a = b.open(t)
	if err := verify(a, a.PeerCertificate(), b.clock.Now()); err != nil || a.Rotation().Phase != ca.PhaseSwitched {
		t.Errorf("after the restart: %v, %+v", err, a.Rotation())
	}
	if err := a.Retire(t.Context()); err != nil || !leadsTo(t, a.PeerCertificate(), b.clock.Now(), a.Roots()...) {
		t.Errorf("retired: %v", err)
	}
}
