package session_test

import (
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// twoNodes are NYDC's, and whoever else there is; ann has signed in at the first one and has an agent's cookie.
func twoNodes(t *testing.T, others ...string) (*world, *browser, *mdc.Session) {
	t.Helper()
	w := newWorld(t, append(others, "NYDC")...)
	w.secondNode("NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	return w, b, b.authorize("shop", "NYDC").Session
}

// endsUnseen ends a session at the first node without a tombstone, which would deny it anyhow, and waits until the second one is told.
func (w *world) endsUnseen(id mdc.SessionID) {
	two := w.centers["NYDC#2"]
	before := two.Ends()
	must(w.t, w.centers["NYDC"].sessions.Update(w.t.Context(), func(sw store.Writer) error { return sw.Delete([]byte("s/" + id)) }))
	comes(w.t, "the end", func() bool { return two.Ends() > before && !two.InMemory(id) })
}

// wantEnded asks the second node about a session that has ended; asked says whether the test got where it wanted to.
func (w *world) wantEnded(b *browser, asked bool) {
	w.t.Helper()
	if !asked {
		w.t.Fatal("the second node did not come to where the session was to end")
	}
	if d := b.authorize("shop", "NYDC#2"); d.Session != nil {
		w.t.Error("the second node goes on with a session that has ended")
	}
}

// TAM-01: a session that another node ends while this one reads it is not held here from what was read, where nothing would end it
// any more: its end was told before it was in memory.
func TestEndedWhileRead(t *testing.T) {
	w, b, s := twoNodes(t)
	two := w.centers["NYDC#2"]
	ends := func() { w.endsUnseen(s.ID) }
	two.viewed.Store(&ends)
	b.authorize("shop", "NYDC#2")
	w.wantEnded(b, two.viewed.Load() == nil)
}

// TAM-01: the same of one that is read again, because another one had ended while it was read first.
func TestEndedWhileReadAgain(t *testing.T) {
	w, b, s := twoNodes(t)
	two := w.centers["NYDC#2"]
	other := w.browser().signIn("NYDC", "bob").Session
	again := func() { w.endsUnseen(s.ID) }
	first := func() { w.endsUnseen(other.ID); two.viewed.Store(&again) }
	two.viewed.Store(&first)
	b.authorize("shop", "NYDC#2")
	w.wantEnded(b, two.viewed.Load() == nil)
}

// TAM-01, OAM-37: the same of one that this node was about to change, and leaves as it is because another node has changed it already.
func TestEndedWhileLeftAsItIs(t *testing.T) {
	w, b, s := twoNodes(t, "LDC")
	one, two := w.centers["NYDC"], w.centers["NYDC#2"]
	b.authorize("shop", "NYDC#2") // it is in memory
	var joined []session.Event
	w.events = func(events []session.Event) []session.Event { joined = append(joined, events...); return nil }
	noting := make(chan struct{})
	waits := func() error { <-noting; return nil }
	one.writes.Store(&waits)
	b.visit("LDC")
	must(t, w.centers["LDC"].Sync(t.Context(), "NYDC"))
	if len(joined) != 1 || joined[0].Kind != session.KindJoined {
		t.Fatalf("LDC tells %+v", joined)
	}
	changes := func() {
		close(noting)
		comes(t, "the member at the other node", func() bool { return len(b.authorize("shop", "NYDC#2").Session.Members) == 1 })
	}
	ends := func() { w.endsUnseen(s.ID) }
	two.viewed.Store(&changes)
	two.updated.Store(&ends)
	must(t, two.ReceiveEvents(t.Context(), "LDC", joined))
	w.wantEnded(b, two.updated.Load() == nil)
}

// TAM-01: a session whose end is told, or that is to be read anew, does not stay in memory by somebody who found it packed right before and
// has it in use right after: the store has it no more, so nothing would take it out again.
func TestFoundWhileForgotten(t *testing.T) {
	c := newWorld(t, "NYDC").centers["NYDC"]
	s := c.w.browser().signIn("NYDC", "ann").Session
	c.ForgetDecoded()
	must(t, c.sessions.Update(t.Context(), func(sw store.Writer) error { return sw.Delete([]byte("s/" + s.ID)) }))
	found, err := c.ForgetWhileFound(t.Context(), s.ID)
	must(t, err)
	if !found {
		t.Fatal("it was not in memory")
	}
	want(t, "in memory", c.InMemory(s.ID), false)
}
