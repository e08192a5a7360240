package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// spread writes the last accesses of a data center and sends them on every link that is whole.
func (w *world) spread(at string) {
	w.t.Helper()
	must(w.t, w.centers[at].Flush(context.Background()))
	w.sync()
}

// OAM-L3, SEC-10: without a common domain members tell one another the last accesses in batches; used at LDC alone, the
// sign-on is not idle at NYDC, whether its session is in memory there or not.
func TestTouchesReachMembers(t *testing.T) {
	for _, memory := range []bool{true, false} {
		w := newWorld(t, "NYDC", "LDC")
		b := w.browser()
		b.signIn("NYDC", "ann")
		b.enter("long", "NYDC", "LDC")
		for range 3 {
			w.clock.Advance(29 * time.Minute)
			want(t, "at LDC", b.authorize("long", "LDC").Session != nil, true)
			if !memory {
				w.centers["NYDC"].reopen()
			}
			w.spread("LDC")
		}
		used := w.clock.Now()
		w.part("NYDC", "LDC", true) // nobody is asked
		want(t, "last access at NYDC", w.centers["NYDC"].list()[0].LastAccess, used)
		w.clock.Advance(30*time.Minute - time.Millisecond)
		if !memory {
			w.centers["NYDC"].reopen()
		}
		want(t, "at NYDC", b.visit("NYDC").Rule, session.FoundLocal)
		w.clock.Advance(30 * time.Minute)
		want(t, "idle at NYDC", b.visit("NYDC").Rule, session.ChallengeIdle)
	}
}

// A batch is sent once: what a partner tells is not told back to it.
func TestTouchesAreNotEchoed(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.spread("LDC")
	w.spread("NYDC")
	touches := 0
	w.events = func(events []session.Event) []session.Event {
		for _, ev := range events {
			if ev.Kind == session.KindTouch {
				touches++
			}
		}
		return events
	}
	w.clock.Advance(time.Minute)
	b.visit("LDC")
	for range 3 {
		w.spread("LDC")
		w.spread("NYDC")
	}
	want(t, "touches", touches, 1)
}

// SEC-47, SEC-11: a partner touches what it is a member of, not ahead of the clock, and moves no absolute end.
func TestTouchNeedsMembership(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	s := b.signIn("NYDC", "ann").Session
	b.visit("LDC")
	ctx, nydc, at := context.Background(), w.centers["NYDC"], w.clock.Now()
	w.clock.Advance(10 * time.Minute)
	touch := func(from string, ahead time.Duration) time.Time {
		must(t, nydc.ReceiveEvents(ctx, from, []session.Event{{Kind: session.KindTouch, SSOID: s.SSOID, At: w.clock.Now().Add(ahead)}}))
		return nydc.list()[0].LastAccess
	}
	want(t, "a stranger to the session", touch("PARIS", 0), at)
	want(t, "ahead", touch("LDC", 31*time.Second), at)
	want(t, "a member", touch("LDC", 0), w.clock.Now())
	want(t, "never later than now", touch("LDC", 30*time.Second), w.clock.Now())
	want(t, "expiry", nydc.list()[0].ExpiresAt, s.ExpiresAt)
	last, err := nydc.LastAccess(ctx, "PARIS", []mdc.SSOID{s.SSOID})
	must(t, err)
	want(t, "told to a stranger", last[0].IsZero(), true)
	last, err = nydc.LastAccess(ctx, "LDC", []mdc.SSOID{s.SSOID})
	must(t, err)
	want(t, "told to a member", last[0], w.clock.Now())
	for name, ssos := range map[string][]mdc.SSOID{"no id": {"?"}, "too many": make([]mdc.SSOID, 501)} {
		if _, err := nydc.LastAccess(ctx, "LDC", ssos); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Before a session ends for idleness its members are asked, once, however many requests come; silence ends it.
func TestMembersAreAskedBeforeIdle(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("long", "NYDC", "NYDC")
	w.clock.Advance(20 * time.Minute)
	b.visit("LDC")
	cookie := b.agentCookie("long")
	w.clock.Advance(15 * time.Minute)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if d := w.authorize("long", "NYDC", cookie); d.Session == nil {
				t.Errorf("at NYDC: %s", d.Rule)
			}
		})
	}
	all.Wait()
	want(t, "LDC was asked", w.centers["LDC"].asked.Load(), 1)

	w.clock.Advance(40 * time.Minute)
	want(t, "idle everywhere", b.authorize("long", "NYDC").Rule, session.ChallengeIdle)
	for range 5 {
		b.authorize("long", "NYDC")
	}
	want(t, "asked again", w.centers["LDC"].asked.Load(), 2)
	w.part("NYDC", "LDC", true)
	w.clock.Advance(time.Minute)
	want(t, "silence", b.authorize("long", "NYDC").Rule, session.ChallengeIdle)
}
