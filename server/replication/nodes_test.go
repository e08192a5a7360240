package replication_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// stillNode is another node of a data center, on the same store, that hears nothing of what the first one does.
func (s *site) stillNode() *site {
	s.t.Helper()
	two := &site{t: s.t, l: s.l, id: s.id, clock: s.clock, store: s.store, keys: s.keys}
	var err error
	two.log, err = journal.New(s.t.Context(), journal.Config{Store: s.store, Wrapper: newWrapper(s.t), ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	two.follower, err = replication.New(replication.Config{Log: two.log, Store: s.store, Keys: s.keys, Sources: sources{s.l, s.id}, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	two.feed, err = replication.NewFeed(s.t.Context(), replication.FeedConfig{Log: two.log, Store: s.store, Keys: s.keys, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	return two
}

// secondNode is another node that follows what the first one does, as that one does of it.
func (s *site) secondNode() *site {
	s.t.Helper()
	two := s.stillNode()
	stops := []func(){
		background(two.feed.Run), background(two.feed.Follow), background(s.feed.Follow),
		background(func(ctx context.Context) error { return two.log.Follow(ctx, slog.New(slog.DiscardHandler)) }),
		background(two.follower.Follow), background(s.follower.Follow),
	}
	s.t.Cleanup(func() {
		for _, stop := range stops {
			stop()
		}
	})
	return two
}

// TAM-01, FLT-19: of two nodes one follows the master; the other one knows of the copy, says that the data center is ready, has a pull made,
// and takes the following over.
func TestFollowingMovesToAnotherNode(t *testing.T) {
	l := newLink()
	master, one := newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
	two := one.secondNode()
	agree(master, one, "ny-ld", nil)
	bootstrap(t, two, "ny-ld")
	eventually(t, "readiness at the node that does not follow", func() bool {
		ok, _, err := two.follower.Ready(t.Context())
		return ok && err == nil
	})
	master.groups(0, 3)
	must(t, two.follower.PullNow(t.Context(), "ny-ld"))
	two.reaches(master)

	one.stop()
	one.stop = background(two.follower.Run)
	master.groups(3, 6)
	two.reaches(master)
	if n := l.snapshots("LDC"); n != 1 {
		t.Errorf("%d first copies were taken, want 1", n)
	}
	eventually(t, "readiness at the node that followed before", func() bool {
		ok, _, err := one.follower.Ready(t.Context())
		return ok && err == nil
	})
}

// TAM-01, FLT-17: a write at one node waits for the clone that asks another node, and is answered when that one has it; both know
// the position that the clone showed, and both forget it with the agreement. A clone that is cut off is named at either node.
func TestAcknowledgementsAtEveryNode(t *testing.T) {
	l := newLink()
	one, clone := newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
	two := one.secondNode()
	agree(one, clone, "ny-ld", func(a *mdc.Agreement) { a.WaitForSync = true })
	bootstrap(t, clone, "ny-ld")
	for i := range 20 {
		two.groups(i, i+1)
		at, awaited, err := two.feed.Awaited(t.Context())
		must(t, err)
		behind, err := two.feed.Await(t.Context(), at)
		must(t, err)
		if !awaited || len(behind) > 0 {
			t.Fatalf("write %d: awaited %v, behind %v", i, awaited, behind)
		}
		if has, moved, found := two.feed.Shown("ny-ld"); !found || moved.IsZero() || has.Sequence < at.Sequence {
			t.Fatalf("the clone is known at %+v, moved %s", has, moved)
		}
	}
	two.put(mdc.AgreementKind(), &mdc.Agreement{Name: "ny-ld", Source: "NYDC", Target: "LDC", Identifier: "ny-ld", Side: mdc.SideMaster, Enabled: true, Follow: true})
	two.groups(20, 21) // nobody waits for it: it comes all the same
	eventually(t, "the position at the node that was not asked", func() bool {
		has, _, found := two.feed.Shown("ny-ld")
		return found && has == one.position()
	})
}

// FLT-31: a node that heard nothing knows what clones showed to another one, and where that one's own following stands, as soon as it has read
// anew; and forgets what is gone.
func TestReadAnewAfterAStandstill(t *testing.T) {
	l := newLink()
	one, clone := newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
	t.Cleanup(background(one.feed.Follow))
	agree(one, clone, "ny-ld", nil)
	master, follower := one.stillNode(), clone.stillNode()
	bootstrap(t, clone, "ny-ld")
	one.groups(0, 3)
	clone.reaches(one)
	reread := func(found bool) func() bool {
		return func() bool { // what the clone shows is written a moment later
			must(t, master.feed.Reread(t.Context()))
			at, _, shown := master.feed.Shown("ny-ld")
			return shown == found && (!found || at == one.position())
		}
	}
	if _, _, found := master.feed.Shown("ny-ld"); found {
		t.Fatal("the node that stands still knows of the clone")
	}
	eventually(t, "the clone's position, read anew", reread(true))
	must(t, follower.follower.Reread(t.Context()))
	if ok, why, err := follower.follower.Ready(t.Context()); !ok || err != nil {
		t.Errorf("the clone's other node has read anew: %s, %v", why, err)
	}
	one.update(func(tx *journal.Tx) error { return tx.Delete(mdc.AgreementKind(), "ny-ld", "test") })
	eventually(t, "the end of the agreement, read anew", reread(false))
}

// FLT-19, SEC-50: a record of what a clone has, forged or damaged in the store, makes no node think that the clone has what it has not, neither at a start
// nor while the node runs; the clone's next question counts again.
func TestForgedAcknowledgements(t *testing.T) {
	l := newLink()
	one, clone := newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
	agree(one, clone, "ny-ld", func(a *mdc.Agreement) { a.WaitForSync = true })
	bootstrap(t, clone, "ny-ld")
	one.groups(0, 3)
	clone.reaches(one)
	clone.stop()
	had := one.position()
	one.groups(3, 6)
	two := one.secondNode()
	record := func(at mdc.Position, by string) string {
		b, err := json.Marshal(map[string]any{"at": at, "equal": true, "time": time.Now().Add(time.Hour), "by": by})
		must(t, err)
		return string(b)
	}
	forge := func(text string) {
		must(t, one.store.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("h/f/ny-ld"), []byte(text), 0) }))
	}
	now := one.position()
	wrong, ahead, alien := now, now, now
	wrong.Digest, ahead.Sequence, alien.Epoch = had.Digest, now.Sequence+5, mdc.Epoch{Number: 7, ClusterID: "TDC"}
	for name, text := range map[string]string{"another digest": record(wrong, "x"), "not there yet": record(ahead, "x"), "another epoch": record(alien, "x"), "no record": "{", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			forge(record(had, name)) // it was shown indeed
			eventually(t, "the position that the clone has", func() bool {
				at, _, found := two.feed.Shown("ny-ld")
				return found && at == had
			})
			forge(text)
			started := one.stillNode() // it reads the record when it starts
			must(t, two.feed.Reread(t.Context()))
			for who, f := range map[string]*replication.Feed{"starts": started.feed, "runs": two.feed} {
				if at, _, found := f.Shown("ny-ld"); found && at.Sequence > had.Sequence {
					t.Errorf("a node that %s believes that the clone stands at %+v", who, at)
				}
				if f.Heard("ny-ld").After(time.Now()) {
					t.Errorf("a node that %s heard of the clone in the future", who)
				}
			}
		})
	}
	clone.stop = background(clone.follower.Run)
	clone.reaches(one)
	eventually(t, "the position that the clone shows", func() bool {
		at, _, found := two.feed.Shown("ny-ld")
		return found && at == one.position()
	})
}

// Who waits for a pull, or for the first copy, learns at once that the agreement was deleted, at the node that follows and at another one.
func TestDeletedAgreementWakesWaiters(t *testing.T) {
	for _, who := range []string{"the node that follows", "another node"} {
		t.Run(who, func(t *testing.T) {
			l := newLink()
			master, one := newSite(t, l, "NYDC", clock.System{}), newSite(t, l, "LDC", clock.System{})
			node := one
			if who == "another node" {
				node = one.secondNode()
			}
			agree(master, one, "ny-ld", nil)
			bootstrap(t, node, "ny-ld")
			l.setDead("LDC", true)
			must(t, one.follower.Pull("ny-ld"))
			eventually(t, "the end of the round that made the copy", func() bool { return l.unanswered() > 0 })
			before := l.unanswered()
			done := make(chan error, 1)
			go func() { done <- node.follower.PullNow(t.Context(), "ny-ld") }()
			eventually(t, "a question that nobody answers", func() bool { return l.unanswered() > before })
			one.update(func(tx *journal.Tx) error { return tx.Delete(mdc.AgreementKind(), "ny-ld", "test") })
			select {
			case err := <-done:
				wantCode(t, err, "not_found")
			case <-time.After(patience):
				t.Fatal("nobody was woken")
			}
		})
	}
}
