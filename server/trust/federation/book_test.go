package federation_test

import (
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// TestBundlesThatAreRefused: SEC-41, SEC-42. Whatever is wrong with a bundle, it is said, and the last good one stays.
func TestBundlesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := made(t, nil, nil)
	theirs := made(t, nil, nil)
	w.certificates = append(w.certificates, mdc.TrustedCertificate{Name: "sgdc", CertificatePEM: text(theirs), Partner: "SGDC"})
	w.take(t, told(t, 7, w.root, second))
	leaf := made(t, w.root, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	noSign := made(t, nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	expired := made(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	constrained := made(t, nil, func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"nydc"}, true
	})
	many := make([]*authority, bundle.MaxRoots+1)
	for i := range many {
		many[i] = made(t, nil, nil)
	}
	long := told(t, 8, w.root)
	long.Bundle = append(long.Bundle, strings.Repeat(" ", bundle.MaxSize)...)
	renumbered := told(t, 8, w.root)
	renumbered.Sequence = 9
	for name, d := range map[string]federation.Document{
		"older":                        told(t, 6, w.root, second),
		"the same number, other roots": told(t, 7, w.root),
		"empty":                        told(t, 8),
		"a number of zero":             told(t, 0, w.root),
		"sent under another number":    renumbered,
		"a leaf":                       told(t, 8, w.root, leaf),
		"an authority that signs none": told(t, 8, w.root, noSign),
		"an expired root":              told(t, 8, w.root, expired),
		"a root with a key too short":  told(t, 8, w.root, weak(t)),
		"a root for another's names":   told(t, 8, w.root, constrained),
		"another partner's root":       told(t, 8, w.root, theirs),
		"our own root":                 told(t, 8, w.root, w.own),
		"too many roots":               told(t, 8, many...),
		"too long":                     long,
		"no JSON":                      {Sequence: 8, Bundle: []byte("{")},
		"no base64":                    {Sequence: 8, Bundle: []byte(`{"spiffe_sequence":8,"keys":[{"use":"x509-svid","x5c":["?"]}]}`)},
		"no certificate":               {Sequence: 8, Bundle: []byte(`{"spiffe_sequence":8,"keys":[{"use":"x509-svid","x5c":["AAAA"]}]}`)},
		"two certificates in a key":    {Sequence: 8, Bundle: []byte(`{"spiffe_sequence":8,"keys":[{"use":"x509-svid","x5c":["AAAA","AAAA"]}]}`)},
		"keys for other uses only":     {Sequence: 8, Bundle: []byte(`{"spiffe_sequence":8,"keys":[{"use":"jwt-svid"}]}`)},
	} {
		changed, err := w.book.Take(t.Context(), "LDC", d)
		if changed || fault.CodeOf(err) != "bundle_refused" {
			t.Errorf("%s: changed %t, %v", name, changed, err)
		}
		if s := w.standing(t); s.Sequence != 7 || len(s.Roots) != 2 || len(s.Retired) != 0 {
			t.Errorf("%s: left %d with %d roots", name, s.Sequence, len(s.Roots))
		}
	}
	if changed, err := w.book.Take(t.Context(), "LDC", told(t, 7, w.root, second)); changed || err != nil {
		t.Errorf("the same again: %t, %v", changed, err)
	}
	for _, who := range []string{"PARIS", "SGDC"} { // not registered; registered, and the bundle holds LDC's root
		if changed, err := w.book.Take(t.Context(), who, told(t, 1, w.root)); changed || fault.CodeOf(err) != "bundle_refused" {
			t.Errorf("told by %s: %t, %v", who, changed, err)
		}
	}
	w.restart(t)
	if s := w.standing(t); s.Sequence != 7 || len(s.Roots) != 2 {
		t.Errorf("after a restart: %d with %d roots", s.Sequence, len(s.Roots))
	}
}

// TestALateBundleDoesNotOutliveItsRoot: SEC-41, SEC-43. A partner answers over a link that was believed for a root which an administrator
// has replaced by another since: nothing of it counts beside the new one, whether or not something was learned before.
func TestALateBundleDoesNotOutliveItsRoot(t *testing.T) {
	t.Parallel()
	for _, learned := range []bool{false, true} {
		w := newWorld(t)
		second, other := made(t, nil, nil), made(t, nil, nil)
		if learned {
			w.take(t, told(t, 3, w.root, second))
		}
		w.declare(text(other))
		w.follow(t)
		if changed, err := w.book.Take(t.Context(), "LDC", told(t, 4, w.root, second)); changed || fault.CodeOf(err) != "bundle_refused" {
			t.Errorf("learned before %t: changed %t, %v", learned, changed, err)
		}
		if s := w.standing(t); len(s.Roots) != 0 {
			t.Errorf("learned before %t: %d roots count", learned, len(s.Roots))
		}
	}
}

// TestListsThatAreRefused: SEC-43. A revocation list counts if one of the partner's own issuers signed it, and never gets older.
func TestListsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	issuer, foreign := made(t, w.root, nil), made(t, made(t, nil, nil), nil)
	gone := big.NewInt(4711)
	d := told(t, 1, w.root)
	d.Number, d.Lists = 5, []federation.List{list(t, issuer, 5, gone)}
	w.take(t, d)
	future := at(t, issuer, 6, time.Now().Add(10*time.Minute))
	forged := list(t, issuer, 6)
	forged.List = list(t, foreign, 6).List
	leaf := made(t, w.root, func(c *x509.Certificate) { c.IsCA, c.KeyUsage, c.SubjectKeyId = false, x509.KeyUsageCRLSign, []byte{1} })
	var nine []federation.List
	for range federation.MaxLists + 1 {
		nine = append(nine, list(t, issuer, 6))
	}
	big := list(t, issuer, 6)
	big.List = append(big.List, make([]byte, federation.MaxList)...)
	for name, lists := range map[string][]federation.List{
		"older":                {list(t, issuer, 4)},
		"of another authority": {list(t, foreign, 6)},
		"not the issuer's":     {forged},
		"signed by a leaf":     {list(t, leaf, 6)},
		"of the future":        {future},
		"no list":              {{Issuer: issuer.Raw, List: []byte("x")}},
		"no issuer":            {{Issuer: []byte("x"), List: list(t, issuer, 6).List}},
		"too many":             nine,
		"too long":             {big},
	} {
		changed, err := w.book.Take(t.Context(), "LDC", federation.Document{Sequence: 1, Number: 6, Lists: lists})
		if changed || fault.CodeOf(err) != "bundle_refused" {
			t.Errorf("%s: changed %t, %v", name, changed, err)
		}
		if s := w.standing(t); s.Number != 5 || s.Revoked != 1 {
			t.Errorf("%s: left number %d with %d", name, s.Number, s.Revoked)
		}
	}
	// A second issuer's list stands beside the first one's, which stays although it is not told any more.
	next := made(t, w.root, nil)
	w.take(t, federation.Document{Sequence: 1, Number: 6, Lists: []federation.List{list(t, next, 6)}})
	if s := w.standing(t); s.Number != 6 || s.Revoked != 1 {
		t.Errorf("with a second issuer: number %d with %d", s.Number, s.Revoked)
	}
}

// TestWhatIsLearnedFollowsWhatIsDeclared: SEC-42. Learned roots count while the partner is registered by a root that they are
// joined with; removing it, or registering another root, drops them, at once and over a restart, but never the revocations.
func TestWhatIsLearnedFollowsWhatIsDeclared(t *testing.T) {
	t.Parallel()
	second, other := made(t, nil, nil), made(t, nil, nil)
	for name, c := range map[string]struct {
		change func(w *world)
		kept   bool
	}{
		"nothing":                      {func(*world) {}, true},
		"another certificate beside":   {func(w *world) { w.declare(text(w.root, other)) }, true},
		"the root that was learned":    {func(w *world) { w.declare(text(second)) }, true},
		"another root":                 {func(w *world) { w.declare(text(other)) }, false},
		"no certificate":               {func(w *world) { w.certificates = nil }, false},
		"the partner is removed":       {func(w *world) { w.partners = w.partners[1:] }, false},
		"a certificate for all":        {func(w *world) { w.declare(text(w.root)); w.certificates[0].Partner = "" }, true},
		"a certificate for another dc": {func(w *world) { w.certificates[0].Partner = "SGDC" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d := told(t, 3, w.root, second)
			d.Number, d.Lists = 1, []federation.List{list(t, made(t, w.root, nil), 1, big.NewInt(4711))}
			w.take(t, d)
			partners := w.partners
			c.change(w)
			for range 2 {
				w.follow(t)
				all, err := w.book.Learned(t.Context())
				if l := all["ldc"]; err != nil || (len(l.Roots) == 2) != c.kept || !l.Revoked["4711"] {
					t.Errorf("%d roots, revoked %v, %v", len(l.Roots), l.Revoked, err)
				}
				if err := w.book.Tidy(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.restart(t)
			}
			w.partners = partners
			w.declare(text(w.root))
			w.follow(t)
			if s := w.standing(t); (s.Sequence == 3) != c.kept || s.Revoked != 1 {
				t.Errorf("registered as before: sequence %d, revoked %d", s.Sequence, s.Revoked)
			}
		})
	}
}

// TestRetiredRoots: what a later bundle no longer names is withdrawn, though it is declared, with what is below it; it comes back
// only with the partner's own word, or when the partner is registered anew.
func TestRetiredRoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := made(t, nil, nil)
	below, free := made(t, w.root, nil), made(t, nil, nil)
	w.take(t, told(t, 1, w.root))
	w.take(t, told(t, 2, w.root, second))
	if !w.book.Retires(t.Context(), "LDC", told(t, 3, second)) || w.book.Retires(t.Context(), "LDC", told(t, 3, w.root, second)) {
		t.Error("it does not tell which bundle retires a root")
	}
	w.take(t, told(t, 3, second))
	w.restart(t)
	all, err := w.book.Learned(t.Context())
	if l := all["ldc"]; err != nil || !l.Withdrawn(w.root.Certificate) || !l.Withdrawn(below.Certificate) || l.Withdrawn(second.Certificate) || l.Withdrawn(free.Certificate) {
		t.Errorf("withdrawn: %+v, %v", l, err)
	}
	w.take(t, told(t, 4, w.root))
	if s := w.standing(t); len(s.Retired) != 1 || !s.Retired[0].Equal(second.Certificate) {
		t.Errorf("retired: %+v", s.Retired)
	}
}

// TestDamagedRecords: SEC-43. A record that is missing, changed or unreadable is never taken for nothing: the partner is not believed
// until it is registered anew, over restarts too.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(w store.Writer) error{
		"the record is gone":    func(w store.Writer) error { return w.Delete([]byte("f/l/ldc")) },
		"the mark is gone":      func(w store.Writer) error { return w.Delete([]byte("f/m/ldc")) },
		"the record is another": func(w store.Writer) error { return w.Put([]byte("f/l/ldc"), []byte(`{"sequence":9}`), 0) },
		"the record is no JSON": func(w store.Writer) error { return w.Put([]byte("f/l/ldc"), []byte("{"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.take(t, told(t, 1, w.root))
			if err := w.store.Update(t.Context(), harm); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				all, err := w.book.Learned(t.Context())
				if err != nil || !all["ldc"].Damaged || !w.standing(t).Damaged {
					t.Errorf("%+v, %v", all["ldc"], err)
				}
				if changed, err := w.book.Take(t.Context(), "LDC", told(t, 2, w.root)); changed || err == nil {
					t.Errorf("something was taken beside it: %v", err)
				}
				w.restart(t)
			}
			partners := w.partners
			w.partners = nil
			w.follow(t)
			w.partners = partners
			w.follow(t)
			w.take(t, told(t, 1, w.root))
		})
	}
}

// TestManyRotations: FLT-21. A partner that replaces its root again and again leaves neither lists nor roots behind without end, and
// what it revoked last stays revoked.
func TestManyRotations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root
	number := int64(0)
	tell := func(sequence uint64, issuer *authority, roots ...*authority) {
		t.Helper()
		number++
		d := told(t, sequence, roots...)
		d.Number, d.Lists = uint64(number), []federation.List{list(t, issuer, number, big.NewInt(number))}
		w.take(t, d)
		if s := w.standing(t); s.Revoked < 1 || s.Revoked > 2 || len(s.Roots) != len(roots) || len(s.Retired) > 16 {
			t.Fatalf("sequence %d: revoked %d, %d roots, %d retired", sequence, s.Revoked, len(s.Roots), len(s.Retired))
		}
	}
	issuer := made(t, root, nil)
	tell(1, issuer, root)
	for i := range uint64(40) {
		next := made(t, nil, nil)
		tell(2*i+2, issuer, root, next)
		issuer = made(t, next, nil)
		tell(2*i+3, issuer, next)
		root = next
	}
	w.follow(t)
	if s := w.standing(t); s.Sequence != 81 {
		t.Errorf("after all of it: %+v", s)
	}
}

// TestTakenBeforeItIsWritten: SEC-42. What a partner tells between a change of what is declared and the writing of what followed from
// it stands; the writing does not bring back what was before.
func TestTakenBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, told(t, 3, w.root))
	other := made(t, nil, nil)
	w.declare(text(other))
	if err := w.book.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.standing(t); s.Sequence != 0 {
		t.Errorf("registered by another root: %+v", s)
	}
	w.take(t, told(t, 1, other))
	for range 2 {
		if s := w.standing(t); s.Sequence != 1 || len(s.Roots) != 1 || !s.Roots[0].Equal(other.Certificate) {
			t.Errorf("what was told since: %+v", s)
		}
		if err := w.book.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.restart(t)
	}
}

// TestARetiredRootStaysRetired: however often a partner replaces its root, the one that is still declared here, whose key may be
// anybody's by now, does not come back (SEC-42).
func TestARetiredRootStaysRetired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, told(t, 1, w.root))
	for sequence := uint64(2); sequence < 22; sequence++ {
		w.take(t, told(t, sequence, made(t, nil, nil)))
		if s := w.standing(t); !slices.ContainsFunc(s.Retired, w.root.Equal) || len(s.Retired) > 16 {
			t.Fatalf("sequence %d: %d retired, and the declared root counts again", sequence, len(s.Retired))
		}
	}
}
