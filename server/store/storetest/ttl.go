package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

func testTTL(t *testing.T, open Open) {
	t.Run("a key lives its time and no more", func(t *testing.T) { testExpiry(t, fresh(t, open)) })
	t.Run("a time to live below zero is refused", func(t *testing.T) { testNegativeTTL(t, fresh(t, open)) })
	t.Run("a later put counts", func(t *testing.T) { testOverwrittenTTL(t, fresh(t, open)) })
}

// testExpiry uses a fraction of a second, which a store must round up, never down.
func testExpiry(t *testing.T, s store.Store) {
	const ttl = 1300 * time.Millisecond
	start := time.Now()
	err := s.Update(t.Context(), func(w store.Writer) error {
		if err := errors.Join(w.Put([]byte("short"), []byte("1"), ttl), w.Put([]byte("long"), []byte("1"), time.Hour)); err != nil {
			return err
		}
		return w.Put([]byte("ever"), []byte("1"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key to expire", func() bool {
		_, err := get(t, s, "short")
		return errors.Is(err, store.ErrNotFound)
	})
	if lived := time.Since(start); lived < ttl {
		t.Errorf("the key lived %v; want at least %v", lived, ttl)
	}
	wantAll(t, s, pair{"ever", "1"}, pair{"long", "1"})
	err = s.Update(t.Context(), func(w store.Writer) error {
		wantRange(t, w, store.Span{Reverse: true}, pair{"long", "1"}, pair{"ever", "1"})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testNegativeTTL also sees that what stood under the key stays.
func testNegativeTTL(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"})
	for _, ttl := range []time.Duration{-1, -time.Hour} {
		err := s.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("a"), []byte("2"), ttl) })
		if err == nil {
			t.Errorf("a put with %v was taken", ttl)
		}
	}
	wantAll(t, s, pair{"a", "1"})
}

// testOverwrittenTTL waits for a witness with the same time to live.
func testOverwrittenTTL(t *testing.T, s store.Store) {
	err := s.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(w.Put([]byte("a"), []byte("1"), time.Second), w.Put([]byte("b"), []byte("1"), 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(w.Put([]byte("a"), []byte("2"), 0), w.Put([]byte("b"), []byte("2"), time.Second))
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second key to expire", func() bool {
		_, err := get(t, s, "b")
		return errors.Is(err, store.ErrNotFound)
	})
	wantAll(t, s, pair{"a", "2"})
}
