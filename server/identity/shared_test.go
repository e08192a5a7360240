package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
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

// SEC-32 over nodes: the pauses of who guesses on grow with the wrong passwords at every node that is told of them, and end with a right one.
func TestPausesCountTogether(t *testing.T) {
	one, two := newHouse(t), newHouse(t)
	one.auth.Told = func(turn identity.Turn) { two.auth.Hear([]identity.Turn{turn}) }
	two.auth.Told = func(turn identity.Turn) { one.auth.Hear([]identity.Turn{turn}) }
	houses := []*house{one, two}
	later := func(d time.Duration) { one.clock.Advance(d); two.clock.Advance(d) }
	try := func(i int, password string) error {
		_, err := houses[i%2].auth.Authenticate(t.Context(), identity.Attempt{User: "Bob", Password: password, Source: "192.0.2.7"})
		return err
	}
	for i := range 6 { // the sixth after a pause of a minute
		if err := try(i, "wrong-password"); !errors.Is(err, identity.WrongPassword) {
			t.Fatalf("guess %d: %v", i, err)
		}
		if i >= 4 {
			later(time.Minute)
		}
	}
	for i := range 2 { // the second pause is two minutes, and one is over
		if err := try(i, "right-password"); !errors.Is(err, identity.TooManyChecks) {
			t.Errorf("node %d does not wait: %v", i, err)
		}
	}
	later(time.Minute)
	if err := try(0, "right-password"); err != nil {
		t.Fatalf("after the pause: %v", err)
	}
	if err := try(1, "wrong-password"); !errors.Is(err, identity.WrongPassword) {
		t.Errorf("a right password ends the series at both nodes: %v", err)
	}
	if err := try(1, "right-password"); err != nil {
		t.Errorf("after one wrong password: %v", err)
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

// waiting is a data center that counts and does not answer before it is let.
type waiting struct {
	asked atomic.Int64
	let   chan struct{}
}

func (w *waiting) Share(limit int) int { return limit }
func (w *waiting) Take(context.Context, string, string, bool) (func(), bool, error) {
	w.asked.Add(1)
	<-w.let
	return func() {}, true, nil
}

// SEC-30: a flood of sign-ins makes no more questions to the data center that counts than checks may be under way; the rest is told
// at once that it is busy.
func TestFloodOfSignInsAsksLittle(t *testing.T) {
	h := newHouse(t)
	one, err := identity.NewHasher(identity.HasherConfig{Concurrency: 1, MaxWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	there := &waiting{let: make(chan struct{})}
	h.auth.Hasher, h.auth.Shared = one, there
	const flood, line = 300, 64
	busy := make(chan struct{}, flood)
	var all sync.WaitGroup
	for i := range flood {
		all.Go(func() {
			if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: fmt.Sprintf("user%d", i), Password: "password"}); fault.CodeOf(err) == "busy" {
				busy <- struct{}{}
			}
		})
	}
	for range flood - line {
		select {
		case <-busy:
		case <-time.After(20 * time.Second):
			t.Fatalf("%d questions are under way", there.asked.Load())
		}
	}
	if n := there.asked.Load(); n > line {
		t.Errorf("%d questions at once, want %d at most", n, line)
	}
	close(there.let)
	all.Wait()
	if _, err := h.auth.Authenticate(t.Context(), identity.Attempt{User: "bob", Password: "right-password"}); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}
