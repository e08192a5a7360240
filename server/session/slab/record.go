package slab

import "encoding/binary"

// place is a record where it lies, from its head to its end.
type place []byte

func (p place) id() *ID      { return (*ID)(p) }
func (p place) until() int64 { return int64(binary.LittleEndian.Uint32(p[headUntil:])) }
func (p place) time() int64  { return int64(binary.LittleEndian.Uint64(p[headTime:])) }

func (p place) record() Record {
	return Record{Bytes: p[head:len(p):len(p)], Until: p.until(), Time: p.time()}
}

// ref is where a record begins: the chunk's number and 18 bits of offset.
type ref uint32

const offsetBits = 18

func (r ref) chunk() uint32 { return uint32(r >> offsetBits) }
func (r ref) offset() int   { return int(r & (1<<offsetBits - 1)) }

func (s *shard) at(r ref) place { return s.chunks[r.chunk()].from(r.offset()) }

// from gives the record that begins at an offset.
func (c *chunk) from(offset int) place {
	b := c.memory[offset:]
	return place(b[:head+int(binary.LittleEndian.Uint16(b[headLength:]))])
}

func (s *shard) find(id *ID) (place, bool) {
	_, r, ok := s.table.find(id, s)
	if !ok {
		return nil, false
	}
	return s.at(r), true
}

// write appends a record. Where there is no memory it is not kept.
func (s *shard) write(id *ID, r Record) {
	n := head + len(r.Bytes)
	number, ok := s.room(n)
	if !ok || !s.table.grow() {
		return
	}
	c := &s.chunks[number]
	b := c.memory[c.used : c.used+n]
	copy(b, id[:])
	binary.LittleEndian.PutUint32(b[headUntil:], uint32(min(max(r.Until, 0), 1<<32-1)))
	binary.LittleEndian.PutUint64(b[headTime:], uint64(r.Time))
	binary.LittleEndian.PutUint16(b[headLength:], uint16(len(r.Bytes)))
	copy(b[head:], r.Bytes)
	s.table.add(id, ref(number<<offsetBits|uint32(c.used)))
	c.used, c.live = c.used+n, c.live+n
}

// room gives the chunk that has n bytes left, which may be a new one.
func (s *shard) room(n int) (number uint32, ok bool) {
	if len(s.order) > 0 {
		number = s.order[len(s.order)-1]
		if c := &s.chunks[number]; c.used+n <= len(c.memory) {
			return number, true
		}
	}
	for len(s.order) >= s.limit {
		s.evict(s.order[0])
	}
	memory := mapped(s.size)
	if memory == nil {
		return 0, false
	}
	before, had := number, len(s.order) > 0
	number = s.number()
	s.chunks[number] = chunk{memory: memory}
	s.order = append(s.order, number)
	if c := &s.chunks[before]; had && 2*c.live < c.used { // its holes came while it was written to
		s.pack(before) // which leaves more than n: half a chunk at most, and no record is longer than a quarter
	}
	return number, true
}

// number gives one that no chunk has.
func (s *shard) number() uint32 {
	for i := range s.chunks {
		if s.chunks[i].memory == nil {
			return uint32(i)
		}
	}
	s.chunks = append(s.chunks, chunk{})
	return uint32(len(s.chunks) - 1)
}

// drop forgets a record, and its chunk when that is worth it.
func (s *shard) drop(id *ID) {
	slot, r, ok := s.table.find(id, s)
	if !ok {
		return
	}
	n := len(s.at(r))
	s.table.remove(slot)
	c := &s.chunks[r.chunk()]
	c.live -= n
	switch {
	case c.live == 0:
		s.release(r.chunk())
	case 2*c.live < c.used && s.order[len(s.order)-1] != r.chunk():
		s.pack(r.chunk())
	}
	s.table.shrink()
}

// pack copies what is found of a chunk to the end and gives the chunk back.
func (s *shard) pack(number uint32) {
	s.leave(number) // its number is not given to another before it is released
	s.each(number, func(p place, slot uint32) {
		s.table.remove(slot)
		s.write(p.id(), p.record())
	})
	s.release(number)
}

// evict gives a chunk back with all that is in it.
func (s *shard) evict(number uint32) {
	s.each(number, func(_ place, slot uint32) { s.table.remove(slot) })
	s.release(number)
}

// release gives a chunk back in which nothing is found any more.
func (s *shard) release(number uint32) {
	s.leave(number)
	unmap(s.chunks[number].memory)
	s.chunks[number] = chunk{}
}

// each calls do for every record of a chunk that is found.
func (s *shard) each(number uint32, do func(p place, slot uint32)) {
	memory, used := s.chunks[number].memory, s.chunks[number].used
	c := chunk{memory: memory}
	for offset := 0; offset < used; {
		p := c.from(offset)
		slot, r, ok := s.table.find(p.id(), s)
		if ok && r == ref(number<<offsetBits|uint32(offset)) {
			do(p, slot)
		}
		offset += len(p)
	}
}

// leave takes a chunk out of the order.
func (s *shard) leave(number uint32) {
	kept := s.order[:0]
	for _, n := range s.order {
		if n != number {
			kept = append(kept, n)
		}
	}
	s.order = kept
}

// sweep forgets what is over, chunk by chunk.
func (s *shard) sweep(now int64) {
	s.mu.RLock()
	var over []ID
	for _, number := range s.order {
		s.each(number, func(p place, _ uint32) {
			if p.until() <= now {
				over = append(over, *p.id())
			}
		})
	}
	s.mu.RUnlock()
	for i := range over { // another record of that id may have come meanwhile
		s.mu.Lock()
		if p, ok := s.find(&over[i]); ok && p.until() <= now {
			s.drop(&over[i])
		}
		s.mu.Unlock()
	}
}
