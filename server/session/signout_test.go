package session_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

func removeAll(elem ...string) error { return os.RemoveAll(filepath.Join(elem...)) }

// stored counts the session records, also those that no list shows.
func (c *center) stored() (n int) {
	must(c.w.t, c.sessions.View(context.Background(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("s/")}, func(_, _ []byte) error {
			n++
			return nil
		})
	}))
	return n
}

func (w *world) signOut(at string, b *browser) session.Receipt {
	w.t.Helper()
	r, err := w.centers[at].SignOut(context.Background(), b.sso())
	must(w.t, err)
	return r
}

// SEC-03: cookies saved before the sign-out are dead in every data center, each alone and in any order; nothing comes back.
func TestReplayAfterSignOut(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	b.enter("wiki", "NYDC", "LDC")
	b.authorize("wiki", "LDC") // adopted by authorization: sign-out reaches that session too (OAM-37)
	w.signOut("NYDC", b)
	w.sync()
	for at, c := range w.centers {
		want(t, "visit "+at, b.visit(at).Rule, session.ChallengeTombstone)
		want(t, "shop at "+at, b.authorize("shop", at).Rule, session.ChallengeTombstone)
		want(t, "wiki at "+at, b.authorize("wiki", at).Rule, session.ChallengeTombstone)
		want(t, "sessions at "+at, len(c.list()), 0)
		c.reopen()
		want(t, "after a restart of "+at, b.authorize("shop", at).Rule, session.ChallengeTombstone)
	}
}

// SEC-05: while the link is cut a replay is a challenge, or degraded and bounded; it ends when the link heals.
func TestReplayDuringPartition(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.part("NYDC", "LDC", true)
	r := w.signOut("NYDC", b)
	want(t, "receipt", r.DataCenters["LDC"], session.Queued)
	want(t, "receipt", r.DataCenters["NYDC"], session.Acknowledged)
	want(t, "strict", b.visit("LDC").Rule, session.ChallengeUnreachable)
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	f := b.visit("LDC")
	want(t, "going on", f.Rule, session.AdoptedAlone)
	if f.Session.DegradedSince == nil {
		t.Error("the session is not marked degraded")
	}
	w.part("NYDC", "LDC", false)
	must(t, w.centers["NYDC"].Sync(context.Background(), "LDC"))
	want(t, "healed", b.visit("LDC").Rule, session.ChallengeTombstone)
	want(t, "sessions", len(w.centers["LDC"].list()), 0)
}

// FLT-11: a sign-out at NYDC reaches LDC through PARIS.
func TestSignOutIsRelayed(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.part("NYDC", "LDC", true)
	w.signOut("NYDC", b)
	must(t, w.centers["NYDC"].Sync(context.Background(), "PARIS"))
	must(t, w.centers["PARIS"].Sync(context.Background(), "LDC"))
	want(t, "at LDC", b.visit("LDC").Rule, session.ChallengeTombstone)
}

// A data center that was down pulls what it lacks before it is ready, also from a relay; a wiped one gets all again.
func TestCatchUp(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.part("LDC", "NYDC", true)
	w.part("LDC", "PARIS", true)
	w.signOut("NYDC", b)
	must(t, w.centers["NYDC"].Sync(context.Background(), "PARIS"))
	want(t, "before", b.visit("LDC").Rule, session.FoundLocal)
	w.part("LDC", "PARIS", false)
	if err := w.centers["LDC"].CatchUp(context.Background(), time.Second); err == nil {
		t.Error("the partner that was not reached is not named")
	}
	want(t, "after", b.visit("LDC").Rule, session.ChallengeTombstone)

	w.part("LDC", "NYDC", false)
	w.sync()
	w.centers["LDC"].close()
	must(t, removeAll(w.dir, "LDC", "state"))
	w.open("LDC")
	b2 := w.browser()
	b2.signIn("NYDC", "bob")
	w.signOut("NYDC", b2)
	must(t, w.centers["NYDC"].Sync(context.Background(), "LDC")) // LDC answers with less than it acknowledged before
	want(t, "wiped", b.visit("LDC").Rule, session.ChallengeTombstone)
}

// "Everywhere": all of a user's sign-ons end, a new one at once afterwards stands, also with the clock standing still.
func TestSignOutUser(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b, other := w.browser(), w.browser()
	b.signIn("NYDC", "Ann")
	other.signIn("LDC", "bob")
	err := w.centers["LDC"].EndUser(context.Background(), people, "ANN")
	must(t, err)
	w.sync()
	want(t, "ann", b.visit("NYDC").Rule, session.ChallengeTombstone)
	want(t, "ann's sessions", len(w.centers["NYDC"].list()), 0)
	want(t, "bob", other.visit("LDC").Rule, session.FoundLocal)
	b.signIn("NYDC", "ann")
	want(t, "ann again", b.visit("NYDC").Rule, session.FoundLocal)
	want(t, "ann again, elsewhere", b.visit("LDC").Rule, session.AdoptedFound)
}

// SEC-01, SEC-02: ids that were sent are ignored, and another user's session in the browser ends.
func TestSignInReplacesSession(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	ann := b.signIn("NYDC", "ann")
	old := b.sso()
	bob := b.signIn("LDC", "bob")
	w.sync()
	if ann.Session.ID == bob.Session.ID || ann.Session.SSOID == bob.Session.SSOID {
		t.Error("bob got an id of ann's")
	}
	for _, at := range []string{"NYDC", "LDC"} {
		f, err := w.centers[at].Visit(context.Background(), old)
		must(t, err)
		want(t, "ann's cookie at "+at, f.Rule, session.ChallengeTombstone)
	}
	want(t, "bob", b.visit("NYDC").Session.User, "bob")
}

// An administrator ends a session by its id, an agent by its cookie; lists go on page by page.
func TestListAndEnd(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	ctx, nydc := context.Background(), w.centers["NYDC"]
	var browsers []*browser
	for range 5 {
		b := w.browser()
		b.signIn("NYDC", "ann")
		browsers = append(browsers, b)
	}
	bob := w.browser()
	bob.signIn("NYDC", "bob")
	bob.enter("wiki", "NYDC", "NYDC")
	seen, cursor := map[mdc.SessionID]bool{}, ""
	for {
		page, next, err := nydc.List(ctx, session.ListFilter{User: "ANN"}, cursor, 2)
		must(t, err)
		for _, s := range page {
			want(t, "user", s.User, "ann")
			seen[s.ID] = true
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	want(t, "ann's sessions", len(seen), 5)
	want(t, "all", len(nydc.list()), 6)
	r, err := nydc.SignOutSession(ctx, browsers[0].visit("NYDC").Session.ID)
	must(t, err)
	want(t, "user of the receipt", r.User, "ann")
	want(t, "ended", browsers[0].visit("NYDC").Rule, session.ChallengeTombstone)
	_, err = nydc.SignOutAgent(ctx, agents["wiki"], bob.agentCookie("wiki"))
	must(t, err)
	want(t, "ended by the agent", bob.visit("NYDC").Rule, session.ChallengeTombstone)
	want(t, "left", len(nydc.list()), 4)
}

// With Run a sign-out waits for its partners, and the receipt says who acknowledged.
func TestReceiptWithRun(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	w.centers["NYDC"].close()
	w.openWaiting("NYDC", time.Minute)
	go func() { done <- w.centers["NYDC"].Run(ctx) }()
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	r := w.signOut("NYDC", b)
	want(t, "receipt", r.DataCenters["LDC"], session.Acknowledged)
	want(t, "at LDC", b.visit("LDC").Rule, session.ChallengeTombstone)
	cancel()
	must(t, <-done)
}

// A session survives a restart, and its last access once it was written.
func TestReopen(t *testing.T) {
	w := newWorld(t, "NYDC")
	c := w.centers["NYDC"]
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.clock.Advance(29 * time.Minute)
	b.visit("NYDC")
	must(t, c.Flush(context.Background()))
	cookie := b.sso()
	w.clock.Advance(20 * time.Minute)
	c.reopen()
	f, err := c.Visit(context.Background(), cookie)
	must(t, err)
	want(t, "after a restart", f.Rule, session.FoundLocal)
	want(t, "last access", c.list()[0].LastAccess, w.clock.Now())
}

// A sign-out that arrives while the session is being adopted wins, whatever comes first.
func TestSignOutRacesAdoption(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	for range 20 {
		b := w.browser()
		b.signIn("NYDC", "ann")
		cookie := b.sso()
		var all sync.WaitGroup
		all.Go(func() { _, _ = w.centers["LDC"].Visit(context.Background(), cookie) })
		all.Go(func() { _, _ = w.centers["LDC"].SignOut(context.Background(), cookie) })
		all.Wait()
		f, err := w.centers["LDC"].Visit(context.Background(), cookie)
		must(t, err)
		want(t, "after both", f.Rule, session.ChallengeTombstone)
		want(t, "sessions", w.centers["LDC"].stored(), 0)
	}
}

// A sign-out that is durable denies at once, also where the sessions themselves cannot be deleted.
func TestDurableRevocationDeniesFirst(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	want(t, "before", b.authorize("shop", "NYDC").Rule, session.FoundLocal)
	must(t, w.centers["NYDC"].sessions.Close())
	if _, err := w.centers["NYDC"].SignOut(context.Background(), b.sso()); err == nil {
		t.Error("sessions were deleted from a closed store")
	}
	want(t, "after", b.authorize("shop", "NYDC").Rule, session.ChallengeTombstone)
}
