package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// writers lets callers write numbered keys until stop, and gives how many each was told to be durable.
type writers struct {
	acknowledged [8]atomic.Int64
	all          sync.WaitGroup
	stop         chan struct{}
}

func write(t *testing.T, s store.Store) *writers {
	w := &writers{stop: make(chan struct{})}
	for c := range w.acknowledged {
		w.all.Go(func() {
			for i := 0; ; {
				select {
				case <-w.stop:
					return
				default:
				}
				err := s.Update(t.Context(), putting(fmt.Sprintf("w/%d/%06d", c, i), fmt.Sprint(i)))
				switch {
				case err == nil:
					i++
					w.acknowledged[c].Store(int64(i))
				case fault.Is(err, fault.Unavailable): // again, under the same key: whether it was made is not known
				default:
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	return w
}

func (w *writers) total() (n int64) {
	for i := range w.acknowledged {
		n += w.acknowledged[i].Load()
	}
	return n
}

// awaitMore returns once n more writes are acknowledged.
func (w *writers) awaitMore(t *testing.T, n int64) {
	t.Helper()
	from := w.total()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for w.total() < from+n {
		if !waitFor(ctx, 5*time.Millisecond) {
			t.Fatalf("only %d of %d more writes", w.total()-from, n)
		}
	}
}

func waitFor(ctx context.Context, d time.Duration) bool {
	tick := time.NewTimer(d)
	defer tick.Stop()
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// TestMemberKilled kills and pauses members one after another under writers and a watch: no acknowledged write is lost, and
// the watch misses none and sees none twice (FLT-01, FLT-24, FLT-31).
func TestMemberKilled(t *testing.T) {
	c := cluster(t)
	s := open(t, c, etcd.Config{RequestTimeout: 6 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := map[string]int{}
	from := anchor(t, s)
	watched := make(chan error, 1)
	go func() {
		watched <- s.Watch(ctx, []byte("w/"), from, func(events []store.Event) error {
			for _, e := range events {
				if seen[string(e.Key)]++; string(e.Key) == "w/end" {
					return errEnd
				}
			}
			return nil
		})
	}()
	w := write(t, s)
	w.awaitMore(t, 50)
	for _, m := range c.Members {
		m.Kill()
		w.awaitMore(t, 50)
		m.Start()
		m.AwaitHealthy()
	}
	c.Members[0].Pause()
	w.awaitMore(t, 50)
	c.Members[0].Resume()
	w.awaitMore(t, 50)
	close(w.stop)
	w.all.Wait()
	for i := range w.acknowledged {
		if got, want := count(t, s, fmt.Sprintf("w/%d/", i)), int(w.acknowledged[i].Load()); got < want {
			t.Errorf("writer %d has %d keys; %d were acknowledged", i, got, want)
		}
	}
	last := count(t, s, "w/")
	if err := s.Update(t.Context(), putting("w/end", "1")); err != nil {
		t.Fatal(err)
	}
	if err := <-watched; !errors.Is(err, errEnd) {
		t.Errorf("watch = %v", err)
	}
	if len(seen) != last+1 {
		t.Errorf("the watch saw %d keys; want %d", len(seen), last+1)
	}
}

var errEnd = errors.New("the end")

// anchor gives a revision from which a watch can begin.
func anchor(t *testing.T, s *etcd.Store) store.Revision {
	t.Helper()
	rev, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// TestQuorumLost: with one member of three neither a write nor a read is answered, within the time limit and with what is the
// matter; when a second one is back both are, without a restart (FLT-04, FLT-31).
func TestQuorumLost(t *testing.T) {
	c := cluster(t)
	const limit = 2 * time.Second
	s := open(t, c, etcd.Config{RequestTimeout: limit})
	if err := s.Update(t.Context(), putting("a", "1")); err != nil {
		t.Fatal(err)
	}
	c.Members[0].Kill()
	c.Members[1].Kill()
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, call := range map[string]func() error{
		"view":   func() error { return s.View(bounded, func(store.Reader) error { return nil }) },
		"update": func() error { return s.Update(bounded, putting("b", "1")) },
		"an update that only reads what is remembered": func() error {
			return s.Update(bounded, func(w store.Writer) error { _, err := w.Get([]byte("a")); return err })
		},
	} {
		if err := call(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s = %v; want a fault of kind Unavailable", name, err)
		}
	}
	if s.Health() == nil {
		t.Error("the store says that it is well")
	}
	c.Members[1].Start()
	c.Members[1].AwaitHealthy()
	for s.Update(bounded, putting("c", "1")) != nil {
		if bounded.Err() != nil {
			t.Fatal("no update although there is a quorum again")
		}
	}
	if got, err := get(t, s, "a"); got != "1" || err != nil {
		t.Errorf("a = %q, %v", got, err)
	}
	if err := s.Health(); err != nil {
		t.Errorf("health = %v", err)
	}
}

// TestHeadRecord: the file of the node tells a cluster that lost acknowledged commits, or is another one, from a sound one
// (FLT-07).
func TestHeadRecord(t *testing.T) {
	c, other := cluster(t), cluster(t)
	m := &etcd.MirrorConfig{Path: filepath.Join(t.TempDir(), "head"), Key: []byte("head")}
	s := open(t, c, etcd.Config{Mirror: m})
	for i := range 3 {
		if err := s.Update(t.Context(), putting("head", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(t.Context(), putting("else", "1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, c, etcd.Config{Mirror: m})
	if v, found := s.Mirrored(); string(v) != "2" || !found || s.LostCommits() != 0 {
		t.Errorf("mirrored = %q, %v; lost = %d; want 2 and none", v, found, s.LostCommits())
	}
	_ = s.Close()
	s = open(t, other, etcd.Config{Mirror: m})
	if s.LostCommits() != 4 {
		t.Errorf("lost = %d; want 4", s.LostCommits())
	}
}

// TestNobodyThere: a cluster that cannot be reached is an error in bounded time, with what to do.
func TestNobodyThere(t *testing.T) {
	_, err := etcd.Open(t.Context(), withDefaults(nil, etcd.Config{Endpoints: []string{"http://127.0.0.1:1"}, RequestTimeout: time.Second}))
	if fault.CodeOf(err) != etcd.CodeUnavailable {
		t.Errorf("open = %v; want %s", err, etcd.CodeUnavailable)
	}
}
