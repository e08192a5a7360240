package session_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// comes waits for what another node hears by its watch.
func comes(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// CAMS-04, TAM-01: any node of a data center answers for its sessions; what one node does to them decides requests at the others, also about
// sessions that these hold in memory.
func TestNodesShareSessions(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.secondNode("NYDC")
	const one, two = "NYDC", "NYDC#2"
	b := w.browser()
	b.signIn(one, "ann")
	b.enter("shop", one, two)
	if d := b.authorize("shop", one); d.Session == nil {
		t.Fatalf("the first node refuses with %s what the second one gave", d.Rule)
	}
	id := b.authorize("shop", two).Session.ID

	t.Run("a change", func(t *testing.T) { // LDC adopts it: the home, asked through one node, notes the member
		if d := b.authorize("shop", "LDC"); d.Session == nil {
			t.Fatal(d.Rule)
		}
		comes(t, "the member at the other node", func() bool { return len(b.authorize("shop", two).Session.Members) == 1 })
	})
	t.Run("a use", func(t *testing.T) { // one node's uses keep the other one from calling it idle
		w.set(func(p *mdc.SessionPolicy) { p.IdleTimeout = mdc.Duration(10 * time.Minute) })
		w.clock.Advance(9 * time.Minute)
		b.authorize("shop", one)
		must(t, w.centers[one].Flush(t.Context()))
		w.clock.Advance(5 * time.Minute)
		comes(t, "the last access at the other node", func() bool {
			s, err := w.centers[two].Get(t.Context(), id)
			must(t, err)
			return !s.LastAccess.Before(w.clock.Now().Add(-5 * time.Minute))
		})
		if d := b.authorize("shop", two); d.Session == nil {
			t.Fatalf("the other node challenges with %s", d.Rule)
		}
	})
	t.Run("its end", func(t *testing.T) {
		if _, err := w.centers[two].SignOut(t.Context(), b.sso()); err != nil {
			t.Fatal(err)
		}
		comes(t, "the end at the other node", func() bool { return b.authorize("shop", one).Rule == session.ChallengeTombstone })
		if n := len(w.centers[one].list()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// OAM-37, TAM-01: the node that sends for all sends what another one ended, and that one's receipt says so.
func TestOneNodeSends(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.secondNode("NYDC")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.centers["NYDC"].Work(ctx) }()
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "LDC")
	r, err := w.centers["NYDC#2"].SignOut(t.Context(), b.sso())
	must(t, err)
	comes(t, "the acknowledgement", func() bool {
		again, err := w.centers["NYDC#2"].SignOut(t.Context(), b.sso())
		must(t, err)
		return again.DataCenters["LDC"] == session.Acknowledged
	})
	if d := b.authorize("shop", "LDC"); d.Session != nil {
		t.Errorf("still signed in at the other data center after %v", r)
	}
	stop()
	must(t, <-done)
}

// TAM-01: a session that another node ends while this one reads it is not held here from what was read, where nothing would end it
// any more: its end was told before it was in memory.
func TestEndedWhileRead(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.secondNode("NYDC")
	one, two := w.centers["NYDC"], w.centers["NYDC#2"]
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	s := b.authorize("shop", "NYDC").Session
	before := two.Ends()
	ends := func() {
		err := one.sessions.Update(t.Context(), func(sw store.Writer) error { return sw.Delete([]byte("s/" + s.ID)) }) // without a tombstone, which would deny it anyhow
		must(t, err)
		comes(t, "the end", func() bool { return two.Ends() > before })
	}
	two.viewed.Store(&ends)
	b.authorize("shop", "NYDC#2")
	if two.viewed.Load() != nil {
		t.Fatal("the second node did not read the session")
	}
	if d := b.authorize("shop", "NYDC#2"); d.Session != nil {
		t.Error("the second node goes on with a session that has ended")
	}
}

// CAMS-10, OAM-L2: what counts sessions counts them over the nodes of a data center: of many who sign in at once at both, no more get in than
// session_capacity; of one user's sign-ins at once at both, no more than max_sessions_per_user; and who leaves at one node makes room at the other.
func TestNodesCountTogether(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.secondNode("NYDC")
	nodes := []string{"NYDC", "NYDC#2"}
	const tries, limit = 24, 5
	capacity := func(n int64) {
		for _, at := range nodes {
			w.centers[at].capacity.Store(n)
		}
	}
	crowd := func(user func(i int) string, refused string) (in []*browser) {
		t.Helper()
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range tries {
			b := w.browser()
			all.Go(func() {
				code := b.trySignIn(nodes[i%2], user(i))
				mu.Lock()
				defer mu.Unlock()
				switch code {
				case "":
					in = append(in, b)
				case refused:
				default:
					t.Errorf("refused with %s", code)
				}
			})
		}
		all.Wait()
		return in
	}
	leave := func(in []*browser) {
		t.Helper()
		for i, b := range in {
			_, err := w.centers[nodes[i%2]].SignOut(t.Context(), b.sso())
			must(t, err)
		}
	}
	for range 2 { // the second time there is room for as many again
		capacity(limit)
		in := crowd(func(i int) string { return fmt.Sprint("user-", i) }, "at_capacity")
		want(t, "sessions", len(in), limit)
		used, _, err := w.centers[nodes[0]].Occupancy(t.Context())
		must(t, err)
		want(t, "counted", used, limit)
		leave(in)
		capacity(0)
		must(t, w.centers[nodes[0]].CountAgain(t.Context()))
	}
	w.set(limited(limit, mdc.SessionsDeny, mdc.PartitionedLocal))
	in := crowd(func(int) string { return "ann" }, "too_many_sessions")
	want(t, "sign-ons of one user", len(in), limit)
	leave(in[:1])
	want(t, "after a sign-out at another node", w.browser().trySignIn(nodes[1], "ann"), "")
	want(t, "one more", w.browser().trySignIn(nodes[0], "ann"), "too_many_sessions")
}
