package replication_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// secondNode is another node of a data center, on the same store, that follows what the first one does.
func (s *site) secondNode() *site {
	s.t.Helper()
	two := &site{t: s.t, l: s.l, id: s.id, clock: s.clock, store: s.store, keys: s.keys}
	var err error
	two.log, err = journal.New(s.t.Context(), journal.Config{Store: s.store, Wrapper: newWrapper(s.t), ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	two.follower, err = replication.New(replication.Config{Log: two.log, Store: s.store, Keys: s.keys, Sources: sources{s.l, s.id}, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
	two.feed, err = replication.NewFeed(s.t.Context(), replication.FeedConfig{Log: two.log, Store: s.store, Keys: s.keys, ClusterID: s.id, Clock: s.clock})
	must(s.t, err)
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
