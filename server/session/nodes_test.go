package session_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// comes waits for what another node hears by its watch.
func comes(t testing.TB, what string, ok func() bool) {
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

// CAMS-10, FLT-07: where the number of sessions that nodes share is damaged, it is counted anew: nobody is kept out of a free place, and the limit
// holds.
func TestDamagedCountIsCountedAnew(t *testing.T) {
	w := newWorld(t, "NYDC")
	w.secondNode("NYDC")
	one, two := w.centers["NYDC"], w.centers["NYDC#2"]
	one.capacity.Store(2)
	two.capacity.Store(2)
	w.browser().signIn("NYDC", "ann")
	for name, damaged := range map[string]string{
		"short": "\x00\x01", "long": strings.Repeat("\x00", 9), "empty": "", "all ones": strings.Repeat("\xff", 8), "more than there can be": "\x00\x00\x02" + strings.Repeat("\x00", 5),
	} {
		must(t, one.sessions.Update(t.Context(), func(sw store.Writer) error { return sw.Put([]byte("q/n"), []byte(damaged), 0) }))
		used, _, err := two.Occupancy(t.Context())
		must(t, err)
		want(t, name+": in use", used, 1)
		must(t, one.sessions.Update(t.Context(), func(sw store.Writer) error { return sw.Put([]byte("q/n"), []byte(damaged), 0) }))
		b := w.browser()
		want(t, name+": the free place", b.trySignIn("NYDC#2", "bob"), "")
		want(t, name+": beyond", w.browser().trySignIn("NYDC", "bob"), "at_capacity")
		_, err = one.SignOut(t.Context(), b.sso())
		must(t, err)
	}
}
