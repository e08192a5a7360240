package enrolment_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// world is a desk over a real store, with a clock that moves when told to.
type world struct {
	t     *testing.T
	dir   string
	clock *clock.Manual
	store *badger.Store
	desk  *enrolment.Desk
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "state"), clock: clock.NewManual(time.Now())}
	w.open()
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.store, err = badger.Open(badger.Config{Dir: w.dir, MinFree: -1, MemTableBytes: 8 << 20, CacheBytes: 1 << 20}); err != nil {
		w.t.Fatal(err)
	}
	if w.desk, err = enrolment.New(enrolment.Config{Store: w.store, Audit: audit.New("NYDC", w.clock), Clock: w.clock}); err != nil {
		w.t.Fatal(err)
	}
}

// restart leaves nothing but what is on the disk.
func (w *world) restart() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// token is one as its holder has it.
type token struct {
	id     string
	secret []byte
}

func (w *world) token(o enrolment.Order) token {
	w.t.Helper()
	made, secret, err := w.desk.Make(w.t.Context(), enrolment.Actor{Name: "token:bootstrap"}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return token{made.ID, secret}
}

// show gives the code of the refusal; "" when the token was taken.
func (w *world) show(tok token, purpose, name string, secret []byte) string {
	w.t.Helper()
	_, err := w.desk.Redeem(w.t.Context(), enrolment.Show{ID: tok.id, Purpose: purpose, Name: name, From: "192.0.2.7", Proves: enrolment.Holds(secret)})
	return code(err)
}

func (w *world) right(tok token) string { return w.show(tok, enrolment.Agent, "", tok.secret) }

func (w *world) wrong(tok token) string {
	return w.show(tok, enrolment.Agent, "", bytes.Repeat([]byte{7}, enrolment.SecretSize))
}

func (w *world) withdraw(tok token) string {
	return code(w.desk.Withdraw(w.t.Context(), enrolment.Actor{Name: "token:bootstrap"}, tok.id))
}

// code tells a refusal by its code; any other error by its text.
func code(err error) string {
	if c := fault.CodeOf(err); c != "" || err == nil {
		return c
	}
	return err.Error()
}

func (w *world) state(tok token) string {
	w.t.Helper()
	all, _, err := w.desk.List(w.t.Context(), "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range all {
		if t.ID == tok.id {
			return t.State(w.clock.Now())
		}
	}
	return ""
}

// TestStates: what each state of a token refuses, with which words, and what a restart and a clock that goes back change of that, which
// is nothing but an end that was not reached (TAM-06, SEC-48).
func TestStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state     string
		reach     func(w *world, tok token)
		right     string // code for the right secret
		withdraw  string // code for withdrawing it
		afterward string // its state then
		back      string // its state when the clock goes back to before its end
	}{
		{enrolment.Open, func(*world, token) {}, "", "join_token_used", enrolment.Used, enrolment.Open},
		{enrolment.Used, func(w *world, tok token) {
			if got := w.right(tok); got != "" {
				w.t.Errorf("the first to show it: %s", got)
			}
		}, "join_token_used", "join_token_used", enrolment.Used, enrolment.Used},
		{enrolment.Expired, func(w *world, _ token) { w.clock.Advance(enrolment.DefaultLife) }, "join_token_expired", "", enrolment.Revoked, enrolment.Open},
		{enrolment.Revoked, func(w *world, tok token) {
			if got := w.withdraw(tok); got != "" {
				w.t.Errorf("withdraw: %s", got)
			}
		}, "join_token_revoked", "", enrolment.Revoked, enrolment.Revoked},
		{enrolment.Locked, func(w *world, tok token) {
			for range 5 {
				if got := w.wrong(tok); got != "join_token_refused" {
					w.t.Errorf("a wrong secret: %s", got)
				}
			}
		}, "join_token_refused", "", enrolment.Revoked, enrolment.Locked},
	} {
		t.Run(c.state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tok := w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "web"})
			c.reach(w, tok)
			for _, when := range []string{"at once", "after a restart"} {
				if got := w.state(tok); got != c.state {
					t.Errorf("%s it is %s", when, got)
				}
				if got := w.wrong(tok); got != "join_token_refused" {
					t.Errorf("%s a wrong secret gets %s", when, got)
				}
				w.restart()
			}
			now := w.clock.Now()
			w.clock.Advance(-enrolment.DefaultLife / 2)
			if got := w.state(tok); got != c.back {
				t.Errorf("with the clock put back it is %s, want %s", got, c.back)
			}
			w.clock.Advance(now.Sub(w.clock.Now()))
			if got := w.right(tok); got != c.right {
				t.Errorf("the right secret gets %q, want %q", got, c.right)
			}
			w.restart()
			if got := w.withdraw(tok); got != c.withdraw {
				t.Errorf("withdrawing gets %q, want %q", got, c.withdraw)
			}
			if got := w.state(tok); got != c.afterward {
				t.Errorf("afterward it is %s, want %s", got, c.afterward)
			}
			if got := w.right(tok); got == "" {
				t.Error("it was taken again")
			}
		})
	}
}

// TestEnd: a token is good until its end and not at it; wrong secrets after the end lock nothing.
func TestEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last, late := w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "last", Life: time.Minute}), w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "late", Life: time.Minute})
	w.clock.Advance(time.Minute - time.Nanosecond)
	w.restart()
	if got := w.right(last); got != "" {
		t.Errorf("a moment before the end: %s", got)
	}
	w.clock.Advance(time.Nanosecond)
	for range 6 {
		w.wrong(late)
	}
	if got := w.right(late); got != "join_token_expired" {
		t.Errorf("at the end: %q", got)
	}
}

// TestWrongSecretsAreCountedOverRestarts, so that nobody has more than five guesses (SEC-48).
func TestWrongSecretsAreCountedOverRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tok := w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "web"})
	for i := range 5 {
		if got := w.state(tok); got != enrolment.Open {
			t.Fatalf("after %d wrong secrets it is %s", i, got)
		}
		w.wrong(tok)
		w.restart()
	}
	if got := w.right(tok); got != "join_token_refused" {
		t.Errorf("the right secret after five wrong ones: %q", got)
	}
}

// TestMisuseSpendsNothing: a token shown for what it is not for says so to who has the secret, and is still there for what it is for.
func TestMisuseSpendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, center := w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "web"}), w.token(enrolment.Order{Purpose: enrolment.DataCenter, Name: "LDC"})
	for range 6 { // a misuse is no guess
		for _, c := range []struct {
			tok           token
			purpose, name string
			want          string
		}{
			{agent, enrolment.Administrator, "", "join_token_purpose"},
			{agent, enrolment.DataCenter, "LDC", "join_token_purpose"},
			{center, enrolment.DataCenter, "PAR", "join_token_other_data_center"},
			{center, enrolment.DataCenter, "", "join_token_other_data_center"},
			{center, enrolment.Node, "", "join_token_purpose"},
			{token{"unknown", agent.secret}, enrolment.Agent, "", "join_token_refused"},
		} {
			if got := w.show(c.tok, c.purpose, c.name, c.tok.secret); got != c.want {
				t.Errorf("%+v: %q", c, got)
			}
		}
	}
	w.restart()
	if got := w.right(agent); got != "" {
		t.Errorf("for its purpose: %s", got)
	}
	if got := w.show(center, enrolment.DataCenter, "ldc", center.secret); got != "" {
		t.Errorf("for its data center: %s", got)
	}
}

// TestSecretsAreNotKept: nothing in the store has the secret of a token, whatever became of it (SEC-48).
func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used, open := w.token(enrolment.Order{Purpose: enrolment.Agent, Name: "used"}), w.token(enrolment.Order{Purpose: enrolment.Node, Name: "ny2"})
	if got := w.right(used); got != "" {
		t.Fatal(got)
	}
	keys := 0
	err := w.store.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{}, func(_, value []byte) error {
			keys++
			if bytes.Contains(value, used.secret) || bytes.Contains(value, open.secret) {
				return errors.New("a secret is kept")
			}
			return nil
		})
	})
	if err != nil || keys < 5 { // two tokens, three audit records
		t.Errorf("%d keys: %v", keys, err)
	}
}

// TestOrdersAreChecked: what a token cannot be for, and lives that it cannot have.
func TestOrdersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, o := range map[string]enrolment.Order{
		"no purpose":            {Name: "web"},
		"another purpose":       {Purpose: "root", Name: "web"},
		"no name":               {Purpose: enrolment.Agent},
		"a path as a name":      {Purpose: enrolment.Node, Name: "ny1/../x"},
		"a long name":           {Purpose: enrolment.Agent, Name: string(bytes.Repeat([]byte("a"), 65))},
		"no cluster id":         {Purpose: enrolment.DataCenter, Name: "1"},
		"a life that is short":  {Purpose: enrolment.Agent, Name: "web", Life: enrolment.MinLife - 1},
		"a life that is long":   {Purpose: enrolment.Agent, Name: "web", Life: enrolment.MaxLife + 1},
		"a life before the now": {Purpose: enrolment.Agent, Name: "web", Life: -time.Hour},
	} {
		if _, secret, err := w.desk.Make(t.Context(), enrolment.Actor{Name: "x"}, o); !fault.Is(err, fault.Invalid) || secret != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
