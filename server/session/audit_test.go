package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// told gives what the audit of a data center tells, the oldest first, as "action reason".
func (c *center) recorded() (out []string) {
	for _, r := range c.records() {
		out = append(out, strings.TrimSpace(r.Action+" "+r.Reason))
	}
	return out
}

func (c *center) records() []audit.Record {
	c.w.t.Helper()
	must(c.w.t, c.recorder.Flush(context.Background()))
	q := audit.Query{Limit: 1000, Oldest: true}
	p, err := c.log.Search(context.Background(), c.sessions, q, q.Start())
	must(c.w.t, err)
	if _, err := c.log.Verify(context.Background(), c.sessions); err != nil {
		c.w.t.Error(err)
	}
	return p.Records
}

// TestEachTurnOfASignOnIsRecorded, with the rule that decided (SEC-04, SEC-47, OAM-32, OAM-34).
func TestEachTurnOfASignOnIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		turn      func(*world, *browser)
		nydc, ldc []string
	}{
		"nothing": {func(*world, *browser) {}, nil, nil},
		"adopted, then signed out": {func(w *world, b *browser) {
			b.visit("LDC")
			w.signOut("LDC", b)
			w.sync()
			b.visit("NYDC") // with the cookie of before
		}, []string{"hand_over found", "end revoked", "find challenge_tombstone"}, []string{"adopt adopted_found", "sign_out sign_out", "end revoked"}},
		"a saved cookie after the sign-out": {func(w *world, b *browser) {
			saved := b.sso()
			w.signOut("NYDC", b)
			for range 5 {
				_, err := w.centers["NYDC"].Visit(context.Background(), saved)
				must(w.t, err)
			}
			_, err := w.centers["NYDC"].SignOut(context.Background(), saved)
			must(w.t, err)
		}, []string{"sign_out sign_out", "end revoked", "find challenge_tombstone", "find challenge_tombstone"}, nil},
		"unknown at its origin": {func(w *world, b *browser) {
			w.wipe("NYDC")
			want(w.t, "wiped", b.visit("LDC").Rule, session.ChallengeUnknown)
		}, []string{"retrieve unknown"}, []string{"find challenge_unknown"}},
		"alone, then confirmed": {func(w *world, b *browser) {
			w.part("NYDC", "LDC", true)
			b.visit("LDC")
			w.part("NYDC", "LDC", false)
			w.sync()
		}, []string{"hand_over found"}, []string{"adopt adopted_alone", "confirm adopted_found"}},
		"alone, then denied": {func(w *world, b *browser) {
			w.part("NYDC", "LDC", true)
			b.visit("LDC")
			w.part("NYDC", "LDC", false)
			w.wipe("NYDC")
			must(w.t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
		}, []string{"retrieve unknown"}, []string{"adopt adopted_alone", "end unconfirmed"}},
		"moved": {func(w *world, b *browser) {
			w.set(anchored)
			b.visit("LDC")
			w.sync()
		}, []string{"hand_over found", "move moved"}, []string{"adopt adopted_found"}},
		"one too many": {func(w *world, b *browser) {
			w.set(limited(1, mdc.SessionsEndOldest, mdc.PartitionedLocal))
			w.clock.Advance(time.Minute)
			w.browser().signIn("NYDC", "ann")
		}, []string{"sign_out max_sessions_per_user", "end revoked", "sign_in signed_in"}, nil},
		"another sign-in": {func(_ *world, b *browser) { b.signIn("NYDC", "bob") }, []string{"end revoked", "sign_in signed_in"}, nil},
		"idle": {func(w *world, b *browser) {
			w.clock.Advance(time.Hour)
			b.visit("NYDC")
		}, []string{"find challenge_idle"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "NYDC", "LDC")
			w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
			b := w.browser()
			b.signIn("NYDC", "ann")
			c.turn(w, b)
			got := w.centers["NYDC"].recorded()
			if len(got) > 0 && got[0] == "sign_in signed_in" { // unless it was wiped
				got = got[1:]
			}
			if !slices.Equal(got, c.nydc) || !slices.Equal(w.centers["LDC"].recorded(), c.ldc) {
				t.Errorf("NYDC tells %q, LDC %q; want %q and %q", got, w.centers["LDC"].recorded(), c.nydc, c.ldc)
			}
			for _, r := range append(w.centers["NYDC"].records(), w.centers["LDC"].records()...) {
				if r.Reason == session.ChallengeUnknown && r.Detail != "session_unknown_at_origin" || r.SignOn == "" || r.Actor == "" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// refusing is a recorder that cannot write.
type refusing struct{ session.Recorder }

var errUnrecorded = errors.New("cannot be recorded")

func (refusing) Append(store.Writer, audit.Event) error   { return errUnrecorded }
func (refusing) Write(context.Context, audit.Event) error { return errUnrecorded }

// TestNobodySignsInUnrecorded: where the record cannot be written there is no session; but a sign-out ends the sign-on all the
// same, and says that something is wrong (SEC-75).
func TestNobodySignsInUnrecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	c := w.centers["NYDC"]
	c.unrecorded = true
	c.reopen()
	_, err := c.SignIn(context.Background(), session.SignInRequest{Store: people, Level: 1, Person: session.Person{Name: "bob", Enabled: true}})
	if !errors.Is(err, errUnrecorded) {
		t.Errorf("sign-in: %v", err)
	}
	if _, err := c.SignOut(context.Background(), b.sso()); !errors.Is(err, errUnrecorded) {
		t.Errorf("sign-out: %v", err)
	}
	want(t, "after it", b.visit("NYDC").Rule, session.ChallengeTombstone)
	for _, s := range c.list() {
		t.Errorf("there is %+v", s)
	}
}
