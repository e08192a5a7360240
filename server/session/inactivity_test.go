package session_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

func commonDomain(p *mdc.SessionPolicy) { p.GitoCookieDomain = "example.com" }

// OAM-16, SEC-13: the cookie is set on the common domain at each authorization, and only where the host lies under it.
func TestInactivityCookieIsRewritten(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	want(t, "without a domain", b.authorize("shop", "NYDC").SetCookie, "")
	w.set(commonDomain)
	var last string
	for range 3 {
		w.clock.Advance(time.Second)
		set := b.authorize("shop", "NYDC").SetCookie
		if !strings.HasPrefix(set, "__Secure-concord_gito=c1.NYDC.") || !strings.HasSuffix(set, "; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax") || len(set) > 4096 {
			t.Errorf("set-cookie %q", set)
		}
		if set == last {
			t.Error("the cookie was not rewritten")
		}
		last = set
	}
	w.set(func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "other.example" })
	want(t, "a host outside of the domain", b.authorize("shop", "NYDC").SetCookie, "")
	w.set(commonDomain)
	r := w.signOut("NYDC", b)
	want(t, "cleared at the sign-out", strings.Contains(strings.Join(r.SetCookies, "\n"), "__Secure-concord_gito=; Path=/; Domain=example.com; Max-Age=0"), true)
}

// SEC-10, OAM-26, OAM-28, OAM-36: used at LDC alone until just before the time-out, the sign-on lives at NYDC too by the cookie; a
// second later it is over everywhere. The data centers cannot talk to one another all the while.
func TestInactivityCookieCarriesIdleTime(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(commonDomain)
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("long", "NYDC", "LDC")
	w.part("NYDC", "LDC", true)
	for range 4 {
		w.clock.Advance(30*time.Minute - time.Second)
		want(t, "at LDC", b.authorize("long", "LDC").Session != nil, true)
	}
	w.clock.Advance(10 * time.Minute)
	f, err := w.centers["NYDC"].Visit(context.Background(), b.sso())
	must(t, err)
	want(t, "at NYDC without the cookie", f.Rule, session.ChallengeIdle)
	want(t, "at NYDC with it", b.visit("NYDC").Rule, session.FoundLocal)
	w.clock.Advance(30 * time.Minute)
	want(t, "idle at NYDC", b.visit("NYDC").Rule, session.ChallengeIdle)
	want(t, "idle at LDC", b.authorize("long", "LDC").Rule, session.ChallengeIdle)
}

// SEC-09: evidence that is no evidence: of the future, of another sign-on or user, older, altered, alone, or on a domain that
// is not the policy's.
func TestInactivityCookieIsNoIdentity(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(commonDomain)
	b, other := w.browser(), w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	other.signIn("NYDC", "ann")
	other.enter("shop", "NYDC", "NYDC")
	b.authorize("shop", "NYDC")
	old := b.gito()
	w.clock.Advance(14 * time.Minute)
	b.authorize("shop", "NYDC")
	other.authorize("shop", "NYDC")
	right := b.gito()
	sso := b.sso()
	w.part("NYDC", "LDC", true)
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	w.clock.Advance(17 * time.Minute) // 31 after the sign-in, 17 after the use
	visit := func(cookie, inactivity string) string {
		f, err := w.centers["LDC"].VisitWith(context.Background(), cookie, inactivity)
		must(t, err)
		return f.Rule
	}
	for name, text := range map[string]string{"none": "", "an older one": old, "another sign-on's": other.gito(), "altered": right[:len(right)-2] + "AA",
		"the sign-in cookie": sso, "the agent's cookie": b.agentCookie("shop")} {
		want(t, name, visit(sso, text), session.ChallengeIdle)
	}
	w.set(func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "corp.example.com" })
	want(t, "sealed for another domain", visit(sso, right), session.ChallengeIdle)
	w.set(commonDomain)
	want(t, "alone", visit("", right), session.ChallengeNoCookie)
	want(t, "as sign-in cookie", visit(right, right), session.ChallengeBadCookie)
	want(t, "the right one", visit(sso, right), session.AdoptedAlone)
}

// The cookie tells who asks where to ask: first the data center that was used last, then the sign-in cookie's (Find, 4).
func TestInactivityCookieLeadsTheWay(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(commonDomain)
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	w.clock.Advance(time.Minute)
	b.authorize("shop", "LDC")
	first := w.centers["LDC"].retrievals.Load()
	want(t, "PARIS", b.visit("PARIS").Rule, session.AdoptedFound)
	want(t, "LDC was asked", w.centers["LDC"].retrievals.Load()-first, 1)
	w.wipe("PARIS")
	w.clock.Advance(time.Second)
	f, err := w.centers["PARIS"].VisitWith(context.Background(), b.sso(), b.gito()) // older than the cookie of the visit
	must(t, err)
	want(t, "by the chain", f.Rule, session.AdoptedFound)
}

// A cookie of the future is none (FLT-09), however it came to be.
func TestInactivityCookieFromTheFuture(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.set(commonDomain)
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	sso := b.sso()
	w.clock.Advance(10 * time.Minute)
	b.authorize("shop", "NYDC")
	w.centers["NYDC"].reopen() // the use of now is in the cookie alone
	w.clock.Advance(-31 * time.Second)
	w.set(func(p *mdc.SessionPolicy) { p.IdleTimeout = mdc.Duration(9 * time.Minute) })
	f, err := w.centers["NYDC"].VisitWith(context.Background(), sso, b.gito())
	must(t, err)
	want(t, "31 s ahead", f.Rule, session.ChallengeIdle)
	w.clock.Advance(time.Second)
	f, err = w.centers["NYDC"].VisitWith(context.Background(), sso, b.gito())
	must(t, err)
	want(t, "30 s ahead", f.Rule, session.FoundLocal)
}

// SEC-06, SEC-07, SEC-08, G-17: no altered inactivity cookie, and none of another sign-on, purpose, domain or data center's keys,
// is evidence of anything.
func TestAlteredInactivityCookiesCountForNothing(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(commonDomain)
	stranger := newWorld(t, "NYDC", "LDC")
	stranger.set(commonDomain)
	enter := func(w *world, user string) *browser {
		b := w.browser()
		b.signIn("NYDC", user)
		b.enter("long", "NYDC", "LDC")
		return b
	}
	b, bob, far := enter(w, "ann"), enter(w, "bob"), enter(stranger, "ann")
	w.part("NYDC", "LDC", true)
	for range 2 {
		for _, at := range []*world{w, stranger} {
			at.clock.Advance(29 * time.Minute)
		}
		for _, one := range []*browser{b, bob, far} {
			want(t, "at LDC", one.authorize("long", "LDC").Session != nil, true)
		}
	}
	visit := func(gito string) string {
		f, err := w.centers["NYDC"].VisitWith(t.Context(), b.sso(), gito)
		must(t, err)
		return f.Rule
	}
	w.set(func(p *mdc.SessionPolicy) { p.GitoCookieDomain = "login.example.com" })
	want(t, "of another domain", visit(b.gito()), session.ChallengeIdle)
	w.set(commonDomain)
	m := testkit.NewMutants(1, b.gito(), bob.gito(), far.gito(), b.sso(), bob.sso(), b.agentCookie("long"))
	for range 20_000 {
		if text, how := m.Next(b.gito()); visit(text) != session.ChallengeIdle {
			t.Fatalf("%s: %q counts", how, text)
		}
	}
	want(t, "the cookie itself", visit(b.gito()), session.FoundLocal)
}
