package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/backchannel"
)

// receiver stands where calls end up: at agents that take them, or do not.
type receiver struct {
	news chan struct{}

	mu     sync.Mutex // guards the rest
	taken  []backchannel.Call
	tried  []backchannel.Call
	answer func(backchannel.Call) error // nil = all is well
}

func (r *receiver) Call(_ context.Context, c backchannel.Call) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, c)
	if r.answer != nil {
		err = r.answer(c)
	}
	if err == nil {
		r.taken = append(r.taken, c)
	}
	select {
	case r.news <- struct{}{}:
	default:
	}
	return err
}

func (r *receiver) say(answer func(backchannel.Call) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// agentsTold gives "agent user" of the calls that were taken, sorted.
func (r *receiver) agentsTold() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.taken {
		out = append(out, c.Agent+" "+c.User)
	}
	slices.Sort(out)
	return out
}

func (r *receiver) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tried)
}

// tell makes calls at a data center until ok, and a little round more that must change nothing.
func (c *center) tell(ok func() bool) {
	c.w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	var running sync.WaitGroup
	running.Go(func() { c.TellAgents(ctx) })
	defer running.Wait()
	defer cancel()
	for !ok() {
		select {
		case <-c.told.news:
		case <-ctx.Done():
			c.w.t.Fatalf("%s: not told: %v of %d tries", c.id, c.told.agentsTold(), c.told.tries())
		}
	}
}

func (c *center) toldAre(all ...string) func() bool {
	return func() bool { return slices.Equal(c.told.agentsTold(), all) }
}

// OAM-37: the data center in which an agent's code was redeemed tells it, and no other; agents that the sign-on did not use, or that
// asked for no calls, are not told. It does not matter where the sign-on ended.
func TestAgentsAreToldOfAnEnd(t *testing.T) {
	for _, end := range []string{"NYDC", "LDC"} {
		t.Run("ended at "+end, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			b, other := w.browser(), w.browser()
			f := b.signIn("NYDC", "ann")
			b.enter("bank", "NYDC", "NYDC")
			b.enter("mail", "NYDC", "LDC")
			b.enter("shop", "NYDC", "NYDC") // asked for no calls
			b.authorize("bank", "LDC")      // used there too, but not redeemed
			other.signIn("NYDC", "ann")     // another sign-on of hers goes on
			other.enter("bank", "NYDC", "NYDC")
			w.signOut(end, b)
			w.sync()
			ny, ldc := w.centers["NYDC"], w.centers["LDC"]
			ny.tell(ny.toldAre("bank ann"))
			ldc.tell(ldc.toldAre("mail ann"))
			want(t, "the sign-on", ny.told.taken[0].SSOID, f.Session.SSOID)
			w.signOut("NYDC", other)
			ny.tell(ny.toldAre("bank ann", "bank ann"))
			want(t, "tries", ny.told.tries()+ldc.told.tries(), 3)
		})
	}
}

// SEC-12, OAM-37: the end of all of a user's sign-ons, made here or received, is told for each of them, also where the session moved
// away meanwhile; a sign-on of after it is not.
func TestAgentsAreToldOfTheEndOfAUser(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	w.set(func(p *mdc.SessionPolicy) { p.Anchored = true })
	first, second, third := w.browser(), w.browser(), w.browser()
	first.signIn("NYDC", "ann")
	first.enter("bank", "NYDC", "NYDC")
	first.authorize("bank", "LDC")
	w.sync() // the session is LDC's now
	want(t, "sessions at NYDC", len(w.centers["NYDC"].list()), 0)
	second.signIn("LDC", "ann")
	second.enter("mail", "LDC", "LDC")
	must(t, w.centers["LDC"].EndUser(context.Background(), people, "ANN"))
	third.signIn("LDC", "ann")
	third.enter("mail", "LDC", "NYDC") // which has not heard of the end yet
	w.sync()
	ny, ldc := w.centers["NYDC"], w.centers["LDC"]
	ny.tell(ny.toldAre("bank ann"))
	ldc.tell(ldc.toldAre("mail ann"))
}

// A call is repeated with the same id until it is taken, also by a process that was started since; one that is refused, and one that is
// a day old, are not repeated. An agent that is away delays no other.
func TestCallsAreRepeatedWithinBounds(t *testing.T) {
	w := newWorld(t, "NYDC")
	c := w.centers["NYDC"]
	ended := func(users ...string) {
		for _, user := range users {
			b := w.browser()
			b.signIn("NYDC", user)
			b.enter("bank", "NYDC", "NYDC")
			b.enter("mail", "NYDC", "NYDC")
			w.signOut("NYDC", b)
		}
	}
	away := errors.New("away")
	c.told.say(func(call backchannel.Call) error {
		if call.Agent == "bank" {
			return away
		}
		return nil
	})
	ended("ann", "bob")
	c.tell(func() bool { return c.toldAre("mail ann", "mail bob")() && c.told.tries() >= 4 })
	c.reopen()
	c.told.say(nil)
	c.tell(c.toldAre("bank ann", "bank bob", "mail ann", "mail bob"))
	ids := map[string]string{}
	for _, call := range c.told.tried {
		key := call.Agent + " " + string(call.SSOID)
		if ids[key] != "" && ids[key] != call.ID {
			t.Errorf("%s: another id when it is repeated", key)
		}
		ids[key] = call.ID
	}

	c.told.say(func(backchannel.Call) error { return fmt.Errorf("no: %w", backchannel.ErrRefused) })
	before := c.told.tries()
	ended("ann")
	c.tell(func() bool { return c.told.tries() == before+2 })
	c.told.say(nil)
	ended("bob")
	c.tell(c.toldAre("bank ann", "bank bob", "bank bob", "mail ann", "mail bob", "mail bob"))
}

// What is a day old is not said any more.
func TestOldCallsAreGivenUp(t *testing.T) {
	w := newWorld(t, "NYDC")
	c := w.centers["NYDC"]
	ended := func(user string) {
		b := w.browser()
		b.signIn("NYDC", user)
		b.enter("bank", "NYDC", "NYDC")
		w.signOut("NYDC", b)
	}
	c.told.say(func(backchannel.Call) error {
		w.clock.Advance(25 * time.Hour)
		return errors.New("away")
	})
	ended("ann")
	c.tell(func() bool { return c.told.tries() == 1 })
	c.told.say(nil)
	ended("bob")
	c.tell(c.toldAre("bank bob"))
}

// FLT-07: a process that ended between the revocation and the queue makes the calls when it starts again.
func TestCallsAreFoundAfterAKill(t *testing.T) {
	w := newWorld(t, "NYDC")
	c := w.centers["NYDC"]
	b, stays := w.browser(), w.browser()
	b.signIn("NYDC", "ann")
	b.enter("bank", "NYDC", "NYDC")
	stays.signIn("NYDC", "bob")
	stays.enter("bank", "NYDC", "NYDC")
	c.WithoutCalls()
	w.signOut("NYDC", b)
	c.reopen()
	c.tell(c.toldAre("bank ann"))
	want(t, "tries", c.told.tries(), 1)
}
