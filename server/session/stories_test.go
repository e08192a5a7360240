package session_test

import (
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// step is one thing that happens in a story: what, at which data center, by which rule it is decided, and where sessions are
// once the news has arrived.
type step struct {
	does  string // "sign in", "visit", "enter", "authorize", "sign out", "cut", "heal"
	at    string
	rule  string
	holds string
}

func (s step) play(w *world, b *browser) (rule string) {
	switch s.does {
	case "sign in":
		return b.signIn(s.at, "ann").Rule
	case "visit":
		return b.visit(s.at).Rule
	case "enter":
		b.enter("shop", s.at, s.at)
	case "authorize":
		return b.authorize("shop", s.at).Rule
	case "sign out":
		w.signOut(s.at, b)
	case "cut", "heal":
		w.part("NYDC", "LDC", s.does == "cut")
	}
	return ""
}

const (
	local    = session.FoundLocal
	index    = session.FoundIndex
	bySSO    = session.FoundSSO
	gone     = session.ChallengeTombstone
	signedIn = session.SignedIn
)

// OAM-29..37: the rows of the table and the flows, each step by step. After each step the browser's sign-in cookie names the data
// center that it visited, whatever the policy (OAM-14, OAM-33, OAM-35).
func TestStories(t *testing.T) {
	retrieve := func(p *mdc.SessionPolicy) {}
	cookieOnly := func(p *mdc.SessionPolicy) { p.RetrieveOnDemand = false }
	both := func(p *mdc.SessionPolicy) { p.Anchored = true; p.GitoCookieDomain = "example.com" }
	goesOn := func(p *mdc.SessionPolicy) { p.Anchored, p.ContinueOnSyncFailure = true, true }
	for name, c := range map[string]struct {
		policy func(*mdc.SessionPolicy)
		steps  []step
	}{
		"OAM-29 active-active, anchored": {both, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"visit", "LDC", found, "LDC "}, {"visit", "LDC", local, "LDC "}, {"visit", "NYDC", found, "NYDC "}}},
		"OAM-30 active-active": {retrieve, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"visit", "LDC", found, "NYDC LDC "}, {"visit", "NYDC", bySSO, "NYDC LDC "}}},
		"OAM-31 active-standby, no continuation": {both, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"cut", "", "", "NYDC "}, {"visit", "LDC", silent, "NYDC "}, {"heal", "", "", "NYDC "}, {"visit", "LDC", found, "LDC "}}},
		"OAM-32 active-standby, continuation": {goesOn, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"cut", "", "", "NYDC "}, {"visit", "LDC", alone, "NYDC LDC "}, {"visit", "LDC", local, "NYDC LDC "},
			{"heal", "", "", "LDC "}, {"visit", "LDC", local, "LDC "}}},
		"OAM-33 neither retrieval nor invalidation": {cookieOnly, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"enter", "NYDC", "", "NYDC "}, {"visit", "LDC", cookie, "NYDC LDC "}, {"visit", "NYDC", bySSO, "NYDC LDC "},
			{"visit", "LDC", index, "NYDC LDC "}, {"visit", "PARIS", cookie, "NYDC LDC PARIS "}, {"authorize", "LDC", index, "NYDC LDC PARIS "}}},
		"OAM-34 invalidation and retrieval": {both, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"visit", "LDC", found, "LDC "}, {"visit", "PARIS", found, "PARIS "}, {"visit", "NYDC", found, "NYDC "},
			{"visit", "LDC", found, "LDC "}}},
		"OAM-35 retrieval only": {retrieve, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"visit", "LDC", found, "NYDC LDC "}, {"visit", "PARIS", found, "NYDC LDC PARIS "}, {"visit", "LDC", bySSO, "NYDC LDC PARIS "}}},
		"OAM-36 authenticated in one, authorized in the other": {both, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"enter", "NYDC", "", "NYDC "}, {"authorize", "LDC", found, "LDC "}, {"authorize", "LDC", local, "LDC "},
			{"visit", "NYDC", found, "NYDC "}, {"authorize", "LDC", found, "LDC "}}},
		"OAM-37 signed out": {both, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"enter", "NYDC", "", "NYDC "}, {"authorize", "LDC", found, "LDC "}, {"sign out", "NYDC", "", ""},
			{"authorize", "LDC", gone, ""}, {"authorize", "NYDC", gone, ""}, {"authorize", "PARIS", gone, ""}}},
		"OAM-37 signed out, nothing invalidated": {retrieve, []step{
			{"sign in", "NYDC", signedIn, "NYDC "}, {"enter", "NYDC", "", "NYDC "}, {"authorize", "LDC", found, "NYDC LDC "}, {"visit", "PARIS", found, "NYDC LDC PARIS "},
			{"sign out", "LDC", "", ""}, {"authorize", "NYDC", gone, ""}, {"authorize", "PARIS", gone, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			w.set(c.policy)
			b := w.browser()
			for i, s := range c.steps {
				w.clock.Advance(time.Second)
				if rule := s.play(w, b); rule != s.rule {
					t.Fatalf("step %d, %s %s: %s, want %s", i+1, s.does, s.at, rule, s.rule)
				}
				w.sync()
				if got := w.holds(); got != s.holds {
					t.Fatalf("step %d, %s %s: sessions in %q, want %q", i+1, s.does, s.at, got, s.holds)
				}
			}
		})
	}
}
