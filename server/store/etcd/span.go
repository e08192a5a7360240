package etcd

import (
	"bytes"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// bounds are the keys of a span: those from low on and below high, without the store's base. high is nil when there is no
// key above.
type bounds struct {
	low, high []byte
	reverse   bool
}

func boundsOf(sp store.Span) bounds {
	b := bounds{low: slices.Clone(sp.Prefix), high: successor(sp.Prefix), reverse: sp.Reverse}
	switch {
	case len(sp.After) == 0:
	case sp.Reverse && (b.high == nil || bytes.Compare(sp.After, b.high) < 0):
		b.high = slices.Clone(sp.After)
	case !sp.Reverse && bytes.Compare(sp.After, sp.Prefix) >= 0:
		b.low = next(sp.After)
	}
	return b
}

// holds says whether key lies within.
func (b bounds) holds(key []byte) bool {
	return bytes.Compare(key, b.low) >= 0 && (b.high == nil || bytes.Compare(key, b.high) < 0)
}

func (b bounds) empty() bool { return b.high != nil && bytes.Compare(b.low, b.high) >= 0 }

// compare orders keys in the direction of the span.
func (b bounds) compare(x, y []byte) int {
	if b.reverse {
		return bytes.Compare(y, x)
	}
	return bytes.Compare(x, y)
}

// next is the lowest key above key.
func next(key []byte) []byte { return append(slices.Clone(key), 0) }

// successor is the lowest key above all keys that start with prefix; nil when there is none.
func successor(prefix []byte) []byte {
	s := slices.Clone(prefix)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]++; s[i] != 0 {
			return s[:i+1]
		}
	}
	return nil
}
