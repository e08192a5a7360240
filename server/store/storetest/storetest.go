package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Open opens the store that lives in dir and creates it if there is none. dir outlives a Close: opened again, the store
// has the same data. The suite closes what it opens.
type Open func(t *testing.T, dir string) store.Store

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// Run tests one implementation.
func Run(t *testing.T, open Open) {
	groups := []struct {
		name string
		test func(t *testing.T, open Open)
	}{
		{"transactions", testTransactions},
		{"concurrency", testConcurrency},
		{"ranges", testRanges},
		{"property", testProperty},
		{"ttl", testTTL},
		{"watch", testWatch},
		{"limits", testLimits},
		{"lifecycle", testLifecycle},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { g.test(t, open) })
	}
}

// fresh opens an empty store for one test.
func fresh(t *testing.T, open Open) store.Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// pair is a key and its value, as text for readable failures.
type pair struct{ Key, Value string }

// set puts pairs in one transaction.
func set(t *testing.T, s store.Store, pairs ...pair) {
	t.Helper()
	err := s.Update(t.Context(), func(w store.Writer) error { return putAll(w, pairs...) })
	if err != nil {
		t.Fatalf("put %v: %v", pairs, err)
	}
}

func putAll(w store.Writer, pairs ...pair) error {
	for _, p := range pairs {
		if err := w.Put([]byte(p.Key), []byte(p.Value), 0); err != nil {
			return err
		}
	}
	return nil
}

// get reads one key in a View of its own.
func get(t *testing.T, s store.Store, key string) (string, error) {
	t.Helper()
	var value []byte
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		value, err = r.Get([]byte(key))
		return err
	})
	return string(value), err
}

func wantValue(t *testing.T, s store.Store, key, want string) {
	t.Helper()
	if got, err := get(t, s, key); err != nil || got != want {
		t.Errorf("get %q = %q, %v; want %q", key, got, err, want)
	}
}

func wantAbsent(t *testing.T, s store.Store, key string) {
	t.Helper()
	if got, err := get(t, s, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get %q = %q, %v; want ErrNotFound", key, got, err)
	}
}

// collect gives what a range visits.
func collect(r store.Reader, sp store.Span) ([]pair, error) {
	var got []pair
	err := r.Range(sp, func(key, value []byte) error {
		got = append(got, pair{string(key), string(value)})
		return nil
	})
	return got, err
}

func wantRange(t *testing.T, r store.Reader, sp store.Span, want ...pair) {
	t.Helper()
	got, err := collect(r, sp)
	if err != nil {
		t.Errorf("range %+v: %v", sp, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("range %+v (-want +got):\n%s", sp, diff)
	}
}

// wantAll compares everything that the store holds.
func wantAll(t *testing.T, s store.Store, want ...pair) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		wantRange(t, r, store.Span{}, want...)
		return nil
	})
	if err != nil {
		t.Errorf("view: %v", err)
	}
}

// eventually calls check until it says true.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}
