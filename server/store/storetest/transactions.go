package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

var errRefused = errors.New("refused by the function")

func testTransactions(t *testing.T, open Open) {
	t.Run("own writes are visible", func(t *testing.T) { testOwnWrites(t, fresh(t, open)) })
	t.Run("an error drops the writes", func(t *testing.T) { testDropped(t, fresh(t, open)) })
	t.Run("a panic is the caller's error", func(t *testing.T) { testPanic(t, fresh(t, open)) })
	t.Run("a view keeps its snapshot", func(t *testing.T) { testSnapshot(t, fresh(t, open)) })
	t.Run("values stay as they were", func(t *testing.T) { testAliasing(t, fresh(t, open)) })
	t.Run("an ended context refuses", func(t *testing.T) { testContext(t, fresh(t, open)) })
	t.Run("an empty value is a value", func(t *testing.T) { testEmptyValue(t, fresh(t, open)) })
	t.Run("an empty key is refused", func(t *testing.T) { testEmptyKey(t, fresh(t, open)) })
}

func testOwnWrites(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"}, pair{"b", "1"})
	err := s.Update(t.Context(), func(w store.Writer) error {
		if err := errors.Join(putAll(w, pair{"a", "2"}, pair{"c", "2"}), w.Delete([]byte("b")), w.Delete([]byte("none"))); err != nil {
			return err
		}
		wantRange(t, w, store.Span{}, pair{"a", "2"}, pair{"c", "2"})
		if v, err := w.Get([]byte("a")); err != nil || string(v) != "2" {
			t.Errorf("own write = %q, %v", v, err)
		}
		if _, err := w.Get([]byte("b")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("own delete = %v; want ErrNotFound", err)
		}
		return w.Put([]byte("c"), []byte("3"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, s, pair{"a", "2"}, pair{"c", "3"})
}

func testDropped(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"})
	err := s.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(putAll(w, pair{"a", "2"}, pair{"b", "2"}), w.Delete([]byte("a")), errRefused)
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("update = %v; want the function's error", err)
	}
	wantAll(t, s, pair{"a", "1"})
}

func testPanic(t *testing.T, s store.Store) {
	err := s.Update(t.Context(), func(w store.Writer) error {
		if err := putAll(w, pair{"a", "1"}); err != nil {
			return err
		}
		panic("broken function")
	})
	if err == nil {
		t.Error("update with a panic gave no error")
	}
	set(t, s, pair{"b", "1"})
	wantAll(t, s, pair{"b", "1"})
}

func testSnapshot(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"})
	err := s.View(t.Context(), func(r store.Reader) error {
		set(t, s, pair{"a", "2"}, pair{"b", "2"})
		wantRange(t, r, store.Span{}, pair{"a", "1"})
		wantAll(t, s, pair{"a", "2"}, pair{"b", "2"})
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Errorf("view = %v; want the function's error", err)
	}
}

// testAliasing reuses the slices it wrote, and keeps what it read over later writes.
func testAliasing(t *testing.T, s store.Store) {
	key, value := []byte("a"), []byte("1")
	var inside []byte
	err := s.Update(t.Context(), func(w store.Writer) error {
		if err := w.Put(key, value, 0); err != nil {
			return err
		}
		key[0], value[0] = 'z', '9'
		var err error
		inside, err = w.Get([]byte("a"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]byte{}
	err = s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{}, func(k, v []byte) error { kept[string(k)] = v; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, pair{"a", "2"})
	if string(inside) != "1" || string(kept["a"]) != "1" {
		t.Errorf("values read before changed to %q, %q", inside, kept["a"])
	}
	wantAll(t, s, pair{"a", "2"})
}

func testContext(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(ctx, func(w store.Writer) error { return putAll(w, pair{"a", "1"}) }); !errors.Is(err, context.Canceled) {
		t.Errorf("update = %v; want context.Canceled", err)
	}
	if err := s.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view = %v; want context.Canceled", err)
	}
	wantAll(t, s)
}

func testEmptyValue(t *testing.T, s store.Store) {
	set(t, s, pair{"a", ""})
	wantAll(t, s, pair{"a", ""})
}

func testEmptyKey(t *testing.T, s store.Store) {
	if err := s.Update(t.Context(), func(w store.Writer) error { return w.Put(nil, []byte("1"), 0) }); err == nil {
		t.Error("an empty key was taken")
	}
	set(t, s, pair{"a", "1"})
}

func testConcurrency(t *testing.T, open Open) {
	t.Run("increments are serialised", func(t *testing.T) { testCounter(t, fresh(t, open)) })
	t.Run("views see whole transactions", func(t *testing.T) { testAtomicView(t, fresh(t, open)) })
}

// testCounter lets 64 callers increment one counter; every third attempt of each writes and then fails.
func testCounter(t *testing.T, s store.Store) {
	const callers, each = 64, 15
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				fail := (c+i)%3 == 0
				err := s.Update(t.Context(), func(w store.Writer) error { return increment(w, fail) })
				if fail != errors.Is(err, errRefused) || !fail && err != nil {
					t.Errorf("caller %d attempt %d: %v", c, i, err)
				}
			}
		})
	}
	all.Wait()
	n, err := get(t, s, "counter")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := binary.BigEndian.Uint64([]byte(n)), uint64(callers*each*2/3); got != want {
		t.Errorf("counter = %d; want %d", got, want)
	}
}

func increment(w store.Writer, fail bool) error {
	old, err := w.Get([]byte("counter"))
	if errors.Is(err, store.ErrNotFound) {
		old, err = make([]byte, 8), nil
	}
	if err != nil {
		return err
	}
	next := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(old)+1)
	if err := w.Put([]byte("counter"), next, 0); err != nil || !fail {
		return err
	}
	return errRefused
}

// testAtomicView changes two keys together while readers compare them.
func testAtomicView(t *testing.T, s store.Store) {
	set(t, s, pair{"left", "0"}, pair{"right", "0"})
	var all sync.WaitGroup
	for c := range 4 {
		all.Go(func() {
			for i := range 50 {
				v := fmt.Sprint(c, i)
				err := s.Update(t.Context(), func(w store.Writer) error { return putAll(w, pair{"left", v}, pair{"right", v}) })
				if err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 200 {
				err := s.View(t.Context(), func(r store.Reader) error {
					left, err := r.Get([]byte("left"))
					if err != nil {
						return err
					}
					right, err := r.Get([]byte("right"))
					if string(left) != string(right) {
						t.Errorf("view saw half a transaction: %q and %q", left, right)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
