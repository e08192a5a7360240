package storetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// keys are few and short, so that they meet; 0xff is the byte without a successor.
var (
	anyKey    = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 1, 3), func(b []byte) string { return string(b) })
	anyPrefix = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', 0xff}), 0, 3), func(b []byte) string { return string(b) })
)

// model is what a store should hold.
type model map[string]string

// testProperty runs random transactions, some of which fail, and compares random ranges with a map, inside and after them.
func testProperty(t *testing.T, open Open) {
	s := fresh(t, open)
	rapid.Check(t, func(rt *rapid.T) {
		m := model{}
		empty(rt, s)
		for range rapid.IntRange(1, 4).Draw(rt, "transactions") {
			m = transact(rt, s, m)
			err := s.View(t.Context(), func(r store.Reader) error { return m.compare(rt, r) })
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func empty(rt *rapid.T, s store.Store) {
	err := s.Update(rt.Context(), func(w store.Writer) error {
		all, err := collect(w, store.Span{})
		for _, p := range all {
			err = errors.Join(err, w.Delete([]byte(p.Key)))
		}
		return err
	})
	if err != nil {
		rt.Fatal(err)
	}
}

// step is drawn before the transaction, whose function may run more than once.
type step struct {
	Key, Value string
	Delete     bool
	Look       look
}

type look struct {
	Prefix, After string
	Reverse       bool
}

var anyLook = rapid.Custom(func(rt *rapid.T) look {
	return look{anyPrefix.Draw(rt, "prefix"), anyPrefix.Draw(rt, "after"), rapid.Bool().Draw(rt, "reverse")}
})

var anyStep = rapid.Custom(func(rt *rapid.T) step {
	return step{anyKey.Draw(rt, "key"), anyPrefix.Draw(rt, "value"), rapid.Bool().Draw(rt, "delete"), anyLook.Draw(rt, "look")}
})

// transact runs steps in one transaction and gives the model after it.
func transact(rt *rapid.T, s store.Store, before model) model {
	steps := rapid.SliceOfN(anyStep, 1, 12).Draw(rt, "steps")
	fails := rapid.IntRange(0, 3).Draw(rt, "fails") == 0
	var after model
	err := s.Update(rt.Context(), func(w store.Writer) error {
		after = maps.Clone(before)
		for _, st := range steps {
			if err := after.apply(w, st); err != nil {
				return err
			}
		}
		if fails {
			return errRefused
		}
		return nil
	})
	switch {
	case fails && errors.Is(err, errRefused):
		return before
	case fails || err != nil:
		rt.Fatalf("update = %v; fails = %v", err, fails)
	}
	return after
}

// apply writes one step to both and compares a range.
func (m model) apply(w store.Writer, st step) error {
	var err error
	if st.Delete {
		delete(m, st.Key)
		err = w.Delete([]byte(st.Key))
	} else {
		m[st.Key] = st.Value
		err = w.Put([]byte(st.Key), []byte(st.Value), 0)
	}
	if err != nil {
		return err
	}
	return m.compareLook(w, st.Look)
}

func (m model) compare(rt *rapid.T, r store.Reader) error {
	return errors.Join(m.compareLook(r, anyLook.Draw(rt, "view look")), m.compareLook(r, look{}))
}

func (m model) compareLook(r store.Reader, l look) error {
	got, err := collect(r, store.Span{Prefix: []byte(l.Prefix), After: []byte(l.After), Reverse: l.Reverse})
	if diff := cmp.Diff(m.look(l), got); diff != "" {
		return errors.Join(err, errors.New("range differs from the model (-want +got):\n"+diff))
	}
	return err
}

// look is the specification of store.Span, written as simply as it can be.
func (m model) look(l look) (want []pair) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		beyond := l.After == "" || !l.Reverse && k > l.After || l.Reverse && k < l.After
		if strings.HasPrefix(k, l.Prefix) && beyond {
			want = append(want, pair{k, m[k]})
		}
	}
	if l.Reverse {
		slices.Reverse(want)
	}
	return want
}
