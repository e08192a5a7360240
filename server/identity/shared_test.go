package identity_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/identity"
)

// elsewhere is the data center that counts, as the authenticator sees it.
type elsewhere struct {
	counter *identity.Counter
	away    bool
}

func (e *elsewhere) Share(limit int) int { return limit / 3 }
func (e *elsewhere) Take(_ context.Context, account, source string, known bool) (func(), bool, error) {
	if e.away {
		return nil, false, errors.New("away")
	}
	at, ok := e.counter.Take(account, source, known)
	return func() { e.counter.GiveBack(account, at) }, ok, nil
}

// SEC-30 over data centers: what was guessed elsewhere counts here; right passwords count nowhere; while nobody can be
// asked a data center grants its share.
func TestGuessesAreCountedTogether(t *testing.T) {
	h := newHouse(t)
	there := &elsewhere{counter: identity.NewCounter(h.clock)}
	h.auth.Shared = there
	try := func(password string) error {
		_, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "Bob", Password: password})
		return err
	}
	for range 30 {
		if err := try("right-password"); err != nil {
			t.Fatalf("the right password: %v", err)
		}
	}
	for range 7 { // at another data center
		there.counter.Take("BOB", "", false)
	}
	for i := range 3 {
		if err := try("wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if err := try("right-password"); !errors.Is(err, identity.TooManyChecks) {
		t.Errorf("after ten guesses in all: %v", err)
	}
	h.clock.Advance(time.Minute)
	there.away = true
	for i := range 3 {
		if err := try("wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("alone, guess %d: %v", i, err)
		}
	}
	if err := try("right-password"); !errors.Is(err, identity.TooManyChecks) {
		t.Errorf("alone, beyond the share: %v", err)
	}
}

// A check is given back once, by whoever took it.
func TestCounterGivesBack(t *testing.T) {
	c := identity.NewCounter(clock.NewManual(time.Unix(1e9, 0)))
	at, _ := c.Take("ann", "", false)
	c.GiveBack("ann", at)
	c.GiveBack("ann", at.Add(time.Second))
	for range 10 {
		if _, ok := c.Take("ann", "", false); !ok {
			t.Fatal("given back too little")
		}
	}
	if _, ok := c.Take("ann", "", false); ok {
		t.Error("given back too much")
	}
}
