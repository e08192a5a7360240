package identity_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/identity"
)

// from tries a password from somewhere.
func (h *house) from(t *testing.T, source, device, password string) error {
	t.Helper()
	_, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: password, Source: source, Device: device})
	return err
}

func closed(err error) bool { return errors.Is(err, identity.TooManyChecks) }

// SEC-32, SEC-30: who guesses from one network closes the account for that network alone, and longer each time, up to an hour; a
// network of IPv6 counts once.
func TestGuessesFromOneNetworkCloseItForThatNetwork(t *testing.T) {
	h := newHouse(t)
	for i := range 5 {
		if err := h.from(t, fmt.Sprintf("2001:db8:1:2::%d", i), "", "wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if err := h.from(t, "2001:db8:1:2::99", "", "right-password"); !closed(err) {
		t.Errorf("the same network goes on: %v", err)
	}
	if err := h.from(t, "192.0.2.7", "", "right-password"); err != nil {
		t.Errorf("another network: %v", err)
	}
	for i, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		h.clock.Advance(pause - time.Second)
		if err := h.from(t, "2001:db8:1:2::1", "", "wrong-password"); !closed(err) {
			t.Fatalf("pause %d of %s is over a second too early: %v", i, pause, err)
		}
		h.clock.Advance(time.Second)
		if err := h.from(t, "2001:db8:1:2::1", "", "wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("pause %d of %s is not over: %v", i, pause, err)
		}
	}
	h.clock.Advance(3 * time.Hour)
	for i := range 5 {
		if err := h.from(t, "2001:db8:1:2::1", "", "wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Errorf("long after, guess %d: %v", i, err)
		}
	}
}

// SEC-32: guesses from everywhere close an account for strangers, and never for a browser that signed in to it before; even that
// one has its limit.
func TestStrangersDoNotCloseAnAccountForItsBrowsers(t *testing.T) {
	h := newHouse(t)
	reached := 0
	for i := range 200 {
		if err := h.from(t, fmt.Sprintf("198.51.100.%d", i), "", "wrong-password"); errors.Is(err, identity.WrongPassword) {
			reached++
		}
	}
	if reached != 7 {
		t.Errorf("%d guesses of strangers reached the hash, 7 may", reached)
	}
	if err := h.from(t, "203.0.113.1", "", "right-password"); !closed(err) {
		t.Errorf("one more stranger: %v", err)
	}
	for range 5 {
		if err := h.from(t, "203.0.113.1", "my-browser", "right-password"); err != nil {
			t.Fatalf("a browser that is known: %v", err)
		}
	}
	for range 3 {
		if err := h.from(t, "203.0.113.1", "my-browser", "wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("its guess: %v", err)
		}
	}
	if err := h.from(t, "203.0.113.1", "my-browser", "right-password"); !closed(err) {
		t.Errorf("an eleventh check in the minute: %v", err)
	}
}

// A right password ends a series: five mistakes today and one tomorrow are no attack.
func TestARightPasswordEndsASeries(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		for range 4 {
			if err := h.from(t, "192.0.2.7", "", "wrong-password"); !errors.Is(err, identity.WrongPassword) {
				t.Fatal(err)
			}
		}
		if err := h.from(t, "192.0.2.7", "", "right-password"); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(time.Minute)
	}
}

// SEC-32: whoever has the same name in another store, and its password, does not go on guessing by giving that one in between.
func TestARightPasswordElsewhereEndsNoSeries(t *testing.T) {
	h := newHouse(t)
	h.auth.Stores = func(context.Context, string) (identity.Store, error) { return ownStore{}, nil }
	try := func(store, password string) error {
		_, err := h.auth.Authenticate(t.Context(), identity.Attempt{Store: store, User: "bob", Password: password, Source: "192.0.2.7"})
		return err
	}
	reached := 0
	for range 10 {
		for range 4 {
			if errors.Is(try("local", "wrong-password"), identity.WrongPassword) {
				reached++
			}
		}
		_ = try("mine", "mine") // refused for a while or not, it proves nothing about the other bob
		h.clock.Advance(time.Minute)
	}
	if reached > 9 { // five, and one after each pause of 1, 2 and 4 minutes
		t.Errorf("%d guesses were looked at in ten minutes", reached)
	}
}

// ownStore knows one password for everybody.
type ownStore struct{}

func (ownStore) Check(_ context.Context, account, password string) (identity.Person, identity.Reason, error) {
	if password != "mine" {
		return identity.Person{}, identity.WrongPassword, nil
	}
	return identity.Person{Name: account, Store: "mine", Level: identity.LevelPassword}, "", nil
}
