package badger

import (
	"bytes"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// span is a store.Span with its start worked out, so that both cursors begin at the same place.
type span struct {
	prefix  []byte
	reverse bool
	// start is the first key that may be visited (forward), or the key below which the first one lies (reverse; nil =
	// there is no key above the prefix).
	start []byte
}

func newSpan(sp store.Span) span {
	s := span{prefix: sp.Prefix, reverse: sp.Reverse}
	if sp.Reverse {
		s.start = successor(sp.Prefix)
		if len(sp.After) > 0 && (s.start == nil || bytes.Compare(sp.After, s.start) < 0) {
			s.start = sp.After
		}
		return s
	}
	s.start = sp.Prefix
	if len(sp.After) > 0 && bytes.Compare(sp.After, sp.Prefix) >= 0 {
		s.start = append(slices.Clone(sp.After), 0) // the next key there can be
	}
	return s
}

// successor is the lowest key above all keys that start with prefix; nil when there is none.
func successor(prefix []byte) []byte {
	next := slices.Clone(prefix)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

// compare orders keys in the direction of the span.
func (s span) compare(a, b []byte) int {
	if s.reverse {
		return bytes.Compare(b, a)
	}
	return bytes.Compare(a, b)
}
