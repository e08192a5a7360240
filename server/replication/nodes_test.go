package replication_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
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
	stops := []func(){
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
