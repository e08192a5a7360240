package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), MinFree: -1, MemTableBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func lease(t *testing.T, s store.Store, holder string, c clock.Clock, ttl time.Duration) *cluster.Lease {
	t.Helper()
	return leaseOf(t, s, cluster.Work, holder, c, ttl)
}

func leaseOf(t *testing.T, s store.Store, job, holder string, c clock.Clock, ttl time.Duration) *cluster.Lease {
	t.Helper()
	l, err := cluster.NewLease(cluster.LeaseConfig{Store: s, Clock: c, Job: job, Holder: holder, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func try(t *testing.T, l *cluster.Lease) bool {
	t.Helper()
	held, _, err := l.Try(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// FLT-19: a holder that is silent is replaced after its time, not before.
func TestLeaseChangesHands(t *testing.T) {
	s := open(t)
	now := clock.NewManual(time.Unix(1_800_000_000, 0))
	a, b := lease(t, s, "a", now, time.Second), lease(t, s, "b", now, time.Second)
	if !try(t, a) || try(t, b) {
		t.Fatal("the first one to ask holds it, and nobody else")
	}
	now.Advance(999 * time.Millisecond)
	if try(t, b) {
		t.Fatal("taken over before the holder was silent for a whole TTL")
	}
	if a.Held() {
		t.Fatal("the holder must stop before another one may start")
	}
	now.Advance(time.Millisecond)
	if !try(t, b) || !b.Held() {
		t.Fatal("not taken over from a silent holder")
	}
	if try(t, a) {
		t.Fatal("the former holder got it back although another one works")
	}
	if err := b.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !try(t, a) {
		t.Fatal("what was given back is not free")
	}
}

// FLT-19: a holder that renews keeps it as long as it does.
func TestLeaseIsKept(t *testing.T) {
	s := open(t)
	now := clock.NewManual(time.Unix(1_800_000_000, 0))
	a, b := lease(t, s, "a", now, time.Second), lease(t, s, "b", now, time.Second)
	for range 20 {
		if !try(t, a) || try(t, b) {
			t.Fatal("a renewed lease changed hands")
		}
		now.Advance(600 * time.Millisecond)
	}
}

// FLT-19: whatever the nodes do and however long they sleep, two never rely on the lease at once.
func TestOneHolderAtATime(t *testing.T) {
	s, history := open(t), 0
	rapid.Check(t, func(r *rapid.T) {
		history++ // each has a job of its own: opening a store takes longer than all of it
		now, job := clock.NewManual(time.Unix(1_800_000_000, 0)), strconv.Itoa(history)
		var leases []*cluster.Lease
		for _, holder := range []string{"a", "b", "c"} {
			leases = append(leases, leaseOf(t, s, job, holder, now, time.Second))
		}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			l := leases[rapid.IntRange(0, 2).Draw(r, "node")]
			switch rapid.IntRange(0, 5).Draw(r, "act") {
			case 0:
				if err := l.Release(context.Background()); err != nil {
					r.Fatal(err)
				}
			case 1, 2:
				now.Advance(time.Duration(rapid.IntRange(1, 1500).Draw(r, "ms")) * time.Millisecond)
			default:
				if _, _, err := l.Try(context.Background()); err != nil {
					r.Fatal(err)
				}
			}
			holders := 0
			for _, l := range leases {
				if l.Held() {
					holders++
				}
			}
			if holders > 1 {
				r.Fatalf("%d rely on the lease", holders)
			}
		}
	})
}

// FLT-19: the work moves to another node when the one that does it stops, and is never done twice at once.
func TestWorkMoves(t *testing.T) {
	s := open(t)
	var working atomic.Int32
	began := make(chan string, 10)
	run := func(name string) (stop func() error) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		l := lease(t, s, name, clock.System{}, 200*time.Millisecond)
		go func() {
			done <- l.Run(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
				if working.Add(1) > 1 {
					t.Error("two nodes work at once")
				}
				began <- name
				<-ctx.Done()
				working.Add(-1)
				return ctx.Err()
			})
		}()
		return func() error { cancel(); return <-done }
	}
	stops := map[string]func() error{"a": run("a"), "b": run("b")}
	first := <-began
	if err := stops[first](); err != nil {
		t.Fatal(err)
	}
	second := <-began
	if second == first {
		t.Fatalf("%s works again after it stopped", first)
	}
	if err := stops[second](); err != nil {
		t.Fatal(err)
	}
}

// A part that fails ends the node, as it does where there is one node only.
func TestWorkThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	err := lease(t, open(t), "a", clock.System{}, 0).Run(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) error { return broken })
	if !errors.Is(err, broken) {
		t.Fatalf("Run gave %v, want the work's error", err)
	}
}

func members(t *testing.T, s store.Store, c clock.Clock, clusterID string, self cluster.Node, condition func() []string) *cluster.Members {
	t.Helper()
	m, err := cluster.New(cluster.Config{Store: s, Clock: c, Logger: slog.New(slog.DiscardHandler), ClusterID: clusterID, Self: self, Gap: gap, Condition: condition})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// CAMS-01: names are unique among the nodes that are alive, whatever their case; the cluster id is the store's, and versions differ by one step
// at most. A node that starts again, and one that takes the place of another that left, join.
func TestJoin(t *testing.T) {
	now := clock.NewManual(time.Unix(1_800_000_000, 0))
	first := cluster.Node{Name: "ny1", ID: "disk-1", Version: "1.4.0"}
	for name, c := range map[string]struct {
		clusterID string
		node      cluster.Node
		code      string
	}{
		"another node":          {"NYDC", cluster.Node{Name: "ny2", ID: "disk-2", Version: "1.4.0"}, ""},
		"the same node again":   {"NYDC", cluster.Node{Name: "NY1", ID: "disk-1", Version: "1.4.0"}, ""},
		"the next version":      {"nydc", cluster.Node{Name: "ny2", ID: "disk-2", Version: "1.5.0"}, ""},
		"a name that is taken":  {"NYDC", cluster.Node{Name: "NY1", ID: "disk-2", Version: "1.4.0"}, "node_name_taken"},
		"two versions ahead":    {"NYDC", cluster.Node{Name: "ny2", ID: "disk-2", Version: "1.6.0"}, "version_gap"},
		"two versions behind":   {"NYDC", cluster.Node{Name: "ny2", ID: "disk-2", Version: "1.2.0"}, "version_gap"},
		"another's data center": {"LDC", cluster.Node{Name: "ny2", ID: "disk-2", Version: "1.4.0"}, "wrong_cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			m := members(t, s, now, "NYDC", first, nil)
			if err := m.Join(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := members(t, s, now, c.clusterID, c.node, nil).Join(t.Context()); fault.CodeOf(err) != c.code {
				t.Fatalf("join gave %v, want code %q", err, c.code)
			}
			if err := m.Leave(t.Context()); err != nil && c.code != "" {
				t.Fatal(err)
			}
			if c.code == "wrong_cluster" {
				return
			}
			if err := members(t, s, now, c.clusterID, c.node, nil).Join(t.Context()); err != nil {
				t.Fatalf("join after the other one left: %v", err)
			}
		})
	}
}

// CAMS-01: what nodes say of themselves is there for all, and a node that is cut off from the store says so.
func TestListAndHealth(t *testing.T) {
	s := &cut{Store: open(t)}
	now := clock.NewManual(time.Now())
	var sound atomic.Bool
	m := members(t, s, now, "NYDC", cluster.Node{Name: "ny1", ID: "disk-1", Version: "1.4.0"}, func() []string {
		if sound.Load() {
			return nil
		}
		return []string{"the trust cannot be read"}
	})
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.At("https://ny1:7400", "https://ny1:7401", "https://ny1:7402")
	works := lease(t, s, cluster.HolderOf(m.Self()), now, 0)
	if !try(t, works) {
		t.Fatal("a free lease was not given")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	seen := make(chan []store.Event, 100)
	watched := make(chan error, 1)
	go func() {
		watched <- s.Watch(ctx, []byte("y/n/"), 0, func(e []store.Event) error { seen <- e; return nil })
	}()
	go func() { done <- m.Run(ctx) }()
	<-seen
	nodes, err := m.List(t.Context())
	if err != nil || len(nodes) != 1 {
		t.Fatalf("list: %+v, %v", nodes, err)
	}
	if n := nodes[0]; n.State != cluster.NotReady || len(n.Reasons) != 1 || n.Runtime != "https://ny1:7401" || !n.Works || n.Version != "1.4.0" {
		t.Fatalf("the node is listed as %+v", n)
	}
	sound.Store(true)
	if nodes, err := m.List(t.Context()); err != nil || nodes[0].State != cluster.Ready || len(nodes[0].Reasons) > 0 {
		t.Fatalf("the node that is asked lists itself as it was: %+v, %v", nodes, err)
	}
	if err := m.Health(); err != nil {
		t.Fatal(err)
	}
	s.down.Store(true)
	now.Advance(6 * time.Second)
	if err := m.Health(); err == nil {
		t.Fatal("a node that is cut off from the store calls itself well")
	}
	cancel()
	if err := errors.Join(<-done, <-watched); err != nil {
		t.Fatal(err)
	}
}

// cut is a store that can be taken away.
type cut struct {
	store.Store
	down atomic.Bool
}

func (c *cut) Update(ctx context.Context, fn func(store.Writer) error) error {
	if c.down.Load() {
		return errors.New("no quorum")
	}
	return c.Store.Update(ctx, fn)
}

// CAMS-01: a node that writes its signs of life, and hears of nothing, does not keep up: it would decide by what is no longer so.
func TestDeafNodeSaysSo(t *testing.T) {
	s := &deaf{Store: open(t)}
	now := clock.NewManual(time.Now())
	m, err := cluster.New(cluster.Config{Store: s, Clock: now, Logger: slog.New(slog.DiscardHandler), ClusterID: "NYDC",
		Self: cluster.Node{Name: "ny1", ID: "disk-1", Version: "1.4.0"}, Gap: gap, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	beats, done, watched := make(chan bool), make(chan error, 1), make(chan error, 1)
	go func() {
		watched <- s.Store.Watch(ctx, []byte("y/n/"), 0, func([]store.Event) error {
			select {
			case beats <- true:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	go func() { done <- m.Run(ctx) }()
	well := func(want bool) {
		t.Helper()
		for range 500 {
			<-beats // our own signs of life, which are written all the time
			if (m.Health() == nil) == want {
				return
			}
			if !want {
				now.Advance(time.Millisecond)
			}
		}
		t.Fatalf("health is %v", m.Health())
	}
	well(true)
	s.on.Store(true)
	well(false)
	s.on.Store(false)
	well(true)
	cancel()
	if err := errors.Join(<-done, <-watched); err != nil {
		t.Fatal(err)
	}
}

// deaf is a store whose watch can go silent without an end.
type deaf struct {
	store.Store
	on atomic.Bool
}

func (d *deaf) Watch(ctx context.Context, prefix []byte, after store.Revision, fn func([]store.Event) error) error {
	return d.Store.Watch(ctx, prefix, after, func(e []store.Event) error {
		if d.on.Load() {
			return nil
		}
		return fn(e)
	})
}

// gap compares minor versions of major version 1.
func gap(a, b string) (int, bool) {
	var x, y int
	_, err := fmt.Sscanf(a+" "+b, "1.%d.0 1.%d.0", &x, &y)
	return y - x, err == nil
}
