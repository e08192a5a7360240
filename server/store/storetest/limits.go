package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// chunk is the length of the values that fill a transaction up by bytes.
const chunk = 16 << 10

func testLimits(t *testing.T, open Open) {
	t.Run("as many writes as allowed", func(t *testing.T) { testOps(t, fresh(t, open)) })
	t.Run("as many bytes as allowed", func(t *testing.T) { testBytes(t, fresh(t, open)) })
	t.Run("full transactions together", func(t *testing.T) { testFullTogether(t, fresh(t, open)) })
}

func testOps(t *testing.T, s store.Store) {
	n := s.Limits().Ops
	if err := s.Update(t.Context(), func(w store.Writer) error { return fillOps(w, n) }); err != nil {
		t.Errorf("%d writes: %v", n, err)
	}
	wantValue(t, s, fmt.Sprintf("%06x", n-1), "")
	err := s.Update(t.Context(), func(w store.Writer) error {
		_ = w.Put([]byte("first"), nil, 0)
		_ = fillOps(w, n) // a function that does not look gets nothing committed either
		return nil
	})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%d writes = %v; want ErrTooLarge", n+1, err)
	}
	wantAbsent(t, s, "first")
}

func fillOps(w store.Writer, n int) error {
	for i := range n {
		if err := w.Put(fmt.Appendf(nil, "%06x", i), nil, 0); err != nil {
			return err
		}
	}
	return nil
}

func testBytes(t *testing.T, s store.Store) {
	n := s.Limits().Bytes
	if err := s.Update(t.Context(), func(w store.Writer) error { return fillBytes(w, "x", n) }); err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
	wantValue(t, s, "x/000000", string(make([]byte, chunk)))
	err := s.Update(t.Context(), func(w store.Writer) error { return fillBytes(w, "y", n+1) })
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%d bytes = %v; want ErrTooLarge", n+1, err)
	}
	wantAbsent(t, s, "y/000000")
}

// fillBytes writes exactly n bytes of keys and values.
func fillBytes(w store.Writer, prefix string, n int) error {
	for i := 0; n > 0; i++ {
		key := fmt.Appendf(nil, "%s/%06x", prefix, i)
		value := make([]byte, min(chunk, max(0, n-len(key))))
		if n -= len(key) + len(value); n > 0 && n <= len(key) { // the rest would not hold a key
			value, n = append(value, make([]byte, n)...), 0
		}
		if err := w.Put(key, value, 0); err != nil {
			return err
		}
	}
	return nil
}

func testFullTogether(t *testing.T, s store.Store) {
	var all sync.WaitGroup
	for c := range 4 {
		all.Go(func() {
			prefix := fmt.Sprint(c)
			err := s.Update(t.Context(), func(w store.Writer) error { return fillBytes(w, prefix, s.Limits().Bytes) })
			if err != nil {
				t.Errorf("caller %d: %v", c, err)
			}
		})
	}
	all.Wait()
	for c := range 4 {
		wantValue(t, s, fmt.Sprintf("%d/000000", c), string(make([]byte, chunk)))
	}
}
