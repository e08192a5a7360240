package ca_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

var errDisk = errors.New("disk full")

// nth is a real store of which one write fails.
type nth struct {
	store.Store
	count, fail atomic.Int64
}

func (n *nth) Update(ctx context.Context, fn func(store.Writer) error) error {
	if n.count.Add(1) == n.fail.Load() {
		return errDisk
	}
	return n.Store.Update(ctx, fn)
}

func agent(t *testing.T, a *ca.Authority, name string) ca.Issued {
	t.Helper()
	made, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func serial(t *testing.T, i ca.Issued) *big.Int {
	t.Helper()
	return leafOf(t, i).SerialNumber
}

// TestRevokeIsInForceAtOnce and survives a restart, and whoever waits for a change is told.
func TestRevokeIsInForceAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	one, other := agent(t, a, "a"), agent(t, a, "b")
	changed, number := a.RevocationsChanged(), a.CRL().Number
	ended, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{one.Serial}, Reason: ca.ReasonKeyCompromise})
	if err != nil || len(ended) != 1 || ended[0].Reason != ca.ReasonKeyCompromise || ended[0].Status(b.clock.Now()) != ca.StatusRevoked {
		t.Fatalf("%+v %v", ended, err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told")
	}
	if !a.Revoked(serial(t, one)) || a.Revoked(serial(t, other)) || !a.Revoked(nil) {
		t.Error("not in force, or too much is")
	}
	if a.CRL().Number <= number {
		t.Error("no new list")
	}
	again, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{one.Serial}})
	if err != nil || len(again) != 1 || again[0].Reason != ca.ReasonKeyCompromise {
		t.Errorf("a second time: %+v %v", again, err)
	}
	number = a.CRL().Number
	restarted := b.open(t)
	if !restarted.Revoked(serial(t, one)) || restarted.Revoked(serial(t, other)) || restarted.CRL().Number < number {
		t.Error("forgotten at a restart")
	}
}

// TestRevokeByIdentity ends all that an identity has, predecessors and successors, and keeps it from renewing until an
// administrator issues anew.
func TestRevokeByIdentity(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	first := agent(t, a, "a")
	second, err := a.Renew(t.Context(), root, first.Serial, "")
	if err != nil {
		t.Fatal(err)
	}
	ab := agent(t, a, "ab") // whose identity starts with the other's
	ended, err := a.Revoke(t.Context(), root, ca.Withdrawal{Identity: first.Identity})
	if err != nil || len(ended) != 2 || !a.Revoked(serial(t, first)) || !a.Revoked(serial(t, second)) || a.Revoked(serial(t, ab)) {
		t.Fatalf("%d ended, %v", len(ended), err)
	}
	fresh := agent(t, a, "a")
	if _, err := a.Renew(t.Context(), root, fresh.Serial, ""); err != nil {
		t.Errorf("after an administrator issued anew: %v", err)
	}
}

// TestRevokeMoreThanFitsOneTransaction, while others are issued: every certificate of the identity ends, nobody else's.
func TestRevokeMoreThanFitsOneTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	const callers, each = 6, 35 // more than 200 in all
	issue := func(name string) []ca.Issued {
		out := make([]ca.Issued, callers*each)
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				for n := range each {
					var err error
					if out[caller*each+n], err = a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAgent, Name: name}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		return out
	}
	many := issue("many")
	var others []ca.Issued
	var beside sync.WaitGroup
	beside.Go(func() { others = issue("other") })
	ended, err := a.Revoke(t.Context(), root, ca.Withdrawal{Identity: many[0].Identity})
	beside.Wait()
	if err != nil || t.Failed() {
		t.Fatalf("revoke: %v", err)
	}
	serials := map[string]bool{}
	for _, made := range many {
		serials[made.Serial] = true
		if !a.Revoked(serial(t, made)) {
			t.Fatalf("%s is still valid", made.Serial)
		}
	}
	for _, made := range others {
		if a.Revoked(serial(t, made)) {
			t.Fatalf("%s is another's", made.Serial)
		}
	}
	list, err := x509.ParseRevocationList(a.CRL().DER)
	if err != nil || len(ended) != len(many) || len(serials) != len(many) || len(list.RevokedCertificateEntries) != len(many) {
		t.Errorf("%d ended of %d with %d serials, %v", len(ended), len(many), len(serials), err)
	}
}

// TestRevocationOvertakesRenewal: a renewal that began before its certificate or identity was revoked gives nothing out.
func TestRevocationOvertakesRenewal(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]func(ca.Issued) ca.Withdrawal{
		"serial":   func(i ca.Issued) ca.Withdrawal { return ca.Withdrawal{Serials: []string{i.Serial}} },
		"identity": func(i ca.Issued) ca.Withdrawal { return ca.Withdrawal{Identity: i.Identity} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			gate := &between{Store: b.config.Store}
			b.config.Store = gate
			a := b.open(t)
			made := agent(t, a, "a")
			gate.then(2, func() { // after the intent, before the record
				if _, err := a.Revoke(t.Context(), root, what(made)); err != nil {
					t.Error(err)
				}
			})
			if _, err := a.Renew(t.Context(), root, made.Serial, ""); fault.KindOf(err) != fault.Conflict {
				t.Errorf("renewed: %v", err)
			}
			page, _, err := a.Certificates(t.Context(), ca.Filter{Identity: made.Identity, Status: ca.StatusValid}, "", 10)
			if err != nil || len(page) != 0 {
				t.Errorf("%d valid certificates left, %v", len(page), err)
			}
		})
	}
}

// TestBlockComesFirst: while the many certificates of an identity are revoked one transaction after another, those that are
// still valid are not renewed any more.
func TestBlockComesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gate := &between{Store: b.config.Store}
	b.config.Store = gate
	a := b.open(t)
	made := make([]ca.Issued, 203)
	for n := range made {
		made[n] = agent(t, a, "a")
	}
	refused := map[string]int{}
	gate.then(3, func() { // after the first transaction and its list
		for _, i := range made {
			_, err := a.Renew(t.Context(), root, i.Serial, "")
			refused[fault.CodeOf(err)]++
		}
	})
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Identity: made[0].Identity}); err != nil {
		t.Fatal(err)
	}
	if refused["certificate_revoked"] != 200 || refused["identity_revoked"] != 3 {
		t.Errorf("renewals in between: %v", refused)
	}
}

// between runs something before the n-th write from now.
type between struct {
	store.Store
	mu   sync.Mutex // guards the rest
	left int
	do   func()
}

func (b *between) then(n int, do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.do = n, do
}

func (b *between) Update(ctx context.Context, fn func(store.Writer) error) error {
	b.mu.Lock()
	do := b.do
	if b.left--; b.left != 0 {
		do = nil
	}
	b.mu.Unlock()
	if do != nil {
		do()
	}
	return b.Store.Update(ctx, fn)
}

// TestRevokedOwnLeavesAreReplaced at once: a node that holds the authority does not lock itself out.
func TestRevokedOwnLeavesAreReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	peer, web := a.PeerCertificate().Leaf, a.WebCertificate().Leaf
	ended, err := a.Revoke(t.Context(), root, ca.Withdrawal{Node: "Node1"})
	if err != nil || len(ended) != 2 {
		t.Fatalf("%d ended, %v", len(ended), err)
	}
	if !a.Revoked(peer.SerialNumber) || !a.Revoked(web.SerialNumber) {
		t.Error("the old ones still count")
	}
	for _, c := range []*x509.Certificate{a.PeerCertificate().Leaf, a.WebCertificate().Leaf} {
		if a.Revoked(c.SerialNumber) || c.Equal(peer) || c.Equal(web) {
			t.Errorf("%s was not replaced", c.Subject)
		}
	}
}

// TestRevokeRefuses what it cannot read, and what is not there.
func TestRevokeRefuses(t *testing.T) {
	t.Parallel()
	a := newBench(t).open(t)
	for name, d := range map[string]ca.Withdrawal{
		"nothing":                  {},
		"two ways":                 {Node: "n1", Identity: "spiffe://nydc/node/n1"},
		"unknown reason":           {Node: "n1", Reason: "hold"},
		"too many":                 {Serials: slices.Repeat([]string{"1f"}, 201)},
		"no serial":                {Serials: []string{"xyz"}},
		"serial too long":          {Serials: []string{strings.Repeat("1", 41)}},
		"zero":                     {Serials: []string{"00"}},
		"another data center":      {Identity: "spiffe://ldndc/agent/a"},
		"a whole profile":          {Identity: "spiffe://nydc/agent/"},
		"a path":                   {Identity: "spiffe://nydc/agent/a/b"},
		"separator of the records": {Identity: "spiffe://nydc/agent/a\x00"},
		"node with a path":         {Node: "n/1"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := a.Revoke(t.Context(), root, d); !fault.Is(err, fault.Invalid) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{"1f"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown serial: %v", err)
	}
}

// TestListIsWhatOpenSSLTakes: the revocation list, its number and its renewal, read and applied by openssl.
func TestListIsWhatOpenSSLTakes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	good, bad := agent(t, a, "good"), agent(t, a, "bad")
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{bad.Serial}, Reason: ca.ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	number := a.CRL().Number
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = b.open(t) // a restart in between changes nothing
	if a.CRL().Number != number {
		t.Errorf("number %d after a restart, was %d", a.CRL().Number, number)
	}
	dir := t.TempDir()
	write(t, dir, "crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: a.CRL().DER}))
	write(t, dir, "root.pem", []byte(a.RootsPEM()))
	write(t, dir, "issuer.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Chain[0]}))
	text, err := openssl(t, dir, "crl", "-in", "crl.pem", "-noout", "-text", "-CAfile", "issuer.pem")
	if err != nil || !strings.Contains(text, "verify OK") || !strings.Contains(text, "Key Compromise") || !strings.Contains(strings.ToLower(text), bad.Serial) {
		t.Errorf("openssl crl: %v\n%s", err, text)
	}
	for name, c := range map[string]struct {
		made ca.Issued
		ok   bool
	}{"good.pem": {good, true}, "bad.pem": {bad, false}} {
		write(t, dir, name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.made.Certificate}))
		text, err := openssl(t, dir, "verify", "-crl_check", "-CAfile", "root.pem", "-untrusted", "issuer.pem", "-CRLfile", "crl.pem", name)
		if (err == nil) != c.ok || !c.ok && !strings.Contains(text, "certificate revoked") {
			t.Errorf("openssl verify %s: %v\n%s", name, err, text)
		}
	}
}

// TestListIsFreshBeforeItsEnd, grows in number only, and forgets a serial some time after its certificate's end.
func TestListIsFreshBeforeItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.LeafTTL = time.Hour
	a := b.open(t)
	made := agent(t, a, "a")
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{made.Serial}}); err != nil {
		t.Fatal(err)
	}
	before := a.CRL()
	b.clock.Advance(13 * time.Hour)
	if err := a.KeepUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := a.CRL()
	if after.Number <= before.Number || !after.NextUpdate.After(before.NextUpdate) {
		t.Errorf("list %d to %s, then %d to %s", before.Number, before.NextUpdate, after.Number, after.NextUpdate)
	}
	list, err := x509.ParseRevocationList(after.DER)
	if err != nil || len(list.RevokedCertificateEntries) != 0 || len(a.Revocations()) != 0 {
		t.Errorf("still lists what ended long ago: %v %v", list, err)
	}
}

// TestListing filters and pages.
func TestListing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	for n := range 7 {
		agent(t, a, fmt.Sprintf("a%d", n))
	}
	short, err := a.Issue(t.Context(), root, ca.Request{Profile: ca.ProfileAdministrator, Name: "ann", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	gone := agent(t, a, "gone")
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{gone.Serial}}); err != nil {
		t.Fatal(err)
	}
	soon := b.clock.Now().Add(time.Hour)
	b.clock.Advance(2 * time.Minute)
	for name, c := range map[string]struct {
		f    ca.Filter
		want int
	}{
		"all":               {ca.Filter{}, 11},
		"agents":            {ca.Filter{Profile: ca.ProfileAgent}, 8},
		"an identity":       {ca.Filter{Identity: "spiffe://nydc/agent/a1"}, 1},
		"no such identity":  {ca.Filter{Identity: "spiffe://nydc/agent/a"}, 0},
		"a name":            {ca.Filter{Name: "sso.example.com"}, 1},
		"revoked":           {ca.Filter{Status: ca.StatusRevoked}, 1},
		"expired":           {ca.Filter{Status: ca.StatusExpired}, 1},
		"valid agents":      {ca.Filter{Profile: ca.ProfileAgent, Status: ca.StatusValid}, 7},
		"expiring soon":     {ca.Filter{ExpiringBefore: soon}, 1},
		"expired, by whom ": {ca.Filter{Identity: short.Identity, Status: ca.StatusExpired}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var serials []string
			for after, more := "", true; more; more = after != "" {
				page, next, err := a.Certificates(t.Context(), c.f, after, 3)
				if err != nil || len(page) > 3 {
					t.Fatalf("page of %d, %v", len(page), err)
				}
				for _, r := range page {
					serials = append(serials, r.Serial)
				}
				after = next
			}
			if len(serials) != c.want || !slices.IsSorted(serials) || len(slices.Compact(serials)) != c.want {
				t.Errorf("%d, want %d", len(serials), c.want)
			}
		})
	}
}

// TestRecordsEnd: the store does not grow for ever.
func TestRecordsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	made := agent(t, a, "a")
	b.clock.Advance(25*time.Hour + 30*24*time.Hour)
	if _, err := a.Certificate(t.Context(), made.Serial); !fault.Is(err, fault.NotFound) {
		t.Errorf("still on record: %v", err)
	}
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func openssl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "openssl", args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}
