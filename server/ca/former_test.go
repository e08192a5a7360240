package ca_test

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// watched counts what is read of a store, and calls before each update.
type watched struct {
	store.Store
	views  atomic.Int64
	before atomic.Pointer[func()]
}

func (w *watched) View(ctx context.Context, do func(store.Reader) error) error {
	w.views.Add(1)
	return w.Store.View(ctx, do)
}

func (w *watched) Update(ctx context.Context, do func(store.Writer) error) error {
	if before := w.before.Load(); before != nil {
		(*before)()
	}
	return w.Store.Update(ctx, do)
}

const day = 24 * time.Hour

// lasting issues a certificate with such a life to an agent of this name.
func lasting(t *testing.T, a *ca.Authority, name string, ttl time.Duration) ca.Issued {
	t.Helper()
	made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: name, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// formers checks how many certificates are counted under the former root, and until when.
func formers(t *testing.T, a *ca.Authority, when string, count int, end time.Time) {
	t.Helper()
	if until, n, err := a.LastFormer(t.Context()); err != nil || n != count || !until.Equal(end) {
		t.Errorf("%s: %d until %s, %v; want %d until %s", when, n, until, err, count, end)
	}
}

func step(t *testing.T, do func(context.Context) error) {
	t.Helper()
	if err := do(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestCertificatesUnderTheFormerRoot: FLT-21. What keeps a root from being retired: good certificates of others below it, whichever
// issuing certificate signed them, until they end, are revoked or the root goes. Only the first look reads the records.
func TestCertificatesUnderTheFormerRoot(t *testing.T) {
	b := newBench(t)
	w := &watched{Store: b.config.Store}
	b.config.Store = w
	a := b.open(t)
	b.clock.Advance(4*365*day - 10*day)
	first := lasting(t, a, "first", 90*day)
	b.clock.Advance(11 * day)
	_ = a.Close()
	a = b.open(t) // with another issuing certificate below the same root
	second, third := lasting(t, a, "second", 60*day), lasting(t, a, "third", 30*day)
	if string(first.Chain[0]) == string(second.Chain[0]) {
		t.Fatal("the issuing certificate is the same")
	}
	formers(t, a, "stable", 0, time.Time{})
	step(t, a.Publish)
	formers(t, a, "published", 0, time.Time{})
	step(t, a.Switch)
	lasting(t, a, "new", 90*day)
	formers(t, a, "switched", 3, first.NotAfter)
	views := w.views.Load()
	formers(t, a, "looked at again", 3, first.NotAfter)
	if again := w.views.Load(); again != views {
		t.Errorf("the second look reads the store %d times", again-views)
	}
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{first.Serial}}); err != nil {
		t.Fatal(err)
	}
	formers(t, a, "one is revoked", 2, second.NotAfter)
	if _, err := a.Renew(t.Context(), root, third.Serial, ""); err != nil {
		t.Fatal(err)
	}
	formers(t, a, "one is renewed", 2, second.NotAfter)
	_ = a.Close()
	a = b.open(t)
	formers(t, a, "after a restart", 2, second.NotAfter)
	b.clock.Advance(30*day + time.Second)
	formers(t, a, "one has ended", 1, second.NotAfter)
	step(t, a.Retire)
	formers(t, a, "retired", 0, time.Time{})
	step(t, a.Publish)
	step(t, a.Switch)
	if _, n, err := a.LastFormer(t.Context()); err != nil || n != 1 { // new; nothing of the first root
		t.Errorf("in the next rotation: %d, %v", n, err)
	}
}

// TestACertificateThatIsSignedAtTheSwitch: FLT-21. Signed under the root that becomes the former one, recorded after the switch and
// after it was counted what is below that root: it is counted too.
func TestACertificateThatIsSignedAtTheSwitch(t *testing.T) {
	b := newBench(t)
	w := &watched{Store: b.config.Store}
	b.config.Store = w
	a := b.open(t)
	step(t, a.Publish)
	updates := 0
	overtaken := func() {
		if updates++; updates < 2 { // the intent; the record comes after the signature
			return
		}
		w.before.Store(nil)
		step(t, a.Switch)
		formers(t, a, "at the switch", 0, time.Time{})
	}
	w.before.Store(&overtaken)
	late := lasting(t, a, "late", day)
	formers(t, a, "recorded after it", 1, late.NotAfter)
}

// TestTheListOfAReplacedIssuer: SEC-43, FLT-21. A node that starts late in the life of its issuing certificate replaces it below the
// same root. The list that the new one signs takes back what was revoked of the old one's, before it and after, under a number that
// grows; and in the middle of a rotation the new one leads to both roots.
func TestTheListOfAReplacedIssuer(t *testing.T) {
	b := newBench(t)
	a := b.open(t)
	step(t, a.Publish)
	former := a.Roots()[0]
	step(t, a.Switch)
	b.clock.Advance(4*365*day - time.Hour)
	before, after := lasting(t, a, "before", 90*day), lasting(t, a, "after", 90*day)
	revoke := func(c ca.Issued) {
		t.Helper()
		if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{c.Serial}}); err != nil {
			t.Fatal(err)
		}
	}
	revoke(before)
	old := a.CRL()
	was, err := a.ListIssuer(old)
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(2 * time.Hour) // the list is good for longer
	_ = a.Close()
	a = b.open(t)
	listed := func(when string, serials ...string) {
		t.Helper()
		l := a.CRL()
		issuer, err := a.ListIssuer(l)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(l.DER)
		if err != nil || list.CheckSignatureFrom(issuer) != nil || issuer.Equal(was) || l.Number <= old.Number || issuer.CheckSignatureFrom(a.Roots()[1]) != nil {
			t.Errorf("%s: list %d after %d of %s, %v", when, l.Number, old.Number, issuer.Subject, err)
		}
		for _, s := range serials {
			found := false
			for _, e := range list.RevokedCertificateEntries {
				found = found || ca.SerialText(e.SerialNumber) == s
			}
			if !found {
				t.Errorf("%s: %s is not on the list", when, s)
			}
		}
	}
	listed("at the start", before.Serial)
	revoke(after)
	listed("revoked later", before.Serial, after.Serial)
	for _, anchor := range []*x509.Certificate{former, a.Roots()[1]} {
		if !leadsTo(t, a.PeerCertificate(), b.clock.Now(), anchor) {
			t.Errorf("the new issuing certificate does not lead to %s", anchor.Subject)
		}
	}
}
