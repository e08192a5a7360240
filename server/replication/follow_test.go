package replication_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

const secretText = "the-keyset-in-clear"

// everyKind gives one object of each replicated kind; version makes its content differ.
func everyKind(version int) map[string]mdc.Object {
	v := fmt.Sprint(version)
	return map[string]mdc.Object{
		"data_center_key":           &mdc.DataCenterKey{ClusterID: "NYDC", PublicKey: bytes.Repeat([]byte{byte(version)}, 32)},
		"promotion":                 &mdc.Promotion{Epoch: mdc.Epoch{Number: uint64(version), ClusterID: "PDC"}}, // of no lineage here
		"keyset":                    &mdc.Keyset{Purpose: mdc.PurposeSignIn, Keyset: []byte(secretText + v)},
		"identity_store_credential": &mdc.StoreCredential{Store: "corp", Password: secretText + v, Salt: bytes.Repeat([]byte{byte(version)}, 16)},
		"identity_store":            &mdc.IdentityStore{Name: "corp", Description: v, URLs: []string{"ldaps://corp.example.com"}},
		"authentication_scheme":     &mdc.AuthenticationScheme{Name: "strong", Level: version, Steps: []mdc.SchemeStep{{Method: mdc.MethodPassword}}},
		"password_policy":           &mdc.PasswordPolicy{MinLength: 8 + version},
		"security_domain":           &mdc.SecurityDomain{Name: "finance", Description: v},
		"admin_role":                &mdc.AdminRole{Name: "care", Description: v},
		"session_policy":            &mdc.SessionPolicy{RetrievalMaxAttempts: version},
		"package":                   &mdc.Package{Name: "setup", Description: v, SHA256: strings.Repeat("0a", 32), Size: 1, Format: mdc.FormatRaw},
		"setting":                   &mdc.Setting{Name: "banner", Value: v},
		"group":                     &mdc.Group{Name: "staff", Description: "<b>&" + v},
		"user":                      &mdc.User{Name: "Alice", Groups: []string{"staff"}, Enabled: true, Password: mdc.Secret{Hash: "h" + v}},
		"authorization_policy":      &mdc.AuthorizationPolicy{Name: "p", Rules: []mdc.Rule{{Effect: mdc.Allow, Groups: []string{"staff"}, Users: []string{"u" + v}}}},
		"application":               &mdc.Application{Name: "app", Hosts: []string{"app" + v + ".example.com"}},
		"agent":                     &mdc.Agent{Name: "web", Hosts: []string{"https://app.example.com"}, Secret: mdc.Secret{Hash: "h" + v}},
	}
}

func putEveryKind(s *site, version int) {
	s.t.Helper()
	objects := everyKind(version)
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated {
			continue
		}
		o := objects[kind.Name]
		if o == nil {
			s.t.Fatalf("the test has no %s", kind.Name)
		}
		s.put(kind, o)
	}
}

func pair(t testing.TB) (*link, *site, *site) {
	l := newLink()
	return l, newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
}

// Proves OAM-11, OAM-45, OAM-46, OAM-47, OAM-55, MSS-02, MSS-04, TAM-05 and CAMS-09: an agreement brings the first copy by itself, every replicated kind follows,
// local kinds stay, and at each sequence both sides have one digest. SEC-68: no keyset travels in clear.
func TestFollowsEveryKind(t *testing.T) {
	l, master, clone := pair(t)
	var leaks []string
	watch := func(kind string, body, sealed []byte) {
		if kind == "keyset" && (len(body) > 0 || len(sealed) == 0) || bytes.Contains(body, []byte(secretText)) || bytes.Contains(sealed, []byte(secretText)) {
			leaks = append(leaks, kind)
		}
	}
	keysets := 0
	l.alter(func(p *replication.Page) {
		for _, e := range p.Records {
			watch(e.Kind, e.Body, e.Sealed)
			keysets += len(e.Sealed) / max(1, len(e.Sealed))
		}
	}, func(i *replication.Item) error {
		watch(i.Kind, i.Body, i.Sealed)
		keysets += len(i.Sealed) / max(1, len(i.Sealed))
		return nil
	})
	putEveryKind(master, 1)
	clone.put(mdc.PartnerKind(), &mdc.Partner{ClusterID: "NYDC", AgentID: "a", Primary: []string{"ny:1"}})
	clone.put(mdc.GroupKind(), &mdc.Group{Name: "left-over"})
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	start := clone.position().Sequence
	putEveryKind(master, 2)
	master.update(func(tx *journal.Tx) error { return tx.Delete(mdc.ApplicationKind(), "app", "test") })
	clone.reaches(master)
	if diff := cmp.Diff(master.items(), clone.items()); diff != "" {
		t.Errorf("objects differ (-master +clone):\n%s", diff)
	}
	for seq := start; seq <= master.position().Sequence; seq++ {
		if m, c := digestAt(t, master, seq), digestAt(t, clone, seq); m != c {
			t.Errorf("digest at %d: master %s, clone %s", seq, m, c)
		}
	}
	must(t, clone.log.View(t.Context(), func(s *journal.Snapshot) error {
		_, err := s.Get(mdc.PartnerKind(), "NYDC")
		return err
	}))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(leaks) > 0 || keysets != 4 { // a keyset and a directory's password, twice
		t.Errorf("%d secrets travelled, in clear: %v", keysets, leaks)
	}
	if l.takes["LDC"] != 1 {
		t.Errorf("%d snapshots were taken, want 1", l.takes["LDC"])
	}
}

func digestAt(t testing.TB, s *site, seq uint64) (digest string) {
	t.Helper()
	must(t, s.log.View(t.Context(), func(v *journal.Snapshot) (err error) {
		var found bool
		if digest, found, err = v.DigestAt(seq); err == nil && !found {
			err = fmt.Errorf("%s has no digest at %d", s.id, seq)
		}
		return err
	}))
	return digest
}

// Proves OAM-02 (any number of clones): two clones of one master each get their own boxes and end equal.
func TestTwoClones(t *testing.T) {
	l, master, ldc := pair(t)
	tdc := newSite(t, l, "TDC", clock.System{})
	putEveryKind(master, 1)
	agree(master, ldc, "ny-ld", nil)
	agree(master, tdc, "ny-to", nil)
	bootstrap(t, ldc, "ny-ld")
	bootstrap(t, tdc, "ny-to")
	putEveryKind(master, 2)
	ldc.reaches(master)
	tdc.reaches(master)
	if diff := cmp.Diff(ldc.items(), tdc.items()); diff != "" {
		t.Errorf("clones differ:\n%s", diff)
	}
	// A box for one clone is no use to the other.
	pos := master.position()
	_, err := master.feed.Journal(t.Context(), replication.Caller{ClusterID: "TDC"}, "ny-ld", pos, 0)
	wantCode(t, err, "no_agreement")
}

// Proves FLT-13: a follower in step has one question on its way and asks no other, whatever else the master does.
func TestNoStorm(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	polls := func() int { l.mu.Lock(); defer l.mu.Unlock(); return l.polls["LDC"] }
	was := polls()
	for i := range 30 {
		master.put(mdc.PartnerKind(), &mdc.Partner{ClusterID: fmt.Sprint("P", i), AgentID: "a", Primary: []string{"p:1"}})
	}
	if n := polls() - was; n > 2 {
		t.Errorf("%d questions while nothing changed", n)
	}
}

// Proves X4: with follow = false the interval counts, and a pull does not wait for it.
func TestPollInterval(t *testing.T) {
	_, master, clone := pair(t)
	agree(master, clone, "ny-ld", func(a *mdc.Agreement) { a.Follow, a.PollInterval = false, mdc.Duration(time.Hour) })
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	master.groups(0, 3)
	if clone.position() == master.position() {
		t.Error("the change did not wait for the interval")
	}
	must(t, clone.follower.Pull("ny-ld"))
	clone.reaches(master)
	wantCode(t, clone.follower.Pull("no-such"), "not_found")
}

// Proves OAM-52 and TAM-12: a disabled agreement brings nothing, on whichever side it was disabled, and says so.
func TestDisabled(t *testing.T) {
	_, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	at := clone.position()
	clone.enable("ny-ld", false)
	clone.inState(mdc.AgreementDisabled)
	master.groups(0, 2)
	if clone.position() != at {
		t.Error("a disabled agreement was followed")
	}
	clone.enable("ny-ld", true)
	clone.reaches(master)
	master.enable("ny-ld", false)
	st := clone.inState(mdc.AgreementStale)
	if !strings.Contains(st.LastError, "disabled on the master") {
		t.Errorf("last error %q", st.LastError)
	}
}

// Proves that large changes are applied in transactions that the store takes, and that a page is bounded.
func TestLargeBatches(t *testing.T) {
	l, master, clone := pair(t)
	clone.close()
	clone.memTable = 8 << 20 // takes less at once than one page of the master brings
	clone.open()
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.stop()
	largest := 0
	l.alter(func(p *replication.Page) {
		size := 0
		for _, e := range p.Records {
			size += len(e.Body)
		}
		largest = max(largest, size)
	}, nil)
	master.largeUsers(40)
	clone.run()
	clone.reaches(master)
	l.mu.Lock()
	defer l.mu.Unlock()
	if largest > 600<<10 || largest == 0 {
		t.Errorf("the largest page had %d bytes", largest)
	}
	if l.aheads["LDC"] == 0 {
		t.Error("no page was asked for while another was applied")
	}
}

// largeUsers makes users of some 100 KiB each, so that a few fill a page.
func (s *site) largeUsers(n int) {
	s.t.Helper()
	for i := range n {
		u := &mdc.User{Name: fmt.Sprintf("u%d", i), Attributes: map[string]string{}}
		for j := range 100 {
			u.Attributes[fmt.Sprintf("a%d", j)] = strings.Repeat("x", 1000)
		}
		s.put(mdc.UserKind(), u)
	}
}

// Proves that of pages that were asked for ahead one that does not continue what was reached does no harm: what followed it is dropped and
// asked for again (OAM-46).
func TestPagesAheadThatDoNotFit(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.stop()
	master.largeUsers(60)
	pages := 0
	l.alter(func(p *replication.Page) {
		if pages++; pages%4 == 3 && len(p.Records) > 1 {
			p.Records = p.Records[1:]
		}
	}, nil)
	clone.run()
	clone.reaches(master)
	l.mu.Lock()
	defer l.mu.Unlock()
	if pages < 8 || l.aheads["LDC"] < 4 {
		t.Errorf("%d pages, %d of them ahead; the test wants more", pages, l.aheads["LDC"])
	}
}

// Proves that a question ahead of what is applied is answered with what follows, acknowledges nothing, and is not asked of
// a master that would take it for an acknowledgement (OAM-46).
func TestAskingAhead(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.stop()
	master.groups(0, 5)
	half := master.position() // the clone does not have it
	master.groups(5, 10)
	shown := func() uint64 {
		st, err := master.feed.Status(t.Context())
		must(t, err)
		return st[0].AppliedSequence
	}
	had := shown()
	page, err := master.feed.Ahead(t.Context(), replication.Caller{ClusterID: "LDC"}, "ny-ld", half)
	must(t, err)
	if len(page.Records) != 5 || shown() != had {
		t.Errorf("%d records, the master believes that the clone has %d, not %d", len(page.Records), shown(), had)
	}
	_, err = master.feed.Ahead(t.Context(), replication.Caller{ClusterID: "MUDC"}, "ny-ld", half)
	wantCode(t, err, "no_agreement")
	l.alter(func(p *replication.Page) { // as a master of an earlier version
		p.Ahead = false
		if len(p.Records) > 2 {
			p.Records = p.Records[:2]
		}
	}, nil)
	clone.run()
	clone.reaches(master)
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.aheads["LDC"]; n > 0 {
		t.Errorf("it was asked %d times", n)
	}
}

// Proves that waiting for the first copy ends with its context and says why.
func TestBootstrapIsBounded(t *testing.T) {
	l, master, clone := pair(t)
	l.setCut("LDC", true)
	agree(master, clone, "ny-ld", nil)
	eventually(t, "a failed attempt", func() bool { return clone.status().LastError != "" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, clone.follower.Bootstrap(ctx, "ny-ld"), "bootstrap_pending")
	ok, reason, err := clone.follower.Ready(t.Context())
	if ok || reason == "" || err != nil {
		t.Errorf("ready %v, %q, %v", ok, reason, err)
	}
}

// BenchmarkChangeToClone measures from a change's acknowledgement at the master to its being readable at the clone.
func BenchmarkChangeToClone(b *testing.B) {
	_, master, clone := pair(b)
	agree(master, clone, "ny-ld", nil)
	bootstrap(b, clone, "ny-ld")
	clone.reaches(master)
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		master.groups(i, i+1)
		b.StartTimer()
		clone.reaches(master)
	}
}
