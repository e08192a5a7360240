package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Buckets is into how many parts a kind is divided for comparison. An object's bucket is the first byte of its name's
// SHA-256, so that both sides divide alike whatever they hold.
const Buckets = 256

// Bucket gives the bucket of a name in its key spelling.
func Bucket(name string) int { return int(sha256.Sum256([]byte(name))[0]) }

// Sum is a count of objects with their digest.
type Sum struct {
	Objects uint64
	Digest  string // hex
}

// Survey is what the objects of one state really add up to, computed from each of them and not from the rolling digest.
type Survey struct {
	At    mdc.Position
	Kinds map[string]Sum // of every replicated kind
	Total string         // digest over all of them; equal to At.Digest unless something is damaged
}

// Survey reads every replicated object once. An object that cannot be read counts as one that nobody else has.
func (s *Snapshot) Survey() (*Survey, error) {
	at, err := s.Position()
	if err != nil {
		return nil, err
	}
	out, all := &Survey{At: at, Kinds: map[string]Sum{}}, setDigest{}
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated {
			continue
		}
		var part tally
		err := s.scan(kind, "", func(name string, body []byte, sound bool) error {
			part.count(kind.Name, name, body, sound)
			return nil
		})
		if err != nil {
			return nil, err
		}
		out.Kinds[kind.Name] = part.sum()
		all.join(&part.lanes)
	}
	out.Total = all.String()
	return out, nil
}

// BucketSums gives the sums of a kind's buckets.
func (s *Snapshot) BucketSums(kind mdc.Kind) ([]Sum, error) {
	parts := make([]tally, Buckets)
	err := s.scan(kind, "", func(name string, body []byte, sound bool) error {
		parts[Bucket(name)].count(kind.Name, name, body, sound)
		return nil
	})
	sums := make([]Sum, Buckets)
	for i := range parts {
		sums[i] = parts[i].sum()
	}
	return sums, err
}

// Trace is one object by its digest.
type Trace struct {
	Name   string // the key spelling
	Digest string // hex; "" = it cannot be read
}

// Traces gives up to limit objects of the kind that lie in the buckets and come after a name, in the order of their names.
func (s *Snapshot) Traces(kind mdc.Kind, buckets []int, after string, limit int) (out []Trace, err error) {
	var wanted [Buckets]bool
	for _, b := range buckets {
		if b >= 0 && b < Buckets {
			wanted[b] = true
		}
	}
	err = s.scan(kind, after, func(name string, body []byte, sound bool) error {
		if !wanted[Bucket(name)] {
			return nil
		}
		if len(out) == limit {
			return store.ErrStop
		}
		t := Trace{Name: name}
		if sound {
			t.Digest = ObjectDigest(kind.Name, name, body)
		}
		out = append(out, t)
		return nil
	})
	return out, err
}

// ObjectDigest is the digest of one object: hex SHA-256 of kind, name and body, each with its length before it.
func ObjectDigest(kind, name string, body []byte) string {
	var b []byte
	for _, part := range [][]byte{[]byte(kind), []byte(name), body} {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// scan visits a kind's objects like Range, but an object that cannot be opened is visited as not sound instead of ending it.
func (s *Snapshot) scan(kind mdc.Kind, after string, visit func(name string, body []byte, sound bool) error) error {
	p, err := s.position()
	if err != nil {
		return err
	}
	prefix := kindPrefix(kind, p.Generation)
	span := store.Span{Prefix: prefix}
	if after != "" {
		span.After = append(slices.Clone(prefix), after...)
	}
	return s.r.Range(span, func(k, v []byte) error {
		name := string(k[len(prefix):])
		body, err := s.l.plain(kind, name, v)
		return visit(name, body, err == nil)
	})
}

// unlike ends a digest that is equal to nobody's, since it leaves out what could not be read.
const unlike = "-damaged"

// tally adds objects up.
type tally struct {
	objects uint64
	damaged uint64
	lanes   setDigest
}

func (t *tally) count(kind, name string, body []byte, sound bool) {
	t.objects++
	if !sound {
		t.damaged++
		return
	}
	t.lanes.add(kind, name, body)
}

func (t *tally) sum() Sum {
	digest := t.lanes.String()
	if t.damaged > 0 {
		digest += unlike
	}
	return Sum{Objects: t.objects, Digest: digest}
}
