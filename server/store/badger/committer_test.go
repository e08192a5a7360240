package badger_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

var errRefused = errors.New("refused by the function")

// gate keeps the committer inside an update function until opened, so that what is queued meanwhile joins its group.
type gate struct {
	entered, opened chan struct{}
	done            chan error
}

func hold(t *testing.T, s *badger.Store, fn func(store.Writer) error) gate {
	g := gate{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	go func() {
		g.done <- s.Update(t.Context(), func(w store.Writer) error {
			close(g.entered)
			<-g.opened
			return fn(w)
		})
	}()
	<-g.entered
	return g
}

// TestGroupIsolation: in one group, a function sees those before it and not those that failed, and each gets its own answer.
func TestGroupIsolation(t *testing.T) {
	s := open(t, badger.Config{})
	put(t, s, "a", "0")
	g := hold(t, s, putting("a", "1"))
	queued := []struct {
		fn   func(store.Writer) error
		want error
	}{
		{func(w store.Writer) error {
			return errors.Join(expect(w, "a", "1"), putting("a", "2")(w), putting("b", "2")(w), errRefused)
		}, errRefused},
		{func(w store.Writer) error { return errors.Join(expect(w, "a", "1"), putting("a", "3")(w)) }, nil},
		{func(w store.Writer) error { _ = w.Delete([]byte("a")); panic("broken function") }, nil},
		{func(w store.Writer) error { return errors.Join(expect(w, "a", "3"), putting("c", "3")(w)) }, nil},
	}
	answers := make([]chan error, len(queued))
	for i, q := range queued {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- s.Update(t.Context(), q.fn) }()
		badger.AwaitQueued(s, i+1)
	}
	close(g.opened)
	if err := <-g.done; err != nil {
		t.Error(err)
	}
	for i, q := range queued {
		err := <-answers[i]
		if panics := i == 2; !panics && (!errors.Is(err, q.want) || q.want == nil && err != nil) || panics && err == nil {
			t.Errorf("function %d: %v; want %v", i, err, q.want)
		}
	}
	if got, _ := get(t, s, "a"); got != "3" {
		t.Errorf("a = %q; want 3", got)
	}
	if _, err := get(t, s, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("b = %v; want ErrNotFound", err)
	}
}

func expect(w store.Writer, key, want string) error {
	if got, err := w.Get([]byte(key)); err != nil || string(got) != want {
		return errors.Join(errors.New("read "+key+" = "+string(got)+"; want "+want), err)
	}
	return nil
}

// TestGoneCaller: a function whose caller left before its turn is not run; one that runs is waited for.
func TestGoneCaller(t *testing.T) {
	s := open(t, badger.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	g := hold(t, s, putting("first", "1"))
	gone := make(chan error, 1)
	go func() { gone <- s.Update(ctx, putting("second", "1")) }()
	badger.AwaitQueued(s, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("queued update = %v; want context.Canceled", err)
	}
	close(g.opened)
	if err := <-g.done; err != nil {
		t.Error(err)
	}
	if _, err := get(t, s, "second"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("skipped function wrote: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	err := s.Update(ctx, func(w store.Writer) error { cancel(); return putting("third", "1")(w) })
	if got, _ := get(t, s, "third"); err != nil || got != "1" {
		t.Errorf("running update = %v, value %q; want its own answer", err, got)
	}
}

// TestWriterOutlivesFunction: what a function keeps of its writer is dead.
func TestWriterOutlivesFunction(t *testing.T) {
	s := open(t, badger.Config{})
	var kept store.Writer
	if err := s.Update(t.Context(), func(w store.Writer) error { kept = w; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := kept.Get([]byte("a"))
	if kept.Put([]byte("a"), nil, 0) == nil || kept.Delete([]byte("a")) == nil || err == nil || errors.Is(err, store.ErrNotFound) {
		t.Error("a writer works after its function returned")
	}
}

// TestStopsForGood proves FLT-05: after one failed sync nothing is acknowledged any more, although the disk works again,
// reads go on, and the unacknowledged writes are not seen.
func TestStopsForGood(t *testing.T) {
	dir := t.TempDir()
	s := open(t, badger.Config{Dir: dir, Mirror: mirrorAt(t, "head")})
	put(t, s, "a", "1")
	badger.BreakMirror(s)
	if err := s.Update(t.Context(), putting("head", "1")); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("update with a failing sync = %v; want storage_failed", err)
	}
	err := s.Update(t.Context(), putting("a", "2"))
	if fault.CodeOf(err) != "storage_failed" || !fault.Is(err, fault.Unavailable) || fault.CodeOf(s.Health()) != "storage_failed" {
		t.Errorf("update after it = %v, health %v; want storage_failed", err, s.Health())
	}
	if got, err := get(t, s, "a"); got != "1" || err != nil {
		t.Errorf("a = %q, %v; want 1", got, err)
	}
}

// TestSeenIsDurable: what a view or a watch sees may wait for the mirror still, but is in the database: it is there after a
// start anew, even when its writer was never answered.
func TestSeenIsDurable(t *testing.T) {
	cfg := badger.Config{Dir: t.TempDir(), Mirror: mirrorAt(t, "head")}
	s := open(t, cfg)
	seen := make(chan string, 1)
	watching, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	from := revision(t, s)
	watch.Go(func() {
		_ = s.Watch(watching, []byte("head"), from, func(events []store.Event) error {
			seen <- string(events[0].Value)
			return store.ErrStop
		})
	})
	badger.BreakMirror(s)
	if err := s.Update(t.Context(), putting("head", "1")); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("update with a failing mirror = %v; want storage_failed", err)
	}
	if got := <-seen; got != "1" {
		t.Errorf("watched = %q; want 1", got)
	}
	stop()
	watch.Wait()
	before, err := get(t, s, "head")
	if before != "1" || err != nil {
		t.Errorf("head = %q, %v; want 1", before, err)
	}
	_ = s.Close() // its mirror is broken
	if after, err := get(t, open(t, cfg), "head"); after != before || err != nil {
		t.Errorf("head after a start anew = %q, %v; want what was seen, %q", after, err, before)
	}
}

// TestGoexit: a function that ends its goroutine leaves nobody waiting.
func TestGoexit(t *testing.T) {
	s := open(t, badger.Config{})
	g := hold(t, s, func(store.Writer) error { runtime.Goexit(); return nil })
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := s.Update(t.Context(), putting("a", "1")); err == nil {
				t.Error("an update after the committer's end was acknowledged")
			}
		})
	}
	badger.AwaitQueued(s, 3)
	close(g.opened)
	if err := <-g.done; fault.CodeOf(err) != "storage_failed" {
		t.Errorf("update = %v; want storage_failed", err)
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("close = %v", err)
	}
}

// TestSlowWatch: a watch that falls behind what is kept, or starts there, is told so.
func TestSlowWatch(t *testing.T) {
	s := open(t, badger.Config{})
	from := revision(t, s)
	put(t, s, "a", "1")
	entered, opened, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Watch(t.Context(), nil, from, func([]store.Event) error {
			close(entered) // a second call would panic
			<-opened
			return nil
		})
	}()
	<-entered
	writeMany(t, s, badger.KeptTransactions+1)
	close(opened)
	if err := <-done; !errors.Is(err, store.ErrCompacted) {
		t.Errorf("slow watch = %v; want ErrCompacted", err)
	}
	for _, c := range []struct {
		name string
		from store.Revision
		want error
	}{
		{"before what is kept", revision(t, s) - badger.KeptTransactions - 1, store.ErrCompacted},
		{"at its edge", revision(t, s) - badger.KeptTransactions, errRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := s.Watch(t.Context(), nil, c.from, func(e []store.Event) error {
				if e[0].Revision != c.from+1 {
					t.Errorf("first event has revision %d; want %d", e[0].Revision, c.from+1)
				}
				return errRefused
			})
			if !errors.Is(err, c.want) {
				t.Errorf("watch = %v; want %v", err, c.want)
			}
		})
	}
}

// writeMany commits n transactions from many callers.
func writeMany(t *testing.T, s *badger.Store, n int) {
	var all sync.WaitGroup
	const callers = 256
	for c := range callers {
		all.Go(func() {
			for i := c; i < n; i += callers {
				if err := s.Update(t.Context(), putting("a", "1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestTooLittleRoomInAGroup: a function that fits by itself, but not beside the others of its group, has its turn again in
// the next one; one that fits nowhere is refused, and both leave the others alone.
func TestTooLittleRoomInAGroup(t *testing.T) {
	s := open(t, badger.Config{MemTableBytes: 8 << 20})
	turns := 0
	fill := func(name string, bytes int) func(store.Writer) error {
		return func(w store.Writer) error {
			turns++
			for i := 0; bytes > i*1000; i++ {
				if err := w.Put(fmt.Appendf(nil, "%s/%d", name, i), make([]byte, 980), 0); err != nil {
					return err
				}
			}
			return nil
		}
	}
	most := s.Limits().Bytes
	g := hold(t, s, fill("first", most/4))
	answers := map[string]chan error{"large": make(chan error, 1), "too large": make(chan error, 1), "small": make(chan error, 1)}
	for i, q := range []struct {
		name  string
		bytes int
	}{{"large", most * 9 / 10}, {"too large", most * 2}, {"small", 1000}} {
		go func() { answers[q.name] <- s.Update(t.Context(), fill(q.name, q.bytes)) }()
		badger.AwaitQueued(s, i+1)
	}
	close(g.opened)
	for name, want := range map[string]error{"large": nil, "too large": store.ErrTooLarge, "small": nil} {
		if err := <-answers[name]; !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := <-g.done; err != nil || turns != 5 {
		t.Errorf("%v after %d turns", err, turns)
	}
	for _, key := range []string{"first/0", "large/0", "small/0"} {
		if got, err := get(t, s, key); len(got) != 980 {
			t.Errorf("%s has %d bytes, %v", key, len(got), err)
		}
	}
}

func revision(t *testing.T, s *badger.Store) store.Revision {
	t.Helper()
	rev, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}
