package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// people is a local identity store in memory, keyed by folded name as configuration keeps it. It counts look-ups: each
// is followed by exactly one hash.
type people struct {
	users map[string]*mdc.User
	err   error
	asked atomic.Int64
}

func (p *people) User(_ context.Context, name string) (*mdc.User, bool, error) {
	p.asked.Add(1)
	u, ok := p.users[mdc.FoldName(name)]
	return u, ok, p.err
}

type house struct {
	people *people
	clock  *clock.Manual
	auth   *identity.Authenticator
	hasher *identity.Hasher
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := newHasher(t)
	good := mdc.Secret{Hash: hash(t, h, "right-password")}
	p := &people{users: map[string]*mdc.User{
		"bob":    {Name: "Bob", Enabled: true, Password: good, Groups: []string{"staff"}, Attributes: map[string]string{"a": "b"}, Email: "bob@example.com"},
		"off":    {Name: "off", Password: good},
		"nopass": {Name: "nopass", Enabled: true},
		"broken": {Name: "broken", Enabled: true, Password: mdc.Secret{Hash: "$argon2id$v=19$m=99999999,t=2,p=1$YQ$YQ"}},
		"old":    {Name: "old", Enabled: true, Password: mdc.Secret{Hash: foreign}},
	}}
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	a, err := identity.New(identity.Config{Users: p, Hasher: h, Clock: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &house{people: p, clock: c, auth: a, hasher: h}
}

func TestAuthenticateGivesThePerson(t *testing.T) {
	h := newHouse(t)
	want := identity.Person{Name: "Bob", Store: "local", Groups: []string{"staff"}, Attributes: map[string]string{"a": "b"}, Level: 1}
	for _, typed := range []string{"bob", "BOB", " bob "} {
		got, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: typed, Password: "right-password"})
		if err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", typed, d)
		}
	}
	if p, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "old", Password: "password"}); err != nil || p.Name != "old" {
		t.Errorf("old hash: %+v, %v", p, err)
	}
}

// Proves SEC-31 and ASVS 6.3.8: every refusal is the same fault for the caller, and tells the audit alone why.
func TestRefusalsLookAlike(t *testing.T) {
	h := newHouse(t)
	cases := map[string]struct {
		user, password string
		why            identity.Reason
	}{
		"unknown user":     {"nobody", "right-password", identity.UnknownUser},
		"no name":          {"", "right-password", identity.UnknownUser},
		"impossible name":  {"bob\x00", "right-password", identity.UnknownUser},
		"very long name":   {strings.Repeat("b", 1<<20), "right-password", identity.UnknownUser},
		"wrong password":   {"bob", "wrong-password", identity.WrongPassword},
		"empty password":   {"bob", "", identity.WrongPassword},
		"long password":    {"bob", strings.Repeat("x", 1<<20), identity.WrongPassword},
		"disabled":         {"off", "right-password", identity.UserDisabled},
		"disabled, wrong":  {"off", "wrong-password", identity.WrongPassword},
		"no password":      {"nopass", "right-password", identity.NoPassword},
		"unreadable hash":  {"broken", "right-password", identity.BadHash},
		"password in caps": {"bob", "RIGHT-PASSWORD", identity.WrongPassword},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: c.user, Password: c.password})
			want := &fault.Error{Kind: fault.Unauthenticated, Code: "wrong_credentials", Message: "The user name or the password is wrong.", Err: c.why}
			var got *fault.Error
			if !errors.As(err, &got) || p.Name != "" {
				t.Fatalf("got %+v, %v", p, err)
			}
			if d := cmp.Diff(*want, *got); d != "" {
				t.Fatal(d)
			}
		})
	}
}

// Proves SEC-30 in one data center: of 200 parallel guesses in three spellings ten reach the hash; the right password is
// refused while the account is closed, with the same answer; a minute later it is open again.
func TestGuessesAreLimited(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			_, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: []string{"Bob", "bob", "bob "}[i%3], Password: "wrong-password"})
			if fault.CodeOf(err) != "wrong_credentials" {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if n := h.people.asked.Load(); n != 10 {
		t.Errorf("%d checks reached the hash", n)
	}
	_, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"})
	if fault.CodeOf(err) != "wrong_credentials" || !errors.Is(err, identity.TooManyChecks) {
		t.Errorf("right password while closed: %v", err)
	}
	h.clock.Advance(59 * time.Second)
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); !errors.Is(err, identity.TooManyChecks) {
		t.Errorf("a second too early: %v", err)
	}
	h.clock.Advance(time.Second)
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestRightPasswordsAndUnknownAccountsInTheLimit(t *testing.T) {
	h := newHouse(t)
	for range 15 {
		if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); err != nil {
			t.Fatalf("signing in often is no guessing: %v", err)
		}
	}
	for range 12 {
		_, _ = h.auth.Authenticate(t.Context(), identity.Attempt{User: "nobody", Password: "some-password"})
	}
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "nobody", Password: "some-password"}); !errors.Is(err, identity.TooManyChecks) {
		t.Errorf("an unknown account is closed like a known one, or it would be told apart: %v", err)
	}
}

func TestBusyHasherCostsNoGuess(t *testing.T) {
	h := newHouse(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := h.auth.Authenticate(gone, identity.Attempt{User: "bob", Password: "right-password"}); fault.Is(err, fault.Unauthenticated) || err == nil {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); err != nil {
		t.Fatalf("checks that never ran were counted: %v", err)
	}
}

func TestClockSetBackClosesNobodyForLong(t *testing.T) {
	h := newHouse(t)
	for range 10 {
		_, _ = h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "wrong-password"})
	}
	h.clock.Advance(-24 * time.Hour)
	_, _ = h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"})
	h.clock.Advance(time.Minute)
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); err != nil {
		t.Fatalf("still closed: %v", err)
	}
}

func TestStoreErrorIsNoRefusal(t *testing.T) {
	h := newHouse(t)
	h.people.err = errors.New("disk on fire")
	_, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"})
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Fatalf("got %v", err)
	}
}

func TestNewRefusesMissingParts(t *testing.T) {
	if _, err := identity.New(identity.Config{}); err == nil {
		t.Error("an authenticator without parts was made")
	}
	if _, err := identity.NewSecrets(identity.SecretsConfig{}); err == nil {
		t.Error("a verifier without a hasher was made")
	}
}
