package journal

import (
	"context"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// identity is an object's kind and name.
type identity struct{ kind, name string }

// shifter works out what records do to the digest. Its memory is used again: fresh pages would cost as much as the hash.
type shifter struct {
	expander
	terms []term
	lanes []setDigest // of terms
	spare []setDigest
}

// shifter lends one; giveBack ends that, and whatever it gave.
func (l *Log) shifter() *shifter {
	if w, ok := l.shifters.Get().(*shifter); ok {
		return w
	}
	return &shifter{}
}

func (l *Log) giveBack(w *shifter) {
	clear(w.terms[:cap(w.terms)]) // which hold on to bodies
	l.shifters.Put(w)
}

// expand fills lanes from terms.
func (w *shifter) expand() {
	if len(w.lanes) < len(w.terms) {
		w.lanes = make([]setDigest, len(w.terms))
	}
	w.all(w.terms, w.lanes)
}

func (w *shifter) slab(n int) []setDigest {
	if len(w.spare) < n {
		w.spare = make([]setDigest, n)
	}
	return w.spare[:n]
}

// shifts gives what each record adds to the digest, over the objects as they are in s; the results lie in out, which is as
// long. Nil stands for one that has to wait for its turn: its object is among those touched, which grow by those of the
// records, or something is wrong with it.
func (w *shifter) shifts(s *Snapshot, records []Record, touched map[identity]bool, out []setDigest) []*setDigest {
	shifts, ends := make([]*setDigest, len(records)), make([]int, len(records)) // where a record's terms end
	w.terms = w.terms[:0]
	for i, rec := range records {
		id := identity{rec.Kind, rec.Name}
		kind, ok := s.l.kinds[rec.Kind]
		if ok = ok && kind.Scope == mdc.Replicated && kind.Key(rec.Name) == rec.Name && !touched[id]; ok {
			var err error
			if w.terms, err = s.terms(w.terms, kind, rec.Name, rec.Operation, rec.Body); err == nil {
				shifts[i] = &out[i]
			}
		}
		touched[id], ends[i] = true, len(w.terms)
	}
	w.expand()
	from := 0
	for i, end := range ends {
		if shifts[i] != nil {
			shifts[i].sum(w.terms[from:end], w.lanes[from:end])
		}
		from = end
	}
	return shifts
}

// terms appends what the change of one object takes from the digest and gives to it.
func (s *Snapshot) terms(out []term, kind mdc.Kind, key, operation string, body []byte) ([]term, error) {
	old, found, err := s.base(kind, key)
	if err != nil {
		return out, err
	}
	if found {
		out = append(out, term{kind: kind.Name, name: key, body: old, gone: true})
	}
	if operation == Put {
		out = append(out, term{kind: kind.Name, name: key, body: body})
	}
	return out, nil
}

// shift moves d by one change.
func (s *Snapshot) shift(d *setDigest, kind mdc.Kind, key, operation string, body []byte) (err error) {
	w := s.l.shifter()
	defer s.l.giveBack(w)
	if w.terms, err = s.terms(w.terms[:0], kind, key, operation, body); err != nil {
		return err
	}
	w.expand()
	d.move(w.terms, w.lanes)
	return nil
}

// sum makes d the sum of the lanes, those of what is gone taken away.
func (d *setDigest) sum(terms []term, lanes []setDigest) {
	clear(d[:])
	d.move(terms, lanes)
}

// move adds the lanes, and takes those of what is gone away.
func (d *setDigest) move(terms []term, lanes []setDigest) {
	for i := range terms {
		if terms[i].gone {
			d.part(&lanes[i])
		} else {
			d.join(&lanes[i])
		}
	}
}

// Prepared is what records do to the digest, worked out before their turn.
type Prepared struct {
	base    mdc.Position // the state that the first record continues
	records []Record
	shifts  []*setDigest // nil = in its turn
	slab    []setDigest  // what shifts point into
	spare   []setDigest  // the slab of the records before, free once they are in the store
}

// of gives what is prepared for records that continue a position; nil when that is not what was prepared for.
func (p *Prepared) of(at mdc.Position, records []Record) []*setDigest {
	if p == nil || len(p.records) == 0 || len(records) == 0 || records[0].Sequence < p.records[0].Sequence {
		return nil
	}
	from := records[0].Sequence - p.records[0].Sequence
	if from+uint64(len(records)) > uint64(len(p.shifts)) {
		return nil
	}
	base := p.base
	if from > 0 {
		last := p.records[from-1]
		base = mdc.Position{Epoch: last.Epoch, Sequence: last.Sequence, Digest: last.Digest}
	}
	if at != base {
		return nil
	}
	return p.shifts[from:]
}

// Prepare works out ahead of its turn what costs most when the records after a position are applied. under are the records
// that lead there and are on their way into the store, with what was prepared for them (nil = nothing); those before them
// must be in the store. Nothing is decided by it: the digest after each record is compared when it is applied.
func (l *Log) Prepare(ctx context.Context, base mdc.Position, under []Record, before *Prepared, records []Record) (*Prepared, error) {
	out := &Prepared{base: base, records: records}
	if before != nil {
		out.slab, before.spare, out.spare = before.spare, nil, before.slab
	}
	if len(out.slab) < len(records) {
		out.slab = make([]setDigest, len(records))
	}
	touched := make(map[identity]bool, len(under)+len(records))
	for _, rec := range under {
		touched[identity{rec.Kind, rec.Name}] = true
	}
	return out, l.View(ctx, func(s *Snapshot) error {
		room := l.shifter()
		defer l.giveBack(room)
		for some := range slices.Chunk(records, applyMany) {
			n := len(out.shifts)
			out.shifts = append(out.shifts, room.shifts(s, some, touched, out.slab[n:n+len(some)])...)
		}
		return nil
	})
}
