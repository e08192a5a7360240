package session_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func degradedWorld(t *testing.T) (*world, *browser) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.part("NYDC", "LDC", true)
	want(t, "while cut", b.visit("LDC").Rule, session.AdoptedAlone)
	return w, b
}

// OAM-32, OAM-L6: groups and attributes come from the local store until the partner is back, then from it; the confirmation
// survives a restart.
func TestDegradedIsConfirmed(t *testing.T) {
	w, b := degradedWorld(t)
	want(t, "local attributes", w.centers["LDC"].list()[0].Attributes["from"], "LDC")
	w.centers["LDC"].reopen()
	w.part("NYDC", "LDC", false)
	w.sync()
	s := w.centers["LDC"].list()[0]
	want(t, "confirmed", s.DegradedSince == nil, true)
	want(t, "attributes", s.Attributes["from"], "NYDC")
	want(t, "member at NYDC", w.centers["NYDC"].list()[0].Members[0], "LDC")
	w.part("NYDC", "LDC", true)
	w.clock.Advance(20 * time.Minute)
	want(t, "beyond max_degraded_age", b.visit("LDC").Rule, session.FoundLocal)
}

// max_degraded_age bounds the sign-on once, not each session made from its cookie.
func TestDegradedEnds(t *testing.T) {
	w, b := degradedWorld(t)
	saved := b.sso()
	w.clock.Advance(10 * time.Minute)
	want(t, "young", b.visit("LDC").Rule, session.FoundLocal)
	w.clock.Advance(5 * time.Minute)
	want(t, "old", b.visit("LDC").Rule, session.ChallengeDegraded)
	f, err := w.centers["LDC"].Visit(context.Background(), saved)
	must(t, err)
	want(t, "old, by the first cookie", f.Rule, session.ChallengeDegraded)
	w.part("NYDC", "LDC", false)
	want(t, "the partner is back", b.visit("LDC").Rule, session.AdoptedFound)
}

// A partner that does not know the sign-on ends the degraded session, and its cookie makes no other.
func TestDegradedIsDenied(t *testing.T) {
	w, b := degradedWorld(t)
	w.wipe("NYDC")
	w.part("NYDC", "LDC", false)
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	want(t, "sessions", len(w.centers["LDC"].list()), 0)
	w.part("NYDC", "LDC", true)
	want(t, "cut again", b.visit("LDC").Rule, session.ChallengeDegraded)
}

// A degraded session is not handed on as a sound one.
func TestDegradedIsNotSpread(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.part("NYDC", "LDC", true)
	w.part("NYDC", "PARIS", true)
	want(t, "LDC", b.visit("LDC").Rule, session.AdoptedAlone)
	want(t, "PARIS", b.visit("PARIS").Rule, session.AdoptedAlone)
}

// One sign-on that a partner refuses, or could not confirm itself, keeps no other one waiting and does not make the partner
// count as away; it is asked for again (OAM-32).
func TestUnconfirmableDoesNotStopOthers(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	ann, bob := w.browser(), w.browser()
	ann.signIn("NYDC", "ann")
	bob.signIn("LDC", "bob")
	w.part("NYDC", "LDC", true)
	w.part("NYDC", "PARIS", true)
	want(t, "ann at LDC", ann.visit("LDC").Rule, session.AdoptedAlone) // so LDC is asked for what it cannot confirm itself
	want(t, "ann at PARIS", ann.visit("PARIS").Rule, session.AdoptedAlone)
	w.part("LDC", "PARIS", true)
	want(t, "bob at PARIS", bob.visit("PARIS").Rule, session.AdoptedAlone)
	w.part("LDC", "PARIS", false)
	must(t, w.centers["PARIS"].Sync(context.Background(), "LDC"))
	want(t, "degraded while LDC cannot tell", w.degraded("PARIS"), "ann")

	w.alter = func(s *mdc.Session) { s.Level = 9 }
	w.part("NYDC", "PARIS", false)
	must(t, w.centers["PARIS"].Sync(context.Background(), "NYDC"))
	want(t, "degraded while NYDC gives another session", w.degraded("PARIS"), "ann")
	w.alter = nil
	must(t, w.centers["PARIS"].Sync(context.Background(), "NYDC"))
	want(t, "degraded in the end", w.degraded("PARIS"), "")
}

// However many sign-ons a partner does not confirm, it is asked about some at a time, and the last one has its turn.
func TestManyUnconfirmable(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	w.part("NYDC", "LDC", true)
	var last mdc.SSOID
	for range session.MaxInVain + 5 {
		b := w.browser()
		last = max(last, b.signIn("NYDC", "ann").Session.SSOID)
		b.visit("LDC")
	}
	w.alter = func(s *mdc.Session) {
		if s.SSOID != last {
			s.Level = 9
		}
	}
	w.part("NYDC", "LDC", false)
	confirm := func(asked int64, left int) {
		t.Helper()
		w.centers["NYDC"].retrievals.Store(0)
		must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
		want(t, "asked", w.centers["NYDC"].retrievals.Load(), asked)
		want(t, "left", w.centers["LDC"].keys("d/"), left)
	}
	confirm(session.MaxInVain, session.MaxInVain+5)
	confirm(5, session.MaxInVain+4)
	confirm(session.MaxInVain, session.MaxInVain+4) // from the beginning
	w.alter = nil
	confirm(4, session.MaxInVain)
	confirm(session.MaxInVain, 0)
	want(t, "degraded", w.degraded("LDC"), "")
}

// degraded names whose sessions at a data center are not confirmed.
func (w *world) degraded(at string) string {
	w.t.Helper()
	users := map[string]bool{}
	page, _, err := w.centers[at].List(context.Background(), session.ListFilter{}, "", 1000)
	must(w.t, err)
	for _, s := range page {
		if s.DegradedSince != nil {
			users[s.User] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(users)), ",")
}

// What a partner denies in the last moment of a sign-on, when stores still show what is over because they drop by whole
// seconds, is not kept for ever.
func TestDeniedLateIsDropped(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) {
		p.ContinueOnSyncFailure, p.Lifetime = true, mdc.Duration(time.Hour+500*time.Millisecond)
	})
	b := w.browser()
	expires := b.signIn("NYDC", "ann").Session.ExpiresAt
	w.part("NYDC", "LDC", true)
	want(t, "while cut", b.visit("LDC").Rule, session.AdoptedAlone)
	w.wipe("NYDC")
	w.part("NYDC", "LDC", false)
	w.clock.Advance(expires.Add(revocation.Skew + 100*time.Millisecond).Sub(w.clock.Now()))
	want(t, "pending", w.centers["LDC"].keys("d/"), 1)
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	w.clock.Advance(time.Minute)
	want(t, "pending for ever", w.centers["LDC"].keys("d/"), 0)
}

// keys counts what the sessions store holds under a prefix.
func (c *center) keys(prefix string) (n int) {
	c.w.t.Helper()
	must(c.w.t, c.sessions.View(context.Background(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error {
			n++
			return nil
		})
	}))
	return n
}
