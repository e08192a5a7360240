package storetest

import (
	"errors"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

func testRanges(t *testing.T, open Open) {
	t.Run("spans", func(t *testing.T) { testSpans(t, fresh(t, open)) })
	t.Run("spans over an overlay", func(t *testing.T) { testOverlaySpans(t, fresh(t, open)) })
	t.Run("a visit can stop", func(t *testing.T) { testStop(t, fresh(t, open)) })
	t.Run("a visit must not write", func(t *testing.T) { testVisitWrites(t, fresh(t, open)) })
	t.Run("a visit can read", func(t *testing.T) { testVisitReads(t, fresh(t, open)) })
	t.Run("ranges see earlier turns", func(t *testing.T) { testWriteRangeWrite(t, fresh(t, open)) })
}

var spanCases = []struct {
	name string
	span store.Span
	want []string
}{
	{"all", store.Span{}, []string{"a", "b/", "b/1", "b/2", "b0", "c", "\xff", "\xff\xff"}},
	{"prefix", store.Span{Prefix: []byte("b/")}, []string{"b/", "b/1", "b/2"}},
	{"no such prefix", store.Span{Prefix: []byte("bb")}, nil},
	{"after a key", store.Span{Prefix: []byte("b/"), After: []byte("b/1")}, []string{"b/2"}},
	{"after the prefix itself", store.Span{Prefix: []byte("b/"), After: []byte("b/")}, []string{"b/1", "b/2"}},
	{"after a key that is not there", store.Span{Prefix: []byte("b"), After: []byte("b/11")}, []string{"b/2", "b0"}},
	{"after below the prefix", store.Span{Prefix: []byte("b/"), After: []byte("a")}, []string{"b/", "b/1", "b/2"}},
	{"after above the prefix", store.Span{Prefix: []byte("b/"), After: []byte("c")}, nil},
	{"highest prefix", store.Span{Prefix: []byte("\xff")}, []string{"\xff", "\xff\xff"}},
	{"reverse all", store.Span{Reverse: true}, []string{"\xff\xff", "\xff", "c", "b0", "b/2", "b/1", "b/", "a"}},
	{"reverse prefix", store.Span{Prefix: []byte("b/"), Reverse: true}, []string{"b/2", "b/1", "b/"}},
	{"reverse next to another key", store.Span{Prefix: []byte("b"), Reverse: true}, []string{"b0", "b/2", "b/1", "b/"}},
	{"reverse below a key", store.Span{Prefix: []byte("b/"), After: []byte("b/2"), Reverse: true}, []string{"b/1", "b/"}},
	{"reverse below the prefix", store.Span{Prefix: []byte("b/"), After: []byte("b/"), Reverse: true}, nil},
	{"reverse bound above", store.Span{Prefix: []byte("b/"), After: []byte("z"), Reverse: true}, []string{"b/2", "b/1", "b/"}},
	{"reverse bound far below", store.Span{Prefix: []byte("b/"), After: []byte("a"), Reverse: true}, nil},
	{"reverse highest prefix", store.Span{Prefix: []byte("\xff"), Reverse: true}, []string{"\xff\xff", "\xff"}},
}

// wantSpans expects the keys of the table's first case, each with value v.
func wantSpans(t *testing.T, r store.Reader, v string) {
	t.Helper()
	for _, c := range spanCases {
		t.Run(c.name, func(t *testing.T) {
			var want []pair
			for _, k := range c.want {
				want = append(want, pair{k, v})
			}
			wantRange(t, r, c.span, want...)
		})
	}
}

func testSpans(t *testing.T, s store.Store) {
	for _, k := range spanCases[0].want {
		set(t, s, pair{k, "1"})
	}
	if err := s.View(t.Context(), func(r store.Reader) error { wantSpans(t, r, "1"); return nil }); err != nil {
		t.Error(err)
	}
}

// testOverlaySpans has half of the keys and some others below, and the rest, changes and deletes in the transaction.
func testOverlaySpans(t *testing.T, s store.Store) {
	extra := []string{"", "b", "b/15", "c0", "\xfe", "\xff\x01"}
	for i, k := range spanCases[0].want {
		if i%2 == 0 {
			set(t, s, pair{k, "1"})
		}
	}
	for _, k := range extra[1:] {
		set(t, s, pair{k, "1"})
	}
	err := s.Update(t.Context(), func(w store.Writer) error {
		for _, k := range spanCases[0].want {
			if err := w.Put([]byte(k), []byte("2"), 0); err != nil {
				return err
			}
		}
		for _, k := range extra[1:] {
			if err := w.Delete([]byte(k)); err != nil {
				return err
			}
		}
		wantSpans(t, w, "2")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testStop(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"}, pair{"b", "1"})
	for _, end := range []struct{ give, want error }{{store.ErrStop, nil}, {errRefused, errRefused}} {
		visits := 0
		err := s.View(t.Context(), func(r store.Reader) error {
			return r.Range(store.Span{}, func(_, _ []byte) error { visits++; return end.give })
		})
		if !errors.Is(err, end.want) || visits != 1 {
			t.Errorf("visit gave %v: range = %v after %d visits; want %v after 1", end.give, err, visits, end.want)
		}
	}
}

func testVisitWrites(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"})
	err := s.Update(t.Context(), func(w store.Writer) error {
		return w.Range(store.Span{}, func(key, _ []byte) error { return w.Delete(key) })
	})
	if err == nil {
		t.Error("a visit could write")
	}
	wantAll(t, s, pair{"a", "1"})
}

func testVisitReads(t *testing.T, s store.Store) {
	set(t, s, pair{"a", "1"}, pair{"b", "1"})
	err := s.Update(t.Context(), func(w store.Writer) error {
		if err := putAll(w, pair{"c", "1"}); err != nil {
			return err
		}
		return w.Range(store.Span{}, func(key, _ []byte) error {
			wantRange(t, w, store.Span{}, pair{"a", "1"}, pair{"b", "1"}, pair{"c", "1"})
			_, err := w.Get(key)
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func testWriteRangeWrite(t *testing.T, s store.Store) {
	err := s.Update(t.Context(), func(w store.Writer) error {
		want := []pair{}
		for _, k := range []string{"a", "c", "e"} {
			want = append(want, pair{k, "1"})
			if err := putAll(w, pair{k, "1"}); err != nil {
				return err
			}
			wantRange(t, w, store.Span{}, want...)
		}
		if err := errors.Join(w.Delete([]byte("c")), putAll(w, pair{"b", "1"}), w.Delete([]byte("b")), putAll(w, pair{"b", "2"})); err != nil {
			return err
		}
		wantRange(t, w, store.Span{}, pair{"a", "1"}, pair{"b", "2"}, pair{"e", "1"})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	wantAll(t, s, pair{"a", "1"}, pair{"b", "2"}, pair{"e", "1"})
}
