package session_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

func anchored(p *mdc.SessionPolicy) { p.Anchored = true }

// holds says in which data centers a session is listed.
func (w *world) holds() (at string) {
	for _, id := range []string{"NYDC", "LDC", "PARIS"} {
		if c := w.centers[id]; c != nil && len(c.list()) > 0 {
			at += id + " "
		}
	}
	return at
}

// OAM-19, OAM-29, OAM-34: who comes to LDC takes the session along; NYDC's ends without a tombstone, and the way back is the
// same in reverse, never a challenge.
func TestAnchoredMoves(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	b := w.browser()
	home := b.signIn("NYDC", "ann").Session
	b.enter("shop", "NYDC", "NYDC")
	first := b.sso()
	f := b.visit("LDC")
	want(t, "to LDC", f.Rule, session.AdoptedFound)
	want(t, "attributes", f.Session.Attributes["from"], "NYDC")
	want(t, "before the news arrives", w.holds(), "NYDC LDC ")
	w.centers["LDC"].reopen() // the news is durable
	w.sync()
	want(t, "after it", w.holds(), "LDC ")
	want(t, "expiry", w.centers["LDC"].list()[0].ExpiresAt, home.ExpiresAt)

	w.clock.Advance(time.Minute)
	want(t, "the agent at NYDC (OAM-36)", b.authorize("shop", "NYDC").Rule, session.AdoptedFound)
	w.sync()
	want(t, "back at NYDC", w.holds(), "NYDC ")
	for _, at := range []string{"LDC", "NYDC"} { // the first cookie knows of no LDC
		f, err := w.centers[at].Visit(context.Background(), first)
		must(t, err)
		want(t, "by the first cookie, at "+at, f.Session != nil, true)
		w.sync()
	}
	w.signOut("NYDC", b)
	w.sync()
	for at := range w.centers {
		want(t, "after the sign-out, at "+at, b.visit(at).Rule, session.ChallengeTombstone)
	}
}

// The cookie's chain is this data center alone (OAM-34), so a third one asks where the session is, not where it was.
func TestAnchoredThirdDataCenter(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	first := b.sso()
	b.visit("LDC")
	w.sync()
	w.clock.Advance(time.Second)
	w.part("PARIS", "NYDC", true)
	want(t, "PARIS asks LDC", b.visit("PARIS").Rule, session.AdoptedFound)
	w.part("PARIS", "NYDC", false)
	w.sync()
	want(t, "the session", w.holds(), "PARIS ")
	w.clock.Advance(time.Second)
	f, err := w.centers["LDC"].Visit(context.Background(), first) // LDC's own record, then PARIS
	must(t, err)
	want(t, "LDC again", f.Rule, session.AdoptedFound)
	w.sync()
	w.clock.Advance(time.Second)
	w.centers["PARIS"].retrievals.Store(0)
	f, err = w.centers["NYDC"].Visit(context.Background(), first)
	must(t, err)
	want(t, "NYDC by its record", f.Rule, session.AdoptedFound)
	want(t, "PARIS was asked", w.centers["PARIS"].retrievals.Load(), 0)
}

// A partner's word that the sign-on has moved is followed twice, not more, and only to registered partners.
func TestMovedIsFollowed(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	first := b.sso()
	b.visit("LDC")
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	f, err := w.centers["PARIS"].Visit(context.Background(), first) // NYDC says LDC
	must(t, err)
	want(t, "by one hop", f.Rule, session.AdoptedFound)
	want(t, "questions to NYDC and LDC", fmt.Sprint(w.centers["NYDC"].retrievals.Load(), w.centers["LDC"].retrievals.Load()), "2 1")

	w = newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b = w.browser()
	b.signIn("NYDC", "ann")
	first = b.sso()
	b.visit("LDC")
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	w.part("LDC", "PARIS", true)
	f, err = w.centers["PARIS"].Visit(context.Background(), first)
	must(t, err)
	want(t, "where it went is not reached (OAM-31)", f.Rule, session.ChallengeUnreachable)
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	f, err = w.centers["PARIS"].Visit(context.Background(), first)
	must(t, err)
	want(t, "and the policy goes on (OAM-32)", f.Rule, session.AdoptedAlone)
	w.wipe("LDC")
	w.wipe("PARIS")
	w.part("LDC", "PARIS", false)
	f, err = w.centers["PARIS"].Visit(context.Background(), first)
	must(t, err)
	want(t, "it was lost where it went", f.Rule, session.ChallengeUnknown)
}

// 50 parallel first requests under anchored: no challenge, one retrieval, one session.
func TestAnchoredParallelFirstRequests(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	cookie := b.sso()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if f, err := w.centers["LDC"].Visit(context.Background(), cookie); err != nil || f.Session == nil {
				t.Errorf("visit: %v, rule %s", err, f.Rule)
			}
		})
	}
	all.Wait()
	want(t, "retrievals", w.centers["NYDC"].retrievals.Load(), 1)
	w.sync()
	want(t, "the session", w.holds(), "LDC ")
	want(t, "sessions", len(w.centers["LDC"].list()), 1)
}

// Requests at both data centers at once, while the news goes to and fro: one of them always has the session.
func TestAnchoredBothAtOnce(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	cookie := b.sso()
	var all sync.WaitGroup
	for i := range 40 {
		at, other := "NYDC", "LDC"
		if i%2 == 0 {
			at, other = other, at
		}
		all.Go(func() {
			if f, err := w.centers[at].Visit(context.Background(), cookie); err != nil || f.Session == nil {
				t.Errorf("visit %s: %v, rule %s", at, err, f.Rule)
			}
			if err := w.centers[at].Sync(context.Background(), other); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.sync()
	if at := w.holds(); at != "NYDC " && at != "LDC " {
		t.Errorf("in the end the session is at %q", at)
	}
}

// A lost answer costs nobody a session: a retrieval by itself ends nothing.
func TestAnchoredLostAnswer(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.lose["LDC>NYDC"] = 2
	want(t, "all answers are lost", b.visit("LDC").Rule, session.ChallengeUnreachable)
	w.sync()
	want(t, "the session", w.holds(), "NYDC ")
	want(t, "at NYDC", b.visit("NYDC").Rule, session.FoundLocal)
	want(t, "the next time", b.visit("LDC").Rule, session.AdoptedFound)
}

// Of two that take a sign-on over, the later counts; of one moment, the greater cluster id. Whoever hears too late is told.
func TestLaterTakingOverWins(t *testing.T) {
	for _, c := range []struct {
		name  string
		apart time.Duration
		stays string
	}{{"PARIS is later", time.Second, "PARIS "}, {"one moment", 0, "PARIS "}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			w.set(anchored)
			b := w.browser()
			b.signIn("NYDC", "ann")
			cookie := b.sso()
			w.part("LDC", "PARIS", true)
			for _, at := range []string{"LDC", "PARIS"} {
				f, err := w.centers[at].Visit(context.Background(), cookie)
				must(t, err)
				want(t, at, f.Rule, session.AdoptedFound)
				w.clock.Advance(c.apart)
			}
			must(t, w.centers["PARIS"].Sync(context.Background(), "NYDC"))
			must(t, w.centers["LDC"].Sync(context.Background(), "NYDC")) // late, and changes nothing
			w.part("LDC", "PARIS", false)
			w.sync()
			want(t, "the session", w.holds(), c.stays)
			want(t, "NYDC knows where", b.visit("NYDC").Rule, session.AdoptedFound)
		})
	}
}

// LDC takes over first, by a clock that is ahead; PARIS, which takes over after it, hears that it is the older one.
func TestOlderTakingOverIsTold(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	cookie := b.sso()
	visit := func(at string) {
		f, err := w.centers[at].Visit(context.Background(), cookie)
		must(t, err)
		want(t, at, f.Rule, session.AdoptedFound)
	}
	w.clock.Advance(10 * time.Second)
	visit("LDC")
	w.clock.Advance(-5 * time.Second)
	visit("PARIS")
	must(t, w.centers["PARIS"].Sync(context.Background(), "LDC"))
	want(t, "LDC contradicts", w.holds(), "NYDC LDC PARIS ")
	w.sync()
	want(t, "the session", w.holds(), "LDC ")
}

// Who has it no more is not asked: the chain of the cookie is the one data center that took it over (OAM-34).
func TestAnchoredChain(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.centers["NYDC"].retrievals.Store(0)
	w.part("LDC", "PARIS", true)
	want(t, "LDC is away", b.visit("PARIS").Rule, session.ChallengeUnreachable)
	want(t, "questions to NYDC", w.centers["NYDC"].retrievals.Load(), 0)
}

// A clock that is behind does not let the older taking over win twice: whoever undoes one counts as later than it.
func TestReturnIsLater(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.sync()
	w.clock.Advance(-20 * time.Second) // NYDC's clock
	want(t, "back at NYDC", b.visit("NYDC").Rule, session.AdoptedFound)
	w.sync()
	want(t, "the session", w.holds(), "NYDC ")
}

// SEC-47: a partner ends here what it proves or was given, in its own name, and nothing else.
func TestMovedNeedsProof(t *testing.T) {
	for _, c := range []struct {
		name  string
		event session.Event
	}{
		{"no proof, never given", session.Event{}},
		{"wrong proof", session.Event{Proof: make([]byte, 16)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			b := w.browser()
			s := b.signIn("NYDC", "ann").Session
			ev := c.event
			ev.Kind, ev.SSOID, ev.Session, ev.At = session.KindMoved, s.SSOID, s.ID, w.clock.Now().Add(time.Second)
			must(t, w.centers["NYDC"].ReceiveEvents(context.Background(), "LDC", []session.Event{ev}))
			want(t, "the session", w.holds(), "NYDC ")
		})
	}
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored = true })
	b := w.browser()
	s := b.signIn("NYDC", "ann").Session
	b.visit("LDC")
	late := session.Event{Kind: session.KindMoved, SSOID: s.SSOID, Session: s.ID, At: w.clock.Now().Add(31 * time.Second)}
	must(t, w.centers["NYDC"].ReceiveEvents(context.Background(), "LDC", []session.Event{late}))
	want(t, "from the future", w.holds(), "NYDC LDC ")
	late.At = s.CreatedAt.Add(-time.Second)
	must(t, w.centers["NYDC"].ReceiveEvents(context.Background(), "LDC", []session.Event{late}))
	want(t, "an older taking over", w.holds(), "NYDC LDC ")
	late.At = w.clock.Now().Add(time.Second)
	must(t, w.centers["NYDC"].ReceiveEvents(context.Background(), "LDC", []session.Event{late}))
	want(t, "retrieved to it", w.holds(), "LDC ")
	a, err := w.centers["NYDC"].Retrieve(context.Background(), "LDC", session.RetrieveRequest{ID: s.ID, SSOID: s.SSOID, Proof: make([]byte, 16), ForCluster: "LDC"})
	must(t, err)
	want(t, "where it went, without the proof", a.Result, session.ResultUnknown)
}

// OAM-32, OAM-L6 under anchored: while NYDC is away LDC makes the session from the cookie; when it is back LDC confirms and only then
// takes it over.
func TestAnchoredDegradedHeals(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored, p.ContinueOnSyncFailure = true, true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.clock.Advance(time.Second)
	w.part("NYDC", "LDC", true)
	want(t, "while cut", b.visit("LDC").Rule, session.AdoptedAlone)
	want(t, "both", w.holds(), "NYDC LDC ")
	w.part("NYDC", "LDC", false)
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC")) // confirms
	want(t, "confirmed", w.degraded("LDC"), "")
	w.sync()
	want(t, "the session", w.holds(), "LDC ")
	want(t, "attributes", w.centers["LDC"].list()[0].Attributes["from"], "NYDC")
}

// A code of NYDC that is redeemed at LDC is used up at NYDC too, also when the session has moved away from there meanwhile.
func TestCodeIsUsedOnceWhenMoved(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(anchored)
	b := w.browser()
	b.signIn("NYDC", "ann")
	f := b.begin("shop", "NYDC")
	kept := b.flows("shop")
	b.visit("PARIS")
	w.sync()
	w.clock.Advance(time.Second)
	out, err := b.redeem("shop", "LDC", f)
	must(t, err)
	want(t, "at LDC", out.Session != nil, true)
	for _, at := range []string{"NYDC", "LDC"} {
		out, err := w.centers[at].Redeem(context.Background(), agents["shop"], session.RedeemInput{Scheme: "https", Host: "shop.example.com",
			Code: f.code, State: f.state, FlowCookies: kept})
		want(t, "again at "+at, out.Rule, session.ChallengeCodeUsed)
		want(t, "refused", err != nil, true)
	}
}

// Where a partner sends us counts once: it was silent, so the sign-on is not unknown, and a policy that goes on goes on.
func TestMovedToTheSilent(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored, p.ContinueOnSyncFailure = true, true })
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored = false }) // so that the cookie's chain still names NYDC
	b.visit("NYDC")
	b.visit("LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored = true })
	w.sync()
	w.part("PARIS", "LDC", true)
	want(t, "LDC is silent, NYDC says LDC", b.visit("PARIS").Rule, session.AdoptedAlone)
}
