package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// maxScan is how many records of a chain one part of an answer reads at most: a question that few records answer is answered
// in several parts.
const maxScan = 10_000

// Query chooses records. Empty fields choose all; names compare without case.
type Query struct {
	From, To  time.Time // From <= time < To; zero = unbounded
	Actor     string    // "token:bootstrap"
	Action    string
	Object    string // kind, or kind/name
	User      string
	SignOn    string
	Agent     string
	Outcome   string // OK or Refused
	RequestID string
	Oldest    bool // oldest first, instead of newest first
	Limit     int  // records of one part, from 1
}

// Place is up to where both chains were read, exclusive: below it is what is left when the newest come first, above it
// otherwise.
type Place struct{ Acts, Runtime uint64 }

// Start is where a query begins.
func (q Query) Start() Place {
	if q.Oldest {
		return Place{}
	}
	return Place{math.MaxUint64, math.MaxUint64}
}

func (p Place) of(chain string) uint64 {
	if chain == Runtime {
		return p.Runtime
	}
	return p.Acts
}

func (p Place) with(chain string, sequence uint64) Place {
	if chain == Runtime {
		p.Runtime = sequence
	} else {
		p.Acts = sequence
	}
	return p
}

// Part is some of what a source has, in the order of the query.
type Part struct {
	Records []Record
	Start   Place
	End     Place     // where to go on behind all of Records
	Done    bool      // there is nothing behind End
	Bound   time.Time // when not Done: what is behind End is no newer than this, or no older when the oldest come first
}

// Search reads the next part of one chain. It may be empty and not Done: then nothing fitted among what was read.
func (l *Log) Search(ctx context.Context, s store.Store, q Query, from Place) (p Part, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		p = Part{Start: from, End: from, Done: true}
		span, stop, err := l.span(r, q, from.of(l.c.Chain))
		if err != nil {
			return err
		}
		read := 0
		return r.Range(span, func(k, v []byte) error {
			sequence := binary.BigEndian.Uint64(k[len(l.prefix)+2:])
			if stop(sequence) {
				return store.ErrStop
			}
			if len(p.Records) == q.Limit || read == maxScan {
				p.Done = false
				return store.ErrStop
			}
			if read%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			read++
			rec := Record{Chain: l.c.Chain}
			if err := json.Unmarshal(v, &rec); err != nil {
				return fmt.Errorf("decode audit record %d of %s: %w", sequence, l.c.Chain, err)
			}
			p.End, p.Bound = p.End.with(l.c.Chain, sequence), rec.Time
			if q.fits(&rec) {
				p.Records = append(p.Records, rec)
			}
			return nil
		})
	})
	return p, err
}

// span is what of the chain can answer the query, by the marks of the hours; stop says where it ends.
func (l *Log) span(r store.Reader, q Query, from uint64) (store.Span, func(uint64) bool, error) {
	low, high, err := l.between(r, q)
	if err != nil {
		return store.Span{}, nil, err
	}
	if q.Oldest {
		return store.Span{Prefix: l.records(), After: l.key(max(from, low))}, func(n uint64) bool { return n >= high }, nil
	}
	return store.Span{Prefix: l.records(), After: l.key(min(from, high)), Reverse: true}, func(n uint64) bool { return n <= low }, nil
}

// between gives sequences: what the query wants lies above low and below high.
func (l *Log) between(r store.Reader, q Query) (low, high uint64, err error) {
	high = math.MaxUint64
	if !q.From.IsZero() { // before the first record of an hour no record is later than its begin
		_, n, err := l.hour(r, store.Span{Prefix: l.hours(), After: l.hourKey(hourOf(q.From.UnixMilli()) + 1), Reverse: true})
		if err != nil {
			return 0, 0, err
		}
		low = max(n, 1) - 1
	}
	if q.To.IsZero() {
		return low, high, nil
	}
	h, err := l.readHead(r)
	if err != nil {
		return 0, 0, err
	}
	found, n, err := l.hour(r, store.Span{Prefix: l.hours(), After: l.hourKey(hourOf(q.To.UnixMilli() + h.Back))})
	if found {
		high = n
	}
	return low, high, err
}

func (l *Log) hour(r store.Reader, s store.Span) (found bool, sequence uint64, err error) {
	err = r.Range(s, func(_, v []byte) error {
		if len(v) == 8 {
			found, sequence = true, binary.BigEndian.Uint64(v)
		}
		return store.ErrStop
	})
	return found, sequence, err
}

func (q Query) fits(r *Record) bool {
	outcome := r.Outcome
	if outcome == "" {
		outcome = OK
	}
	return (q.From.IsZero() || !r.Time.Before(q.From)) && (q.To.IsZero() || r.Time.Before(q.To)) &&
		same(q.Actor, r.Actor) && same(q.Action, r.Action) && same(q.User, r.User) && same(q.Agent, r.Agent) && same(q.Outcome, outcome) &&
		(q.SignOn == "" || q.SignOn == r.SignOn) && (q.RequestID == "" || q.RequestID == r.RequestID) && q.about(r.Target)
}

func same(wanted, is string) bool { return wanted == "" || strings.EqualFold(wanted, is) }

func (q Query) about(target string) bool {
	if q.Object == "" || strings.EqualFold(q.Object, target) {
		return true
	}
	kind, _, named := strings.Cut(target, "/")
	return named && strings.EqualFold(q.Object, kind)
}

// Merge puts parts of several sources into the order of time, by the key of the source, and gives at most q.Limit records
// and where each source goes on. It stops where a source may have a record that belongs before the next one, and asks to go
// on there: more. The order within a source stays, whatever its clock did.
func Merge(q Query, parts map[string]Part) (all []Record, next map[string]Place, more bool) {
	next, taken := map[string]Place{}, map[string]int{}
	for source, p := range parts {
		next[source] = p.Start
	}
	for len(all) < q.Limit {
		source, ok := q.first(parts, taken)
		if !ok {
			break
		}
		rec := parts[source].Records[taken[source]]
		taken[source]++
		next[source] = next[source].with(rec.Chain, rec.Sequence)
		all = append(all, rec)
	}
	for source, p := range parts {
		if taken[source] < len(p.Records) {
			more = true
			continue
		}
		next[source] = p.End
		more = more || !p.Done
	}
	return all, next, more
}

// first is the source of the next record; false when there is none, or it cannot be told yet.
func (q Query) first(parts map[string]Part, taken map[string]int) (source string, ok bool) {
	var best, bound time.Time
	bounded := false
	for s, p := range parts {
		if taken[s] == len(p.Records) {
			if !p.Done && (!bounded || q.before(p.Bound, bound)) {
				bound, bounded = p.Bound, true
			}
			continue
		}
		at := p.Records[taken[s]].Time
		if !ok || q.before(at, best) || at.Equal(best) && s < source {
			source, best, ok = s, at, true
		}
	}
	return source, ok && (!bounded || !q.before(bound, best))
}

func (q Query) before(a, b time.Time) bool {
	if q.Oldest {
		return a.Before(b)
	}
	return a.After(b)
}

// Trail is both chains of one data center, to be read.
type Trail struct {
	Acts, Runtime           *Log
	ActsStore, RuntimeStore store.Store
}

// Search reads the next part of both chains together.
func (t Trail) Search(ctx context.Context, q Query, from Place) (Part, error) {
	acts, err := t.Acts.Search(ctx, t.ActsStore, q, from)
	if err != nil {
		return Part{}, err
	}
	runtime, err := t.Runtime.Search(ctx, t.RuntimeStore, q, from)
	if err != nil {
		return Part{}, err
	}
	all, next, more := Merge(q, map[string]Part{Acts: acts, Runtime: runtime})
	out := Part{Records: all, Start: from, End: Place{next[Acts].Acts, next[Runtime].Runtime}, Done: !more}
	for _, p := range []Part{acts, runtime} {
		out.Bound = q.bound(out.Bound, p, next)
	}
	return out, nil
}

// bound is the time of the earliest record, in the order of the query, that may come behind what was given.
func (q Query) bound(at time.Time, p Part, next map[string]Place) time.Time {
	left := p.Records
	for len(left) > 0 && q.behind(left[0], next[left[0].Chain].of(left[0].Chain)) {
		left = left[1:]
	}
	candidate := p.Bound
	switch {
	case len(left) > 0:
		candidate = left[0].Time
	case p.Done:
		return at
	}
	if at.IsZero() || q.before(candidate, at) {
		return candidate
	}
	return at
}

// behind says that a record was given already.
func (q Query) behind(r Record, place uint64) bool {
	if q.Oldest {
		return r.Sequence <= place
	}
	return r.Sequence >= place
}

// Kept is a chain with the store that it lies in.
type Kept struct {
	Log   *Log
	Store store.Store
}

// Chains are both.
func (t Trail) Chains() []Kept { return []Kept{{t.Acts, t.ActsStore}, {t.Runtime, t.RuntimeStore}} }
