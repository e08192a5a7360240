package slab

import (
	"encoding/binary"
	"math"
	"runtime"
	"sync"
)

// ID names a record. Its bits must be random, and nobody who wants to do harm may choose them.
type ID [16]byte

const (
	shards     = 64
	largest    = 256 << 10 // bytes of a chunk, at most: a place has 18 bits for the offset
	smallest   = 4 << 10
	generation = 16 // chunks that a full shard has: so many parts of it go one after another

	// A record's head: id, until (seconds), time (milliseconds), length of what follows.
	headUntil  = 16
	headTime   = 20
	headLength = 28
	head       = 30
)

// Map is the records. Safe for concurrent use. Its memory is given back when nobody refers to it any more.
type Map struct {
	all   *[shards]shard
	chunk int // bytes of a chunk
}

// shard is a part with its own lock. Everything in it is guarded by mu; bytes of records are read under it too.
type shard struct {
	mu     sync.RWMutex
	chunks []chunk  // by number; one without memory is free
	order  []uint32 // numbers in the order in which they were begun; the last one is written to
	limit  int      // chunks
	table  table
	size   int // bytes of a chunk
}

// chunk is one piece of mapped memory.
type chunk struct {
	memory     []byte
	used, live int // bytes that were written, and those of them that are found
}

// Record is what is kept under an id.
type Record struct {
	Bytes []byte // at most Map.Largest, otherwise it is not kept
	Until int64  // Unix seconds: Sweep drops it from then on
	Time  int64  // Unix milliseconds; only ever raised while a record of the id is kept
}

// New makes a Map that maps at most limit bytes for records; below 64 chunks' worth it maps a little more.
func New(limit int) *Map {
	m := &Map{all: new([shards]shard), chunk: min(max(limit/shards/generation, smallest), largest)}
	for i := range m.all {
		m.all[i].limit, m.all[i].size = max(limit/shards/m.chunk, 2), m.chunk
	}
	runtime.AddCleanup(m, func(all *[shards]shard) { clearAll(all) }, m.all) // under the locks: a call that still runs ends first
	return m
}

// Largest is the length of the longest record that is kept, in bytes.
func (m *Map) Largest() int { return min(m.chunk/4, math.MaxUint16) - head }

func (m *Map) shard(id *ID) *shard { return &m.all[id[0]%shards] }

// Put keeps a record in the place of the one of that id. The later one of both times stays.
func (m *Map) Put(id ID, r Record) {
	s := m.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.find(&id); ok {
		r.Time = max(r.Time, at.time())
		s.drop(&id)
	}
	if len(r.Bytes) > m.Largest() {
		return
	}
	s.write(&id, r)
}

// View shows read the record of an id; false when there is none. read runs under a lock: it must be short, call nothing of the Map and
// copy what it keeps of the bytes.
func (m *Map) View(id ID, read func(Record)) bool {
	s := m.shard(&id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.find(&id)
	if ok {
		read(at.record())
	}
	return ok
}

// Raise moves the time of a record forward, if there is one.
func (m *Map) Raise(id ID, time int64) {
	s := m.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.find(&id); ok && at.time() < time {
		binary.LittleEndian.PutUint64(at[headTime:], uint64(time))
	}
}

// Delete forgets a record.
func (m *Map) Delete(id ID) {
	s := m.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(&id)
}

// Clear forgets everything and unmaps the memory.
func (m *Map) Clear() { clearAll(m.all) }

func clearAll(all *[shards]shard) {
	for i := range all {
		s := &all[i]
		s.mu.Lock()
		for _, c := range s.chunks {
			unmap(c.memory)
		}
		s.table.free()
		s.chunks, s.order = nil, nil
		s.mu.Unlock()
	}
}

// Sweep forgets what is over at a time, in Unix seconds.
func (m *Map) Sweep(now int64) {
	for i := range m.all {
		m.all[i].sweep(now)
	}
}

// Stats says how much there is.
type Stats struct {
	Records int
	Mapped  int // bytes, tables included
}

// Stats counts.
func (m *Map) Stats() (out Stats) {
	for i := range m.all {
		s := &m.all[i]
		s.mu.RLock()
		out.Records += s.table.filled
		out.Mapped += len(s.order)*s.size + len(s.table.memory)
		s.mu.RUnlock()
	}
	return out
}
