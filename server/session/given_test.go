package session_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// freeze runs a node whose sessions store writes nothing from now on. crash takes along what waits to be written, as the end of
// the process would, and starts the data center again.
func (c *center) freeze() (crash func()) {
	ctx, stop := context.WithCancel(context.Background())
	entered, dead := make(chan struct{}), make(chan struct{})
	var node sync.WaitGroup
	node.Go(func() { must(c.w.t, c.RunNode(ctx)) })
	c.AwaitNotes()
	node.Go(func() {
		_ = c.sessions.Update(context.Background(), func(store.Writer) error {
			close(entered)
			<-dead
			runtime.Goexit() // nothing that waits behind it is committed
			return nil
		})
	})
	<-entered
	return sync.OnceFunc(func() {
		close(dead)
		stop()
		node.Wait()
		c.reopen()
	})
}

// membersAt gives who is known at a data center to have ann's sign-on.
func (w *world) membersAt(at string) string {
	all := w.centers[at].list()
	if len(all) != 1 {
		return "no session"
	}
	members := slices.Sorted(slices.Values(all[0].Members))
	return strings.Join(members, " ")
}

// OAM-30, OAM-37: NYDC gives a session away while nothing can be written there, and crashes before it has noted to whom. Whoever came
// later knew of the earlier one all the same; NYDC hears of both from themselves, and an end at NYDC reaches them whether it has
// heard or not.
func TestCrashBeforeTheNoteOfAGivenSession(t *testing.T) {
	for name, heard := range map[string]bool{"signed out after the news": true, "signed out before the news": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			b := w.browser()
			b.signIn("NYDC", "ann")
			cookie := b.sso()
			crash := w.centers["NYDC"].freeze()
			defer crash()
			for _, at := range []string{"LDC", "PARIS"} {
				f, err := w.centers[at].Visit(t.Context(), cookie)
				must(t, err)
				want(t, at, f.Rule, session.AdoptedFound)
			}
			want(t, "known at PARIS", w.membersAt("PARIS"), "LDC NYDC")
			crash()
			want(t, "known at NYDC after the crash", w.membersAt("NYDC"), "")
			if heard {
				for _, at := range []string{"LDC", "PARIS"} {
					w.centers[at].reopen() // the news is durable
					must(t, w.centers[at].Sync(t.Context(), "NYDC"))
				}
				want(t, "known at NYDC after the news", w.membersAt("NYDC"), "LDC PARIS")
			}
			w.signOut("NYDC", b)
			w.sync()
			want(t, "sessions after the sign-out", w.holds(), "")
			for at := range w.centers {
				f, err := w.centers[at].Visit(t.Context(), cookie)
				must(t, err)
				want(t, "the cookie at "+at, f.Rule, session.ChallengeTombstone)
			}
		})
	}
}

// What is given is noted by itself, with its record in the audit.
func TestGivenIsNoted(t *testing.T) {
	for _, end := range []string{"a moment passes", "the node ends"} {
		t.Run(end, func(t *testing.T) { givenIsNoted(t, end) })
	}
}

func givenIsNoted(t *testing.T, end string) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	from, err := w.centers["NYDC"].sessions.Revision(t.Context())
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var node sync.WaitGroup
	node.Go(func() { must(t, w.centers["NYDC"].RunNode(ctx)) })
	w.centers["NYDC"].AwaitNotes()
	want(t, "at LDC", b.visit("LDC").Rule, session.AdoptedFound)
	if end == "the node ends" {
		stop()
		node.Wait() // what is under way is written before
	} else {
		err := w.centers["NYDC"].sessions.Watch(t.Context(), []byte("s/"), from, func([]store.Event) error { return store.ErrStop })
		want(t, "the watch for the note", err, store.ErrStop)
		stop()
		node.Wait()
	}
	w.centers["NYDC"].reopen()
	want(t, "known at NYDC", w.membersAt("NYDC"), "LDC")
}

// OAM-30, FLT-04: a home that finds that it cannot note whom it gave a session to gives no further one before its note is written, so
// none while nothing can be written; once one was written it does not wait for the disk any more.
func TestHomeThatCannotWrite(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	ny := w.centers["NYDC"]
	ctx, stop := context.WithCancel(t.Context())
	var node sync.WaitGroup
	defer node.Wait()
	defer stop()
	node.Go(func() { must(t, ny.RunNode(ctx)) })
	ny.AwaitNotes()
	var cookies []string
	for range 4 {
		b := w.browser()
		b.signIn("NYDC", "ann")
		cookies = append(cookies, b.sso())
	}
	adopts := func(what, rule string) {
		t.Helper()
		f, err := w.centers["LDC"].Visit(t.Context(), cookies[0])
		must(t, err)
		want(t, what, f.Rule, rule)
		cookies = cookies[1:]
	}
	refuses := func() error { return errors.New("the disk is full") }
	ny.writes.Store(&refuses)
	adopts("while nobody knows", session.AdoptedFound)
	ny.AwaitNoted()
	adopts("while it cannot write", session.ChallengeRefused)
	ny.writes.Store(nil)
	adopts("when it can again", session.AdoptedFound)
	ny.writes.Store(&refuses)
	adopts("before the disk has it", session.AdoptedFound)
}
