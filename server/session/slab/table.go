package slab

import "encoding/binary"

const (
	entry    = 8   // bytes: 32 bits of the id above the ref and 1, or 0
	smallTab = 512 // entries; a page of memory
)

// table finds records: open addressing with linear steps. Where an entry belongs follows from its own bits, so that a removal closes the gap and
// leaves no mark.
type table struct {
	memory []byte // entries; their number is a power of two
	filled int
}

func tagOf(id *ID) uint32 { return binary.LittleEndian.Uint32(id[4:]) }

func (t *table) mask() uint32           { return uint32(len(t.memory)/entry - 1) }
func (t *table) get(slot uint32) uint64 { return binary.LittleEndian.Uint64(t.memory[slot*entry:]) }

func (t *table) set(slot uint32, v uint64) { binary.LittleEndian.PutUint64(t.memory[slot*entry:], v) }

// find gives the slot and the place of an id.
func (t *table) find(id *ID, s *shard) (slot uint32, r ref, ok bool) {
	if t.filled == 0 {
		return 0, 0, false
	}
	tag, mask := tagOf(id), t.mask()
	for slot = tag & mask; ; slot = (slot + 1) & mask { // never full, see grow
		v := t.get(slot)
		if v == 0 {
			return 0, 0, false
		}
		if r = ref(uint32(v) - 1); uint32(v>>32) == tag && *s.at(r).id() == *id {
			return slot, r, true
		}
	}
}

// add is for an id that is not there, after grow.
func (t *table) add(id *ID, r ref) {
	t.insert(uint64(tagOf(id))<<32 | uint64(r+1))
	t.filled++
}

func (t *table) insert(v uint64) {
	mask := t.mask()
	slot := uint32(v>>32) & mask
	for t.get(slot) != 0 {
		slot = (slot + 1) & mask
	}
	t.set(slot, v)
}

// remove empties a slot and moves up what stands behind it only because it was taken.
func (t *table) remove(slot uint32) {
	t.filled--
	mask := t.mask()
	gap := slot
	for next := (gap + 1) & mask; ; next = (next + 1) & mask {
		v := t.get(next)
		if v == 0 {
			break
		}
		if home := uint32(v>>32) & mask; (next-home)&mask >= (next-gap)&mask {
			t.set(gap, v)
			gap = next
		}
	}
	t.set(gap, 0)
}

// grow makes room for one more entry: seven eighths are filled at most. False when there is no memory.
func (t *table) grow() bool {
	entries := len(t.memory) / entry
	return 8*(t.filled+1) <= 7*entries || t.resize(max(2*entries, smallTab))
}

// shrink gives memory back where an eighth is filled, and all of it where nothing is.
func (t *table) shrink() {
	entries := len(t.memory) / entry
	switch {
	case t.filled == 0:
		t.free()
	case entries > smallTab && 8*t.filled < entries:
		t.resize(entries / 2) // where there is no memory for a smaller one, this one stays
	}
}

func (t *table) resize(entries int) bool {
	next := table{memory: mapped(entries * entry), filled: t.filled}
	if next.memory == nil {
		return false
	}
	for slot := range uint32(len(t.memory) / entry) {
		if v := t.get(slot); v != 0 {
			next.insert(v)
		}
	}
	unmap(t.memory)
	*t = next
	return true
}

func (t *table) free() {
	unmap(t.memory)
	*t = table{}
}
