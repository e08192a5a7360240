package session_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// limited lets a user have n sign-ons.
func limited(n int, action, partitioned string) func(*mdc.SessionPolicy) {
	return func(p *mdc.SessionPolicy) {
		p.MaxSessionsPerUser, p.MaxSessionsAction, p.MaxSessionsWhenPartitioned = n, action, partitioned
	}
}

// trySignIn gives the code of a refusal, or "".
func (b *browser) trySignIn(at, user string) string {
	b.w.t.Helper()
	f, err := b.w.centers[at].SignIn(context.Background(), session.SignInRequest{Store: people, Level: 1,
		Person: session.Person{Name: user, Enabled: true}, PriorCookie: b.sso()})
	b.keep("login.example.com", f.SetCookies)
	return fault.CodeOf(err)
}

// OAM-L2: sign-ons of one user are counted over all data centers: once each, however many sessions they have.
func TestLimitCountsEverywhere(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	w.set(limited(2, mdc.SessionsDeny, mdc.PartitionedLocal))
	one, two, three := w.browser(), w.browser(), w.browser()
	want(t, "first", one.trySignIn("NYDC", "ann"), "")
	want(t, "second", two.trySignIn("LDC", "Ann"), "")
	w.clock.Advance(10 * time.Second) // no reservation counts any more
	want(t, "third", three.trySignIn("PARIS", "ann"), "too_many_sessions")
	for _, at := range []string{"NYDC", "LDC", "PARIS"} {
		want(t, "adopted at "+at, one.visit(at).Session != nil, true)
		want(t, "third at "+at, three.trySignIn(at, "ann"), "too_many_sessions")
	}
	want(t, "somebody else", three.trySignIn("PARIS", "bob"), "")
	want(t, "the same browser again", one.trySignIn("PARIS", "ann"), "") // its former sign-on ends
	w.signOut("LDC", two)
	w.sync()
	want(t, "after a sign-out", w.browser().trySignIn("PARIS", "ann"), "")
	w.clock.Advance(30 * time.Minute)
	want(t, "after the others were idle", w.browser().trySignIn("LDC", "ann"), "")
}

// end_oldest: the new sign-in stands, the oldest sign-on ends everywhere.
func TestLimitEndsOldest(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(limited(2, mdc.SessionsEndOldest, mdc.PartitionedLocal))
	var all []*browser
	for _, at := range []string{"NYDC", "LDC", "NYDC", "LDC"} {
		b := w.browser()
		want(t, "sign-in at "+at, b.trySignIn(at, "ann"), "")
		all = append(all, b)
		w.clock.Advance(time.Minute)
	}
	w.sync()
	for i, b := range all {
		for _, at := range []string{"NYDC", "LDC"} {
			want(t, "stands", b.visit(at).Session != nil, i >= 2)
		}
	}
}

// Sign-ins at the same moment at three data centers: as many as the limit says stand, not one more; with deny and end_oldest alike.
func TestLimitAtTheSameMoment(t *testing.T) {
	for _, action := range []string{mdc.SessionsDeny, mdc.SessionsEndOldest} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			w.set(limited(2, action, mdc.PartitionedLocal))
			var all sync.WaitGroup
			var browsers []*browser
			for i := range 9 {
				b := w.browser()
				browsers = append(browsers, b)
				all.Go(func() { b.trySignIn([]string{"NYDC", "LDC", "PARIS"}[i%3], "ann") })
			}
			all.Wait()
			w.sync()
			stand := 0
			for _, b := range browsers {
				if b.sso() != "" && b.visit("NYDC").Session != nil {
					stand++
				}
			}
			want(t, "stand", stand, 2)
		})
	}
}

// A sign-in that another data center, whose clock is ahead, has reserved here is the earlier one all the same.
func TestReservationsHaveOneOrder(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(limited(1, mdc.SessionsDeny, mdc.PartitionedLocal))
	q := session.ReserveRequest{Store: people, User: "ann", SSOID: "AAAAAAAAAAAAAAAAAAAAAA", At: w.clock.Now().Add(5 * time.Second)}
	a, err := w.centers["NYDC"].Reserve(context.Background(), "LDC", q)
	must(t, err)
	want(t, "beside it", len(a.Live)+len(a.Reserved), 0)
	want(t, "later, at NYDC", w.browser().trySignIn("NYDC", "ann"), "too_many_sessions")
	q.Release = true
	_, err = w.centers["NYDC"].Reserve(context.Background(), "LDC", q)
	must(t, err)
	want(t, "when that came to nothing", w.browser().trySignIn("NYDC", "ann"), "")
}

// While a partner is silent the policy says what counts.
func TestLimitWhenPartitioned(t *testing.T) {
	for _, c := range []struct{ partitioned, first, second string }{
		{mdc.PartitionedLocal, "", "too_many_sessions"},
		{mdc.PartitionedAllow, "", ""},
		{mdc.PartitionedDeny, "too_many_sessions", "too_many_sessions"},
	} {
		t.Run(c.partitioned, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.set(limited(1, mdc.SessionsDeny, c.partitioned))
			home := w.browser()
			home.signIn("NYDC", "ann")
			w.part("NYDC", "LDC", true)
			w.clock.Advance(10 * time.Second) // LDC has forgotten that it was asked
			want(t, "first at LDC", w.browser().trySignIn("LDC", "ann"), c.first)
			want(t, "second at LDC", w.browser().trySignIn("LDC", "ann"), c.second)
		})
	}
}

// The limit holds on every path that makes a session: what came to be in a partition is put right when it is adopted.
func TestLimitAtAdoption(t *testing.T) {
	for _, c := range []struct {
		action, older, newer string
	}{
		{mdc.SessionsDeny, session.AdoptedFound, session.ChallengeLimit},
		{mdc.SessionsEndOldest, session.ChallengeLimit, session.AdoptedFound},
	} {
		t.Run(c.action, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			w.set(limited(1, c.action, mdc.PartitionedLocal))
			older, newer := w.browser(), w.browser()
			older.signIn("NYDC", "ann")
			w.part("NYDC", "LDC", true)
			w.clock.Advance(time.Minute)
			newer.signIn("LDC", "ann")
			w.part("NYDC", "LDC", false)
			want(t, "the older", older.visit("PARIS").Rule, c.older)
			want(t, "the newer", newer.visit("PARIS").Rule, c.newer)
		})
	}
}

// The limit also counts sessions that are made from a cookie, with retrieval off or a partner away (OAM-32, OAM-33).
func TestLimitAtAdoptionFromCookie(t *testing.T) {
	for name, edit := range map[string]func(*mdc.SessionPolicy){
		"retrieval off": func(p *mdc.SessionPolicy) { p.RetrieveOnDemand = false },
		"degraded":      func(p *mdc.SessionPolicy) { p.ContinueOnSyncFailure = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.set(edit)
			older, newer := w.browser(), w.browser()
			older.signIn("LDC", "ann")
			w.clock.Advance(time.Second)
			newer.signIn("NYDC", "ann")
			w.set(limited(1, mdc.SessionsDeny, mdc.PartitionedLocal))
			w.part("NYDC", "LDC", true)
			want(t, "the newer at LDC", newer.visit("LDC").Rule, session.ChallengeLimit)
		})
	}
}

// SEC-47: what a partner asks is checked and costs it its turn.
func TestReserveRefuses(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	s := w.browser().signIn("NYDC", "ann").Session
	good := session.ReserveRequest{Store: people, User: "ann", SSOID: s.SSOID, At: w.clock.Now()}
	for name, edit := range map[string]func(*session.ReserveRequest){
		"no user":  func(q *session.ReserveRequest) { q.User = "" },
		"no id":    func(q *session.ReserveRequest) { q.SSOID = "x" },
		"store":    func(q *session.ReserveRequest) { q.Store = strings.Repeat("s", 129) },
		"ahead":    func(q *session.ReserveRequest) { q.At = q.At.Add(61 * time.Second) },
		"long ago": func(q *session.ReserveRequest) { q.At = q.At.Add(-31 * 24 * time.Hour) },
	} {
		q := good
		edit(&q)
		_, err := w.centers["NYDC"].Reserve(context.Background(), "LDC", q)
		want(t, name, fault.KindOf(err), fault.Invalid)
	}
	_, err := w.centers["NYDC"].Reserve(context.Background(), "EVIL", good)
	want(t, "a stranger", fault.KindOf(err), fault.Forbidden)
	var refused atomic.Bool
	for range 20_000 {
		if _, err := w.centers["NYDC"].LastAccess(context.Background(), "LDC", nil); fault.CodeOf(err) == "too_many_requests" {
			refused.Store(true)
		}
	}
	want(t, "too many", refused.Load(), true)
}

// CAMS-10: a data center holds so many sessions and no more, whatever makes them; what ends or is idle makes room.
func TestCapacity(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	nydc := w.centers["NYDC"]
	early := w.browser()
	early.signIn("NYDC", "ann") // before there was a limit
	nydc.capacity.Store(2)
	b := w.browser()
	want(t, "second", b.trySignIn("NYDC", "ann"), "")
	elsewhere := w.browser()
	elsewhere.signIn("LDC", "bob")
	want(t, "third", w.browser().trySignIn("NYDC", "bob"), "at_capacity")
	want(t, "adoption", elsewhere.visit("NYDC").Rule, session.ChallengeCapacity)
	want(t, "who is there stays", b.visit("NYDC").Rule, session.FoundLocal)
	w.signOut("NYDC", b)
	want(t, "adoption after a sign-out", elsewhere.visit("NYDC").Rule, session.AdoptedFound)
	want(t, "again full", w.browser().trySignIn("NYDC", "bob"), "at_capacity")
	w.clock.Advance(30 * time.Minute)
	nydc.reopen() // counts anew
	want(t, "after all were idle", w.browser().trySignIn("NYDC", "bob"), "")
	nydc.capacity.Store(0)
	for range 3 {
		want(t, "without a limit", w.browser().trySignIn("NYDC", "bob"), "")
	}
	nydc.capacity.Store(4)
	want(t, "four are there", w.browser().trySignIn("NYDC", "bob"), "at_capacity")
}

// However many sign in at once, there are never more.
func TestCapacityAtTheSameMoment(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.centers["NYDC"].capacity.Store(5)
	var all sync.WaitGroup
	var made atomic.Int64
	for range 20 {
		all.Go(func() {
			if w.browser().trySignIn("NYDC", "ann") == "" {
				made.Add(1)
			}
		})
	}
	all.Wait()
	want(t, "signed in", made.Load(), 5)
	want(t, "sessions", len(w.centers["NYDC"].list()), 5)
}

// With an anchored policy a session that goes elsewhere makes room.
func TestCapacityWhenMoved(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(anchored)
	w.centers["NYDC"].capacity.Store(1)
	b := w.browser()
	b.signIn("NYDC", "ann")
	want(t, "full", w.browser().trySignIn("NYDC", "bob"), "at_capacity")
	b.visit("LDC")
	w.sync()
	want(t, "after it moved", w.browser().trySignIn("NYDC", "bob"), "")
	want(t, "no way back", b.visit("NYDC").Rule, session.ChallengeCapacity)
}

// SEC-47: a partner that counts what no data center makes ends nothing, keeps nobody out, and does not spoil what this data center
// tells the others; one that counts another person's sign-on does not get it ended.
func TestLimitWithALiar(t *testing.T) {
	valid := mdc.SSOID("AAAAAAAAAAAAAAAAAAAAAA")
	for name, lie := range map[string]func(a *session.ReserveAnswer, now time.Time){
		"no id": func(a *session.ReserveAnswer, now time.Time) { a.Live = []session.Held{{SSOID: "x", At: now}} },
		"in years": func(a *session.ReserveAnswer, now time.Time) {
			a.Reserved = []session.Held{{SSOID: valid, At: now.AddDate(1, 0, 0)}}
		},
		"years ago": func(a *session.ReserveAnswer, now time.Time) {
			a.Reserved = []session.Held{{SSOID: valid, At: now.AddDate(-1, 0, 0)}}
		},
		"too many": func(a *session.ReserveAnswer, now time.Time) { a.Live = make([]session.Held, 100_000) },
		"no id, busy": func(a *session.ReserveAnswer, now time.Time) {
			a.Reserved = []session.Held{{SSOID: "/", At: now.Add(-time.Hour)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.set(limited(1, mdc.SessionsEndOldest, mdc.PartitionedLocal))
			w.held = func(a *session.ReserveAnswer) { lie(a, w.clock.Now()) }
			b := w.browser()
			want(t, "sign-in", b.trySignIn("NYDC", "ann"), "")
			w.sync()
			want(t, "stands", b.visit("NYDC").Session != nil, true)
			w.signOut("NYDC", b)
			w.sync()
			want(t, "ended at the partner", b.visit("LDC").Session == nil, true)
		})
	}
	t.Run("another's", func(t *testing.T) {
		w := newWorld(t, "NYDC", "LDC")
		w.set(limited(1, mdc.SessionsEndOldest, mdc.PartitionedLocal))
		bob := w.browser()
		s := bob.signIn("NYDC", "bob").Session
		w.held = func(a *session.ReserveAnswer) { a.Live = []session.Held{{SSOID: s.SSOID, At: s.AuthenticatedAt}} }
		want(t, "sign-in", w.browser().trySignIn("NYDC", "ann"), "")
		want(t, "bob stands", bob.visit("NYDC").Session != nil, true)
	})
}
