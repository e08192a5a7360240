package slab_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/session/slab"
)

func idOf(r *rand.Rand) (id slab.ID) {
	binary.LittleEndian.PutUint64(id[:8], r.Uint64())
	binary.LittleEndian.PutUint64(id[8:], r.Uint64())
	return id
}

// recordOf gives bytes that can be told from any other's: the id and a number, again and again.
func recordOf(id slab.ID, number byte, length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = id[i%len(id)] ^ number
	}
	return b
}

func read(m *slab.Map, id slab.ID) (r slab.Record, ok bool) {
	ok = m.View(id, func(found slab.Record) { r = found; r.Bytes = bytes.Clone(found.Bytes) })
	return r, ok
}

// TestIsWhatAMapIs: whatever is put, raised, deleted and swept, what is found is what Go's map holds. Four shards get most of the ids, so that
// tables grow and shrink and chunks are packed.
func TestIsWhatAMapIs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	m, want := slab.New(64<<20), map[slab.ID]slab.Record{}
	ids := make([]slab.ID, 3000)
	for i := range ids {
		ids[i] = idOf(r)
		ids[i][0] &= 3
		if i%7 == 0 { // the same place in the table
			copy(ids[i][4:8], "same")
		}
	}
	for step := range 200_000 {
		id := ids[r.IntN(len(ids))]
		if step/40_000%2 == 1 {
			id = ids[r.IntN(len(ids)/20)] // most lie still, a few move: holes among what stays
		}
		switch before, there := want[id]; r.IntN(8) {
		case 0:
			m.Delete(id)
			delete(want, id)
		case 1:
			m.Raise(id, int64(step))
			if there {
				before.Time = max(before.Time, int64(step))
				want[id] = before
			}
		default:
			next := slab.Record{Bytes: recordOf(id, byte(step), r.IntN(400)), Until: int64(r.IntN(1000)), Time: int64(r.IntN(step + 1))}
			m.Put(id, next)
			next.Time = max(next.Time, before.Time)
			want[id] = next
		}
		if step%50_000 == 49_999 {
			now := int64(step / 1000)
			m.Sweep(now)
			for id, r := range want {
				if r.Until <= now {
					delete(want, id)
				}
			}
			same(t, m, ids, want)
		}
	}
	for _, id := range ids {
		m.Delete(id)
	}
	if got := m.Stats(); got != (slab.Stats{}) {
		t.Errorf("nothing is left, and yet %+v", got)
	}
}

func same(t *testing.T, m *slab.Map, ids []slab.ID, want map[slab.ID]slab.Record) {
	t.Helper()
	if got := m.Stats().Records; got != len(want) {
		t.Errorf("%d records, want %d", got, len(want))
	}
	for _, id := range ids {
		got, ok := read(m, id)
		w, should := want[id]
		if ok != should || !bytes.Equal(got.Bytes, w.Bytes) || got.Until != w.Until || got.Time != w.Time {
			t.Fatalf("%x: got %v %+v, want %v %+v", id, ok, got, should, w)
		}
	}
}

// TestNeverMoreThanTheLimit: the oldest go, the youngest stay, and a record takes little more than its bytes.
func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	const limit, length = 8 << 20, 150
	r := rand.New(rand.NewPCG(3, 4))
	m := slab.New(limit)
	var ids []slab.ID
	for range 100_000 {
		id := idOf(r)
		ids = append(ids, id)
		m.Put(id, slab.Record{Bytes: recordOf(id, 0, length), Until: 1})
	}
	s := m.Stats()
	if tables := 18 * s.Records; s.Mapped > limit+tables+64*4096 {
		t.Errorf("%d bytes are mapped for %d records, the limit is %d", s.Mapped, s.Records, limit)
	}
	if each := s.Mapped / s.Records; each > length+60 {
		t.Errorf("a record of %d bytes takes %d", length, each)
	}
	for i, id := range ids[len(ids)-s.Records/2:] {
		if got, ok := read(m, id); !ok || !bytes.Equal(got.Bytes, recordOf(id, 0, length)) {
			t.Fatalf("the %dth of the youngest is gone or another's", i)
		}
	}
	if _, ok := read(m, ids[0]); ok {
		t.Error("the oldest is still there")
	}
	m.Put(ids[1], slab.Record{Bytes: make([]byte, m.Largest()+1)})
	if _, ok := read(m, ids[1]); ok {
		t.Error("a record that is too long is kept")
	}
	m.Clear()
	if got := m.Stats(); got != (slab.Stats{}) {
		t.Errorf("cleared, and yet %+v", got)
	}
}

// TestReadersSeeWholeRecords while others replace, delete, pack and evict them: never a place that another record has taken.
func TestReadersSeeWholeRecords(t *testing.T) {
	t.Parallel()
	m := slab.New(1 << 20) // little, so that chunks come and go
	r := rand.New(rand.NewPCG(5, 6))
	ids := make([]slab.ID, 4000)
	for i := range ids {
		ids[i] = idOf(r)
		ids[i][0] &= 7
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(n)))
			for i := range 30_000 {
				id := ids[r.IntN(len(ids))]
				switch r.IntN(4) {
				case 0:
					m.Put(id, slab.Record{Bytes: recordOf(id, byte(i), 32+r.IntN(200)), Until: int64(r.IntN(100))})
				case 1:
					m.Delete(id)
				case 2:
					m.Raise(id, int64(i))
				}
				if got, ok := read(m, id); ok && !bytes.Equal(got.Bytes, recordOf(id, got.Bytes[0]^id[0], len(got.Bytes))) {
					t.Errorf("%x: another record's bytes", id)
					return
				}
				if i%5000 == 0 {
					m.Sweep(int64(r.IntN(50)))
				}
			}
		})
	}
	all.Wait()
}
