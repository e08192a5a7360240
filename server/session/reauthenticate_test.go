package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// OAM-21, X7: with reauthenticate a session of elsewhere is a challenge; the same person keeps the sign-on, which gets a
// session here, with an id of its own and the end that it had (SEC-01, SEC-11).
func TestReauthenticate(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*world)
	}{
		{"found", func(*world) {}},
		{"retrieval off", func(w *world) { w.set(func(p *mdc.SessionPolicy) { p.RetrieveOnDemand = false }) }},
		{"unreachable", func(w *world) { w.part("NYDC", "LDC", true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = true })
			b := w.browser()
			home := b.signIn("NYDC", "ann").Session
			c.before(w)
			w.clock.Advance(time.Minute)
			want(t, "at LDC", b.visit("LDC").Rule, session.ChallengeReauthenticate)
			want(t, "sessions", len(w.centers["LDC"].list()), 0)
			f := b.signIn("LDC", "ann")
			want(t, "rule", f.Rule, session.Reauthenticated)
			want(t, "sso id", f.Session.SSOID, home.SSOID)
			want(t, "id", f.Session.ID != home.ID, true)
			want(t, "expiry", f.Session.ExpiresAt, home.ExpiresAt)
			want(t, "degraded", f.Session.DegradedSince == nil, true)
			want(t, "at LDC now", b.visit("LDC").Rule, session.FoundLocal)
			want(t, "at NYDC still", b.visit("NYDC").Session != nil, true)
			w.part("NYDC", "LDC", false)
			w.sync()
			want(t, "NYDC's member", w.centers["NYDC"].list()[0].Members[0], "LDC")
			w.signOut("LDC", b)
			w.sync()
			want(t, "one sign-out", w.holds(), "")
		})
	}
}

// Whatever is not the same person, level and sign-on begins anew and ends the former one.
func TestReauthenticateBeginsAnew(t *testing.T) {
	for name, before := range map[string]func(*world, *browser){
		"another user":     nil,
		"signed out there": func(w *world, b *browser) { w.signOut("NYDC", b); w.sync() },
		"unknown there":    func(w *world, _ *browser) { w.wipe("NYDC") },
		"idle":             func(w *world, _ *browser) { w.clock.Advance(30 * time.Minute) },
		"here already": func(w *world, b *browser) {
			w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = false })
			b.visit("LDC")
			w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = true })
			b := w.browser()
			home := b.signIn("NYDC", "ann").Session
			user := "ann"
			if before == nil {
				user, before = "bob", func(*world, *browser) {}
			}
			before(w, b)
			f := b.signIn("LDC", user)
			want(t, "rule", f.Rule, session.SignedIn)
			want(t, "another sign-on", f.Session.SSOID != home.SSOID, true)
		})
	}
}

// Another level is another sign-on: a step up changes sso id, id and proof.
func TestReauthenticateAtAnotherLevel(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	f, err := w.centers["LDC"].SignIn(context.Background(), session.SignInRequest{Store: people, Level: 2, Person: session.Person{Name: "ann", Enabled: true}, PriorCookie: b.sso()})
	must(t, err)
	want(t, "rule", f.Rule, session.SignedIn)
}

// A code is redeemed without asking again: the sign-in host has just decided, and circles would be endless.
func TestReauthenticateLeavesCodes(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Reauthenticate = true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "LDC")
	want(t, "at LDC", b.authorize("shop", "LDC").Session != nil, true)
	b.enter("wiki", "NYDC", "NYDC")
	w.wipe("LDC")
	want(t, "an agent's cookie", b.authorize("wiki", "LDC").Rule, session.ChallengeReauthenticate)
}

// identity_recheck: how long a disabled user of a store that nobody watches goes on.
func TestIdentityRecheck(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.set(func(p *mdc.SessionPolicy) { p.IdentityRecheck = mdc.Duration(5 * time.Minute) })
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	b.authorize("shop", "NYDC")
	w.setPerson("NYDC", session.Person{Name: "ann"})
	w.clock.Advance(5*time.Minute - time.Millisecond)
	want(t, "before", b.authorize("shop", "NYDC").Rule, session.FoundLocal)
	w.clock.Advance(time.Millisecond)
	want(t, "then", b.authorize("shop", "NYDC").Rule, session.ChallengeUser)
}
