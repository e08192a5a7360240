package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

func testWatch(t *testing.T, open Open) {
	t.Run("from a revision, in order", func(t *testing.T) { testWatchOrder(t, fresh(t, open)) })
	t.Run("while it is written", func(t *testing.T) { testWatchLive(t, fresh(t, open)) })
	t.Run("from the present state", func(t *testing.T) { testWatchPresent(t, fresh(t, open)) })
	t.Run("a revision that is not known", func(t *testing.T) { testWatchUnknown(t, fresh(t, open)) })
	t.Run("ends with its context", func(t *testing.T) { testWatchContext(t, fresh(t, open)) })
	t.Run("ends with the store", func(t *testing.T) { testWatchClose(t, fresh(t, open)) })
}

// anchor gives the revision of a transaction that it commits under "anchor/". Contract: a Watch from 0 sees what is
// committed after it began, so anchor writes until the watch has seen something.
func anchor(t *testing.T, s store.Store) store.Revision {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := make(chan store.Revision, 1)
	go func() {
		_ = s.Watch(ctx, []byte("anchor/"), 0, func(e []store.Event) error {
			seen <- e[0].Revision
			return errRefused
		})
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		set(t, s, pair{"anchor/", "1"})
		select {
		case rev := <-seen:
			return rev
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the watch saw nothing")
		}
	}
}

// change is an event without its revision.
type change struct {
	Key, Value string
	Deleted    bool
}

// follow gives n transactions' events under prefix after from, and checks that their revisions ascend.
func follow(t *testing.T, s store.Store, prefix string, from store.Revision, n int) [][]change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got [][]change
	last := from
	err := s.Watch(ctx, []byte(prefix), from, func(events []store.Event) error {
		if events[0].Revision <= last {
			t.Errorf("revision %d after %d", events[0].Revision, last)
		}
		last = events[0].Revision
		var transaction []change
		for _, e := range events {
			if e.Revision != last {
				t.Errorf("one call mixes revisions %d and %d", last, e.Revision)
			}
			transaction = append(transaction, change{string(e.Key), string(e.Value), e.Value == nil})
		}
		if got = append(got, transaction); len(got) == n {
			return errRefused
		}
		return nil
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("watch = %v after %d of %d transactions; want the function's error", err, len(got), n)
	}
	return got
}

func testWatchOrder(t *testing.T, s store.Store) {
	set(t, s, pair{"k/old", "1"})
	from := anchor(t, s)
	set(t, s, pair{"k/a", "1"}, pair{"other", "1"})
	set(t, s, pair{"other", "2"})
	_ = s.Update(t.Context(), func(w store.Writer) error { return errors.Join(putAll(w, pair{"k/never", "1"}), errRefused) })
	err := s.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(putAll(w, pair{"k/b", ""}), w.Delete([]byte("k/a")), putAll(w, pair{"k/c", "1"}, pair{"k/c", "2"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]change{{{Key: "k/a", Value: "1"}}, {{Key: "k/b"}, {Key: "k/a", Deleted: true}, {Key: "k/c", Value: "2"}}}
	if diff := cmp.Diff(want, follow(t, s, "k/", from, 2), byKey); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// byKey leaves the order within one transaction open.
var byKey = cmp.Transformer("byKey", func(in []change) map[string]change {
	out := map[string]change{}
	for _, c := range in {
		out[c.Key] = c
	}
	return out
})

// testWatchLive follows a key that concurrent callers increment: no value is left out, none comes twice.
func testWatchLive(t *testing.T, s store.Store) {
	const callers, each = 8, 25
	from := anchor(t, s)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if err := s.Update(t.Context(), func(w store.Writer) error { return increment(w, false) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i, transaction := range follow(t, s, "counter", from, callers*each) {
		want := fmt.Sprintf("%016x", i+1)
		if got := fmt.Sprintf("%x", transaction[0].Value); got != want || len(transaction) != 1 {
			t.Errorf("event %d = %s of %d; want %s", i, got, len(transaction), want)
		}
	}
	all.Wait()
}

// testWatchPresent reads a revision, then the state, then watches from the revision: what was committed before is in the state,
// what comes after is an event, and nothing is in neither.
func testWatchPresent(t *testing.T, s store.Store) {
	set(t, s, pair{"k/before", "1"})
	from, err := s.Revision(t.Context())
	if err != nil || from == 0 {
		t.Fatalf("revision = %d, %v; want one above 0", from, err)
	}
	set(t, s, pair{"k/after", "1"})
	want := [][]change{{{Key: "k/after", Value: "1"}}}
	if diff := cmp.Diff(want, follow(t, s, "k/", from, 1), byKey); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func testWatchUnknown(t *testing.T, s store.Store) {
	future := anchor(t, s) + 1<<40
	err := s.Watch(t.Context(), nil, future, func([]store.Event) error { return nil })
	if !errors.Is(err, store.ErrCompacted) {
		t.Errorf("watch from the future = %v; want ErrCompacted", err)
	}
}

func testWatchContext(t *testing.T, s store.Store) {
	from := anchor(t, s)
	set(t, s, pair{"k", "1"})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Watch(ctx, []byte("k"), from, func([]store.Event) error { cancel(); return nil })
	if err != nil {
		t.Errorf("watch = %v; want nil", err)
	}
}

func testWatchClose(t *testing.T, s store.Store) {
	ended := make(chan error, 1)
	started := make(chan struct{})
	from := anchor(t, s)
	set(t, s, pair{"k", "1"})
	go func() {
		ended <- s.Watch(t.Context(), []byte("k"), from, func([]store.Event) error { close(started); return nil })
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("watch = %v; want ErrClosed", err)
	}
}
