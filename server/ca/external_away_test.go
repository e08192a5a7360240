package ca_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
)

// shortLives lets step-ca give certificates of a few seconds: an injected clock does not reach it.
func shortLives() catest.Options {
	return catest.Options{Min: 5 * time.Second, Max: 24 * time.Hour, Backdate: time.Second}
}

// TestAnExternalAuthorityAway: a node starts without its authority and goes on until its leaves end, and after that it still
// starts, says why nobody believes it, and is well again by itself when the authority is back (FLT-21).
func TestAnExternalAuthorityAway(t *testing.T) {
	t.Parallel()
	s := stepCA(t, shortLives())
	b := externalBench(t, s)
	b.config.Clock, b.config.LeafTTL = clock.System{}, 10*time.Second
	first := b.open(t)
	leaf := first.PeerCertificate().Leaf
	s.Kill()
	closed(t, first)

	second := b.open(t)
	if !second.PeerCertificate().Leaf.Equal(leaf) || trouble(second) != "" {
		t.Errorf("started with another leaf while the authority was away, or in trouble: %s", trouble(second))
	}
	stop := runs(t, second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	testkit.Eventually(ctx, t, "the leaves end", func() bool { return strings.Contains(trouble(second), "cannot be reached") })
	if time.Now().Before(leaf.NotAfter) {
		t.Error("in trouble before the end")
	}
	if _, err := second.Issue(ctx, somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a"}); fault.CodeOf(err) != "ca_unreachable" || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("issued without the authority: %v", err)
	}
	stop()
	closed(t, second)

	third := b.open(t)
	if text := trouble(third); !strings.Contains(text, "peer certificate of this node ended") || !strings.Contains(text, "cannot be reached") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("expired at the start: %q", text)
	}
	runs(t, third)
	s.Start()
	testkit.Eventually(ctx, t, "it is well again", func() bool { return trouble(third) == "" })
	if third.PeerCertificate().Leaf.Equal(leaf) {
		t.Error("no other leaf")
	}
}

func trouble(a *ca.Authority) string {
	peer, web := a.Trouble()
	return strings.Trim(peer+"; "+web, "; ")
}

func closed(t *testing.T, a *ca.Authority) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// runs lets an authority renew until the test ends or stop is called.
func runs(t *testing.T, a *ca.Authority) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	done := false
	stop = func() {
		if cancel(); !done {
			done = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// TestRevocationsReachAnAuthorityThatWasAway: what was revoked meanwhile is in force here at once, the list is refused
// rather than given without it, and the authority is told when it is back.
func TestRevocationsReachAnAuthorityThatWasAway(t *testing.T) {
	t.Parallel()
	s := stepCA(t, catest.Options{})
	b := externalBench(t, s)
	a := b.open(t)
	issued, err := a.Issue(t.Context(), somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"})
	if err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if _, err := a.Revoke(t.Context(), somebody, ca.Withdrawal{Serials: []string{issued.Serial}}); fault.CodeOf(err) != "ca_unreachable" {
		t.Errorf("nobody was told: %v", err)
	}
	if len(a.Revocations()) != 1 {
		t.Error("it is not in force here")
	}
	if err := a.ListTrouble(); fault.CodeOf(err) != "ca_unreachable" {
		t.Errorf("a list without it: %v", err)
	}
	s.Start()
	closed(t, a)
	again := b.open(t)
	runs(t, again)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	testkit.Eventually(ctx, t, "the list has it", func() bool { return again.ListTrouble() == nil && onList(t, again.CRL(), issued.Serial) })
}

func onList(t *testing.T, l ca.List, serial string) bool {
	t.Helper()
	list, err := x509.ParseRevocationList(l.DER)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.RevokedCertificateEntries {
		if ca.SerialText(e.SerialNumber) == serial {
			return true
		}
	}
	return false
}

// mute is a connection whose other side is not heard any more once deaf is set.
type mute struct {
	net.Conn
	deaf *atomic.Bool
}

func (m mute) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if m.deaf.Load() {
		_ = m.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// TestASignatureThatNobodyHeardOf: the authority signed, and its answer was lost. The serial was chosen here, so it is
// revoked there too.
func TestASignatureThatNobodyHeardOf(t *testing.T) {
	t.Parallel()
	s := stepCA(t, catest.Options{})
	b := externalBench(t, s)
	deaf := new(atomic.Bool)
	b.config.External.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return mute{c, deaf}, err
	}
	a := b.open(t)
	deaf.Store(true)
	if _, err := a.Issue(t.Context(), somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"}); fault.CodeOf(err) != "ca_unreachable" {
		t.Fatalf("%v", err)
	}
	deaf.Store(false)
	closed(t, a)
	again := b.open(t)
	ends := again.Revocations()
	if len(ends) != 1 {
		t.Fatalf("%d revocations", len(ends))
	}
	if err := again.ListTrouble(); err != nil || !onList(t, again.CRL(), ends[0].Serial) {
		t.Errorf("the authority's list lacks it: %v", err)
	}
}

// TestTokensAreForOneRequestOnce: a token that somebody read on its way is of no use for another key, nor a second time.
func TestTokensAreForOneRequestOnce(t *testing.T) {
	t.Parallel()
	s := stepCA(t, catest.Options{KeyApart: true})
	a := externalBench(t, s).open(t)
	mine, theirs := foreignRequest(t, "mine", "spiffe://nydc/agent/a-1"), foreignRequest(t, "mine", "spiffe://nydc/agent/a-1")
	for _, c := range []struct {
		name   string
		csrs   []string
		status []int
	}{
		{"another key", []string{theirs}, []int{http.StatusForbidden}},
		{"twice", []string{mine, mine}, []int{http.StatusCreated, http.StatusUnauthorized}},
	} {
		token, err := a.AgentToken(t.Context(), mine, "a-1")
		if err != nil {
			t.Fatal(err)
		}
		for i, csr := range c.csrs {
			if got := askStep(t, s, csr, token); got != c.status[i] {
				t.Errorf("%s: status %d, want %d", c.name, got, c.status[i])
			}
		}
	}
}

// askStep asks step-ca for a certificate as anybody can, and gives the status.
func askStep(t *testing.T, s *testkit.StepCA, csr, token string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"csr": csr, "ott": token})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Root)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/1.0/sign", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestAnotherServerAtTheAddress: who took the place of the authority is not spoken to, and the kept leaves go on.
func TestAnotherServerAtTheAddress(t *testing.T) {
	t.Parallel()
	s, other := stepCA(t, catest.Options{}), stepCA(t, catest.Options{})
	b := externalBench(t, s)
	first := b.open(t)
	b.config.External.URL = other.URL()
	second := b.open(t)
	if !second.PeerCertificate().Leaf.Equal(first.PeerCertificate().Leaf) {
		t.Error("another leaf")
	}
	_, err := second.Issue(t.Context(), somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"})
	if fault.CodeOf(err) != "ca_not_proved" || !errors.As(err, new(*fault.Error)) {
		t.Errorf("%v", err)
	}
}

// TestAnExternalAuthorityWithoutAList says so, and everything else goes on.
func TestAnExternalAuthorityWithoutAList(t *testing.T) {
	t.Parallel()
	a := externalBench(t, stepCA(t, catest.Options{WithoutCRL: true})).open(t)
	runs(t, a)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	testkit.Eventually(ctx, t, "the list is refused with a reason", func() bool { return fault.CodeOf(a.ListTrouble()) == "ca_no_list" })
	if _, err := a.Issue(ctx, somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"}); err != nil {
		t.Error(err)
	}
}

// TestARevocationAtTheExternalAuthority: what was revoked there, past Concord, counts here too.
func TestARevocationAtTheExternalAuthority(t *testing.T) {
	t.Parallel()
	a := externalBench(t, stepCA(t, catest.Options{})).open(t)
	issued, err := a.Issue(t.Context(), somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RevokeThere(t.Context(), issued.Serial); err != nil {
		t.Fatal(err)
	}
	if err := a.KeepUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec, err := a.Certificate(t.Context(), issued.Serial)
	if err != nil || rec.RevokedAt.IsZero() || len(a.Revocations()) != 1 || !onList(t, a.CRL(), issued.Serial) {
		t.Errorf("revoked there, and here at %s, %d revocations, %v", rec.RevokedAt, len(a.Revocations()), err)
	}
}

// TestAChangeToAnExternalAuthority: the root is another one, the sequence of the bundle grows both ways, the leaves are new, and what
// the former authority issued is on record still. Each authority's list comes into force whatever number the other's had, and its own
// numbers go on where they were: partners refuse one that went back (FLT-22).
func TestAChangeToAnExternalAuthority(t *testing.T) {
	t.Parallel()
	s := stepCA(t, catest.Options{})
	b := externalBench(t, s)
	there := b.config.External
	var sequences, numbers []uint64
	var roots []string
	for _, x := range []*ca.External{nil, there, nil, there} {
		b.config.External = x
		a := b.open(t)
		raw, err := a.BundleJSON()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Sequence uint64 `json:"spiffe_sequence"`
		}
		if err := json.Unmarshal([]byte(raw), &doc); err != nil {
			t.Fatal(err)
		}
		sequences, roots = append(sequences, doc.Sequence), append(roots, a.RootsPEM())
		if err := verify(a, a.PeerCertificate(), b.clock.Now()); err != nil {
			t.Error(err)
		}
		for range 5 {
			if x != nil {
				break
			}
			issued, err := a.Issue(t.Context(), somebody, ca.Request{Profile: ca.ProfileAgent, Name: "a-1"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Revoke(t.Context(), somebody, ca.Withdrawal{Serials: []string{issued.Serial}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.KeepUp(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := a.ListIssuer(a.CRL()); err != nil {
			t.Errorf("list %d of the authority in force: %v", a.CRL().Number, err)
		}
		if x == nil {
			numbers = append(numbers, a.CRL().Number)
		}
		closed(t, a)
	}
	if numbers[1] <= numbers[0] {
		t.Errorf("the embedded authority's list went from number %d to %d", numbers[0], numbers[1])
	}
	if roots[0] != roots[2] || roots[1] != roots[3] || roots[0] == roots[1] {
		t.Error("wrong roots")
	}
	if !slices.IsSorted(sequences) || len(slices.Compact(slices.Clone(sequences))) != 4 {
		t.Errorf("sequences %v", sequences)
	}
}

// TestTheDocumentedTemplate: what operators copy is what is tested.
func TestTheDocumentedTemplate(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/trust.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n```\n"+catest.Template+"\n```\n") {
		t.Error("docs/trust.md has another template than catest")
	}
}

// TestIssuersOfAnExternalAuthorityEnd: a certificate does not outlive who signed it; and a node whose last known issuing certificate has
// ended still asks, as the authority has another one by then.
func TestIssuersOfAnExternalAuthorityEnd(t *testing.T) {
	t.Parallel()
	b := externalBench(t, stepCA(t, catest.Options{IssuerLife: 30 * time.Hour, Max: 200 * time.Hour}))
	a := b.open(t)
	ask := ca.Request{Profile: ca.ProfileAgent, Name: "a-1", TTL: 31 * time.Hour}
	if got, err := a.Issue(t.Context(), somebody, ask); err != nil || got.NotAfter.After(issuer(t, a).NotAfter) {
		t.Errorf("outlives its issuer until %s, %v", got.NotAfter, err)
	}
	b.clock.Advance(40 * time.Hour) // step-ca does not see it: what it gives begins too early
	if _, err := a.Issue(t.Context(), somebody, ask); fault.CodeOf(err) != "ca_unlike_order" {
		t.Errorf("the authority was not asked: %v", err)
	}
}
