package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

func testLifecycle(t *testing.T, open Open) {
	t.Run("reopened", func(t *testing.T) { testReopen(t, open) })
	t.Run("closed", func(t *testing.T) { testClosed(t, fresh(t, open)) })
	t.Run("closed under load", func(t *testing.T) { testCloseUnderLoad(t, open) })
}

func testReopen(t *testing.T, open Open) {
	dir := t.TempDir()
	var want []pair
	for round := range 3 {
		s := open(t, dir)
		wantAll(t, s, want...)
		want = append(want, pair{fmt.Sprint("k", round), "1"})
		set(t, s, want[round], pair{"gone", "1"})
		if err := s.Update(t.Context(), func(w store.Writer) error { return w.Delete([]byte("gone")) }); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

func testClosed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"view":     func() error { return s.View(t.Context(), func(store.Reader) error { return nil }) },
		"update":   func() error { return s.Update(t.Context(), func(store.Writer) error { return nil }) },
		"watch":    func() error { return s.Watch(t.Context(), nil, 0, func([]store.Event) error { return nil }) },
		"revision": func() error { _, err := s.Revision(t.Context()); return err },
		"close":    s.Close,
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s = %v; want ErrClosed", name, err)
		}
	}
}

// testCloseUnderLoad closes while callers write and read: each write is answered, and is there or not as the answer says.
func testCloseUnderLoad(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	const callers = 16
	acknowledged := make([]int, callers)
	var all sync.WaitGroup
	var warm sync.WaitGroup
	warm.Add(callers)
	for c := range callers {
		all.Go(func() {
			for i := 0; ; i++ {
				err := s.Update(t.Context(), func(w store.Writer) error { return putAll(w, pair{fmt.Sprint(c, "/", i), "1"}) })
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("update: %v", err)
					return
				}
				if acknowledged[c]++; i == 0 {
					warm.Done()
				}
				_, _ = get(t, s, "any")
			}
		})
	}
	warm.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(patience):
		t.Fatal("callers of a closed store were not answered")
	}
	s = open(t, dir)
	for c, n := range acknowledged {
		for i := range n {
			wantValue(t, s, fmt.Sprint(c, "/", i), "1")
		}
		wantAbsent(t, s, fmt.Sprint(c, "/", n))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
