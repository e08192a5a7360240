package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

func count(t *testing.T, s store.Store, prefix string) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		n = 0
		return r.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func get(t *testing.T, s store.Store, key string) (string, error) {
	t.Helper()
	var value []byte
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		value, err = r.Get([]byte(key))
		return err
	})
	return string(value), err
}

func putting(key, value string) func(store.Writer) error {
	return func(w store.Writer) error { return w.Put([]byte(key), []byte(value), 0) }
}

// TestNodesMeet lets two nodes decide by what they read: by a key, by a range that is empty (a phantom), and by a range of which
// the other deletes. Each time one of them has to see the other (FLT-24).
func TestNodesMeet(t *testing.T) {
	c := cluster(t)
	nodes := [2]*etcd.Store{open(t, c, etcd.Config{}), open(t, c, etcd.Config{})}
	both := func(t *testing.T, fn func(node int, w store.Writer) error) {
		t.Helper()
		var all sync.WaitGroup
		for i, s := range nodes {
			all.Go(func() {
				if err := s.Update(t.Context(), func(w store.Writer) error { return fn(i, w) }); err != nil {
					t.Errorf("node %d: %v", i, err)
				}
			})
		}
		all.Wait()
	}
	t.Run("increments", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for range 15 {
					err := nodes[i%2].Update(t.Context(), func(w store.Writer) error {
						old, err := w.Get([]byte("n"))
						if err != nil && !errors.Is(err, store.ErrNotFound) {
							return err
						}
						return w.Put([]byte("n"), append(old, '.'), 0)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got, err := get(t, nodes[0], "n"); len(got) != 16*15 {
			t.Errorf("counted %d (%v); want %d", len(got), err, 16*15)
		}
	})
	t.Run("phantoms", func(t *testing.T) {
		for round := range 20 {
			prefix := fmt.Sprint("p", round, "/")
			both(t, func(node int, w store.Writer) error {
				taken := false
				err := w.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error { taken = true; return nil })
				if err != nil || taken {
					return err
				}
				return w.Put(fmt.Appendf(nil, "%s%d", prefix, node), []byte("1"), 0)
			})
			if n := count(t, nodes[round%2], prefix); n != 1 {
				t.Fatalf("round %d: %d nodes found the range empty; want 1", round, n)
			}
		}
	})
	t.Run("deletions", func(t *testing.T) { // each may delete one of two, as long as the other one stays
		for round := range 20 {
			prefix := fmt.Sprint("d", round, "/")
			both(t, func(node int, w store.Writer) error { return w.Put(fmt.Appendf(nil, "%s%d", prefix, node), nil, 0) })
			both(t, func(node int, w store.Writer) error {
				n := 0
				if err := w.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error { n++; return nil }); err != nil || n < 2 {
					return err
				}
				return w.Delete(fmt.Appendf(nil, "%s%d", prefix, node))
			})
			if n := count(t, nodes[round%2], prefix); n != 1 {
				t.Fatalf("round %d: %d are left; want 1", round, n)
			}
		}
	})
	t.Run("an update that writes nothing sees the other's", func(t *testing.T) {
		for round := range 20 {
			want := fmt.Sprint(round)
			if err := nodes[round%2].Update(t.Context(), putting("seen", want)); err != nil {
				t.Fatal(err)
			}
			var got []byte
			err := nodes[1-round%2].Update(t.Context(), func(w store.Writer) (err error) { got, err = w.Get([]byte("seen")); return err })
			if err != nil || string(got) != want {
				t.Fatalf("round %d: %q, %v; want %q", round, got, err, want)
			}
		}
	})
}

// TestNobodyStarves: a node whose function takes so long that others always commit first gets its turn all the same, and so do several at once
// (FLT-24).
func TestNobodyStarves(t *testing.T) {
	c := cluster(t)
	busy := open(t, c, etcd.Config{})
	var commits atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if err := busy.Update(t.Context(), putting(fmt.Sprint("busy", i), "1")); err != nil {
					t.Error(err)
					return
				}
				commits.Add(1)
			}
		})
	}
	var slow sync.WaitGroup
	for i := range 2 {
		s := open(t, c, etcd.Config{})
		slow.Go(func() {
			for round := range 3 {
				err := s.Update(t.Context(), func(w store.Writer) error {
					waitForMore(&commits)
					return w.Put(fmt.Appendf(nil, "slow%d-%d", i, round), nil, 0)
				})
				if err != nil {
					t.Errorf("a slow node: %v", err)
				}
			}
		})
	}
	slow.Wait()
	stop()
	writers.Wait()
	if n := count(t, busy, "slow"); n != 6 {
		t.Errorf("%d of 6 changes of slow nodes were made", n)
	}
}

// waitForMore waits until somebody else has committed, or nobody does.
func waitForMore(commits *atomic.Int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	for from := commits.Load(); commits.Load() < from+8 && waitFor(ctx, time.Millisecond); {
	}
}

// TestOwner: the prefix of one data center is refused to another.
func TestOwner(t *testing.T) {
	c := cluster(t)
	open(t, c, etcd.Config{Owner: "NYDC"})
	_, err := etcd.Open(t.Context(), withDefaults(c, etcd.Config{Owner: "LDC"}))
	if fault.CodeOf(err) != "prefix_in_use" {
		t.Errorf("open = %v; want prefix_in_use", err)
	}
}

// TestBackwards reads a long chain from its end, and from within, in pages.
func TestBackwards(t *testing.T) {
	c := cluster(t)
	s := open(t, c, etcd.Config{})
	const n = 3000
	key := func(i int) []byte { return fmt.Appendf(nil, "l/e/%016d", i*i) }
	err := s.Update(t.Context(), func(w store.Writer) error {
		for i := range n {
			if err := w.Put(key(i), make([]byte, 100), 0); err != nil {
				return err
			}
		}
		return errors.Join(w.Put([]byte("l/d"), nil, 0), w.Put([]byte("l/f"), nil, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{n, n / 2, 1} {
		want := from
		err := s.View(t.Context(), func(r store.Reader) error {
			return r.Range(store.Span{Prefix: []byte("l/e/"), After: key(from), Reverse: true}, func(k, _ []byte) error {
				if want--; string(k) != string(key(want)) {
					return fmt.Errorf("key %s; want %s", k, key(want))
				}
				return nil
			})
		})
		if err != nil || want != 0 {
			t.Errorf("from %d: %d are left, %v", from, want, err)
		}
	}
}

// TestLongValues: a range over values that do not fit one answer together is read in smaller pages.
func TestLongValues(t *testing.T) {
	c := cluster(t)
	s := open(t, c, etcd.Config{})
	const n = 24
	for i := range n {
		if err := s.Update(t.Context(), func(w store.Writer) error { return w.Put(fmt.Appendf(nil, "k%02d", i), make([]byte, 1<<20), 0) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s, "k"); got != n {
		t.Errorf("%d of %d", got, n)
	}
}

// TestCompacted: a view whose revision etcd compacts away says so; the next one, and updates, go on. A watch from before gets
// ErrCompacted.
func TestCompacted(t *testing.T) {
	c := cluster(t)
	s := open(t, c, etcd.Config{})
	for i := range 3 {
		if err := s.Update(t.Context(), putting("a", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	compact := func() int64 {
		put, err := raw.Put(t.Context(), "elsewhere", "1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Compact(t.Context(), put.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
		return put.Header.Revision
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		compact()
		_, err := r.Get([]byte("unread"))
		return err
	})
	if fault.CodeOf(err) != etcd.CodeUnavailable {
		t.Errorf("view = %v; want %s", err, etcd.CodeUnavailable)
	}
	compact()
	err = s.Update(t.Context(), func(w store.Writer) error { // on the snapshot of the last commit, which is gone
		if _, err := w.Get([]byte("never read")); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return w.Put([]byte("b"), []byte("1"), 0)
	})
	if err != nil {
		t.Errorf("update after a compaction: %v", err)
	}
	err = s.Watch(t.Context(), nil, 1, func([]store.Event) error { return errors.New("an event") })
	if !errors.Is(err, store.ErrCompacted) {
		t.Errorf("watch = %v; want ErrCompacted", err)
	}
	t.Run("foreign keys", func(t *testing.T) { foreignKeys(t, s, raw) })
	t.Run("a refused watch", func(t *testing.T) { refusedWatch(t, c, raw) }) // last: it turns authentication on
}

// foreignKeys: who may write to etcd, and has no key of a node, can neither stop a watch by a record that says more than it holds, nor
// changes by a turn that does not end.
func foreignKeys(t *testing.T, s *etcd.Store, raw *clientv3.Client) {
	from, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x05\x01a\x00", "\x03"} {
		if _, err := raw.Put(t.Context(), "test/one/state/t", damaged); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := raw.Put(t.Context(), "test/one/turn/state", ""); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"1", "2"} {
		if err := s.Update(t.Context(), putting("behind", value)); err != nil {
			t.Errorf("a change while a turn does not end: %v", err)
		}
	}
	heard := errors.New("heard")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = s.Watch(ctx, nil, from, func(events []store.Event) error {
		for _, e := range events {
			if string(e.Value) == "2" {
				return heard
			}
		}
		return nil
	})
	if !errors.Is(err, heard) {
		t.Errorf("watch = %v", err)
	}
	if _, err := raw.Delete(t.Context(), "test/one/turn/state"); err != nil {
		t.Fatal(err)
	}
}

// refusedWatch: where etcd's permissions let a node read and write and not watch, its health says so, and it hears of others as soon as it may.
func refusedWatch(t *testing.T, c *testkit.Etcd, raw *clientv3.Client) {
	const prefix = "test/guarded"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	grant := func(key string, all bool) {
		t.Helper()
		end := ""
		if all {
			end = clientv3.GetPrefixRangeEnd(key)
		}
		_, err := raw.RoleGrantPermission(ctx, "concord", key, end, clientv3.PermissionType(clientv3.PermReadWrite))
		must(err)
	}
	for _, user := range []string{"root", "concord"} {
		_, err := raw.RoleAdd(ctx, user)
		must(err)
		_, err = raw.UserAdd(ctx, user, "secret")
		must(err)
		_, err = raw.UserGrantRole(ctx, user, user)
		must(err)
	}
	for _, key := range []string{"/owner", "/state/g", "/state/t", "/turn/state"} {
		grant(prefix+key, false)
	}
	grant(prefix+"/state/d/", true)
	_, err := raw.AuthEnable(ctx)
	must(err)
	root, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), DialTimeout: 5 * time.Second, Username: "root", Password: "secret"})
	must(err)
	raw = root
	defer root.Close()
	s := open(t, c, etcd.Config{Prefix: prefix, Username: "concord", Password: "secret"})
	watching, stop := context.WithCancel(ctx)
	seen, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- s.Watch(watching, nil, 0, func([]store.Event) error {
			select {
			case seen <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	soon, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	testkit.Eventually(soon, t, "the refusal in the store's health", func() bool {
		must(s.Update(ctx, putting("a", "1"))) // all else works
		return fault.CodeOf(s.Health()) == etcd.CodeRefused
	})
	grant(prefix+"/", true)
	testkit.Eventually(soon, t, "the watch", func() bool { return s.Health() == nil })
	must(s.Update(ctx, putting("a", "2")))
	<-seen
	stop()
	must(<-ended)
}
