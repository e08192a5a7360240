package session_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// Every outcome of Find for a browser that signed in at NYDC and comes to LDC (OAM-16..18, OAM-29..34, OAM-38, X1, X3).
func TestFindElsewhere(t *testing.T) {
	cases := []struct {
		name   string
		before func(w *world, b *browser)
		rule   string
	}{
		{"OAM-30 found", func(*world, *browser) {}, session.AdoptedFound},
		{"OAM-33 retrieval off", func(w *world, _ *browser) {
			w.set(func(p *mdc.SessionPolicy) { p.RetrieveOnDemand = false })
			w.part("NYDC", "LDC", true)
		}, session.AdoptedCookie},
		{"OAM-31 unreachable", func(w *world, _ *browser) { w.part("NYDC", "LDC", true) }, session.ChallengeUnreachable},
		{"OAM-32 unreachable, go on", func(w *world, _ *browser) {
			w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
			w.part("NYDC", "LDC", true)
		}, session.AdoptedAlone},
		{"503 of a restored data center is no unknown", func(w *world, _ *browser) { w.centers["NYDC"].ready.Store(false) }, session.ChallengeUnreachable},
		{"ended there", func(w *world, b *browser) { w.signOut("NYDC", b) }, session.ChallengeEnded},
		{"SEC-04 unknown there", func(w *world, _ *browser) { w.wipe("NYDC") }, session.ChallengeUnknown},
		{"SEC-04 unknown there, go on", func(w *world, _ *browser) {
			w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
			w.wipe("NYDC")
		}, session.ChallengeUnknown},
		{"refused", func(w *world, _ *browser) {
			w.broken["LDC>NYDC"] = func() error { return fmt.Errorf("%w: 403", session.ErrRefused) }
		}, session.ChallengeRefused},
		{"undecodable", func(w *world, _ *browser) {
			w.broken["LDC>NYDC"] = func() error { return fmt.Errorf("decode answer: odd") }
		}, session.ChallengeRefused},
		{"user disabled here", func(w *world, _ *browser) { w.setPerson("LDC", session.Person{Name: "ann"}) }, session.ChallengeUser},
		{"user absent here", func(w *world, _ *browser) { delete(w.people, "LDC/people/ann") }, session.ChallengeUser},
		{"idle in the meantime", func(w *world, _ *browser) { w.clock.Advance(30 * time.Minute) }, session.ChallengeIdle},
		{"one answer lost", func(w *world, _ *browser) { w.lose["LDC>NYDC"] = 1 }, session.AdoptedFound},
		{"no registered partner", func(w *world, _ *browser) {
			c := w.centers["NYDC"]
			w.t.Cleanup(c.close)
			delete(w.centers, "NYDC")
		}, session.ChallengeUnknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			b := w.browser()
			b.signIn("NYDC", "ann")
			c.before(w, b)
			want(t, "rule", b.visit("LDC").Rule, c.rule)
		})
	}
}

// A partner that gives another session than the cookie's sign-on is refused, whatever differs.
func TestFoundMustFit(t *testing.T) {
	for name, alter := range map[string]func(*mdc.Session){
		"user":             func(s *mdc.Session) { s.User = "bob" },
		"identity store":   func(s *mdc.Session) { s.Store = "admins" },
		"sso id":           func(s *mdc.Session) { s.SSOID = mdc.SSOID(s.ID) },
		"authenticated at": func(s *mdc.Session) { s.AuthenticatedAt = s.AuthenticatedAt.Add(time.Second) },
		"expiry":           func(s *mdc.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Hour) },
		"higher level":     func(s *mdc.Session) { s.Level++ },
		"id":               func(s *mdc.Session) { s.ID = "short" },
		"member":           func(s *mdc.Session) { s.Members = []string{"../x"} },
		"group":            func(s *mdc.Session) { s.Groups = []string{"a\r\nb"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			b := w.browser()
			b.signIn("NYDC", "ann")
			w.alter = alter
			want(t, "rule", b.visit("LDC").Rule, session.ChallengeRefused)
			want(t, "sessions", len(w.centers["LDC"].list()), 0)
		})
	}
}

// What this data center decides alone.
func TestFindHere(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	first := b.signIn("NYDC", "ann")
	want(t, "found", b.visit("NYDC").Rule, session.FoundLocal)
	w.clock.Advance(29 * time.Minute)
	want(t, "before the idle time-out", b.visit("NYDC").Rule, session.FoundLocal)
	w.clock.Advance(30 * time.Minute)
	want(t, "at the idle time-out", b.visit("NYDC").Rule, session.ChallengeIdle)
	want(t, "listed when idle", len(w.centers["NYDC"].list()), 0)
	want(t, "cookie of nobody", must2(w.centers["NYDC"].Visit(context.Background(), "c1.NYDC.AAAA")).Rule, session.ChallengeBadCookie)
	want(t, "no cookie", must2(w.centers["NYDC"].Visit(context.Background(), "")).Rule, session.ChallengeNoCookie)

	second := b.signIn("NYDC", "ann")
	if second.Session.SSOID == first.Session.SSOID || second.Session.ID == first.Session.ID {
		t.Error("a new sign-in kept an id")
	}
	b.visit("NYDC")
	w.setPerson("NYDC", session.Person{Name: "ann"})
	want(t, "disabled, not looked up yet", b.visit("NYDC").Rule, session.FoundLocal)
	w.centers["NYDC"].UsersChanged()
	want(t, "local users changed: no news of another store's", b.visit("NYDC").Rule, session.FoundLocal)
	w.centers["NYDC"].StoresChanged()
	want(t, "disabled (SEC-12)", b.visit("NYDC").Rule, session.ChallengeUser)
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// OAM-18: everything of the session comes along; both data centers list it; NYDC knows its member.
func TestAdoptionTakesAttributes(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	home := b.signIn("NYDC", "ann").Session
	b.visit("LDC")
	here := w.centers["LDC"].list()
	if len(here) != 1 {
		t.Fatalf("LDC lists %d sessions", len(here))
	}
	s := here[0]
	want(t, "attribute", s.Attributes["from"], "NYDC")
	want(t, "group", s.Groups[0], "staff-NYDC")
	want(t, "address", s.ClientAddress, "192.0.2.1")
	want(t, "sso id", s.SSOID, home.SSOID)
	want(t, "origin", *s.Origin, mdc.Origin{ClusterID: "NYDC", SessionID: home.ID})
	want(t, "index", s.Index[0], home.ID)
	want(t, "member at LDC", s.Members[0], "NYDC")
	want(t, "member at NYDC", w.centers["NYDC"].list()[0].Members[0], "LDC")
	if s.ProofHash != nil || s.ID == home.ID {
		t.Error("the list shows a proof, or the id was kept")
	}
}

// 50 parallel first requests: no challenge, one retrieval, one session.
func TestParallelFirstRequests(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
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
	want(t, "sessions", len(w.centers["LDC"].list()), 1)
}

// NYDC, LDC, NYDC, LDC with both agents' cookies: never a challenge, one session in each data center, few ids in the index
// (OAM-17, OAM-34..36).
func TestBackAndForth(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	b.enter("wiki", "LDC", "LDC")
	for i := range 6 {
		at := []string{"NYDC", "LDC"}[i%2]
		for _, agent := range []string{"shop", "wiki"} {
			if d := b.authorize(agent, at); d.Session == nil {
				t.Fatalf("%s at %s: %s", agent, at, d.Rule)
			}
		}
		if f := b.visit(at); f.Session == nil {
			t.Fatalf("visit %s: %s", at, f.Rule)
		}
	}
	for id, c := range w.centers {
		s := c.list()
		want(t, "sessions at "+id, len(s), 1)
		if len(s[0].Index) > 2 {
			t.Errorf("index at %s: %v", id, s[0].Index)
		}
	}
}

// OAM-17: the index holds 16 ids; what fell out is found by its sign-on.
func TestIndexIsBounded(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "LDC")
	for range 20 { // each life of NYDC's store makes a new session with a new id
		w.wipe("NYDC")
		b.visit("LDC")
		want(t, "back at NYDC", b.visit("NYDC").Rule, session.AdoptedFound)
		b.visit("LDC")
	}
	want(t, "index", len(w.centers["LDC"].list()[0].Index), mdc.MaxIndex)
	w.centers["LDC"].reopen()
	want(t, "oldest cookie", b.authorize("shop", "LDC").Rule, session.FoundSSO)
}

// SEC-11, OAM-28: hopping between data centers never moves the absolute expiry, which each holds by itself.
func TestAbsoluteLifetime(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	expires := b.signIn("NYDC", "ann").Session.ExpiresAt
	want(t, "expiry", expires, w.clock.Now().Add(12*time.Hour))
	ring := []string{"LDC", "PARIS", "NYDC"}
	for i := range 47 {
		w.clock.Advance(15 * time.Minute)
		f := b.visit(ring[i%3])
		if f.Session == nil || !f.Session.ExpiresAt.Equal(expires) {
			t.Fatalf("hop %d: %s", i, f.Rule)
		}
	}
	w.clock.Advance(15 * time.Minute)
	for _, at := range ring {
		want(t, "at "+at, b.visit(at).Rule, session.ChallengeExpired)
	}
}

// A third data center learns from the chain when the newest is gone, and every member hears of it (joined).
func TestChainAndJoined(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.visit("LDC")
	w.part("PARIS", "LDC", true)
	want(t, "PARIS asks NYDC", b.visit("PARIS").Rule, session.AdoptedFound)
	w.part("PARIS", "LDC", false)
	w.centers["PARIS"].reopen() // the news is durable
	w.sync()
	for _, at := range []string{"NYDC", "LDC", "PARIS"} {
		want(t, "members at "+at, len(w.centers[at].list()[0].Members), 2)
	}
}

// An event about a sign-on whose proof the sender does not know changes nothing (SEC-47).
func TestJoinedNeedsProof(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	s := w.browser().signIn("NYDC", "ann").Session
	nydc := w.centers["NYDC"]
	must(t, nydc.ReceiveEvents(context.Background(), "LDC", []session.Event{{Kind: session.KindJoined, SSOID: s.SSOID, Proof: make([]byte, 16)}}))
	want(t, "members", len(nydc.list()[0].Members), 0)
	a, err := nydc.Retrieve(context.Background(), "LDC", session.RetrieveRequest{ID: s.ID, SSOID: s.SSOID, Proof: make([]byte, 16), ForCluster: "LDC"})
	must(t, err)
	want(t, "retrieval without the proof", a.Result, session.ResultUnknown)
	if _, err := nydc.Retrieve(context.Background(), "EVIL", session.RetrieveRequest{ID: s.ID, SSOID: s.SSOID, Proof: make([]byte, 16), ForCluster: "EVIL"}); err == nil {
		t.Error("a stranger got an answer")
	}
}

// wipe makes a data center forget its sessions but not its revocations.
func (w *world) wipe(id string) {
	w.t.Helper()
	c := w.centers[id]
	c.close()
	must(w.t, removeAll(w.dir, id, "sessions"))
	w.open(id)
}

// TestIdentityStoreDown: while the identity store of a data center is down, sessions of it go on there, also those that were in
// memory no more, and it is asked for each of them every few seconds and not at every request. What a partner gives is adopted;
// what would be made from a cookie alone is not. A user who went meanwhile is found out when it is back (SEC-12).
func TestIdentityStoreDown(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b, other := w.browser(), w.browser()
	b.signIn("NYDC", "ann")
	other.signIn("NYDC", "bob")
	down := func(id string, is bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.down[id] = is
	}
	down("NYDC", true)
	w.centers["NYDC"].close()
	w.open("NYDC")
	for range 20 {
		w.clock.Advance(time.Minute)
		want(t, "goes on", b.visit("NYDC").Rule, session.FoundLocal)
	}
	asked := w.lookUps
	for range 20 {
		b.visit("NYDC")
	}
	want(t, "asked at every request", w.lookUps, asked)
	w.clock.Advance(6 * time.Second)
	b.visit("NYDC")
	want(t, "asked again after a while", w.lookUps, asked+1)
	down("LDC", true)
	want(t, "adopted", b.visit("LDC").Rule, session.AdoptedFound)
	w.part("NYDC", "LDC", true)
	w.set(func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true })
	if _, err := w.centers["LDC"].Visit(context.Background(), other.sso()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("from the cookie alone: %v", err)
	}
	w.setPerson("NYDC", session.Person{Name: "ann"})
	down("NYDC", false)
	w.clock.Advance(6 * time.Second)
	want(t, "disabled meanwhile", b.visit("NYDC").Rule, session.ChallengeUser)
}
