package session

import "sync"

// cache is a bounded map for the request path. Each shard has two generations: what is used moves to the young one, and
// when that is full the old one, unused since, is dropped. Between half and all of the bound is kept.
type cache[K comparable, V any] struct {
	shards  [16]shard[K, V]
	half    int // entries of a generation of a shard
	spread  func(K) byte
	dropped func(V)
}

type shard[K comparable, V any] struct {
	mu         sync.RWMutex // guards the maps
	young, old map[K]V
}

func newCache[K comparable, V any](entries int, spread func(K) byte, dropped func(V)) *cache[K, V] {
	c := &cache[K, V]{half: max(1, entries/32), spread: spread, dropped: dropped}
	for i := range c.shards {
		c.shards[i].young = make(map[K]V)
	}
	return c
}

func (c *cache[K, V]) shard(k K) *shard[K, V] { return &c.shards[c.spread(k)%16] }

func (c *cache[K, V]) get(k K) (v V, ok bool) {
	s := c.shard(k)
	s.mu.RLock()
	v, ok = s.young[k]
	if !ok && s.old != nil {
		_, ok = s.old[k]
		s.mu.RUnlock()
		if !ok {
			return v, false
		}
		return c.promote(s, k)
	}
	s.mu.RUnlock()
	return v, ok
}

// peek is get for who does not use what it looks at.
func (c *cache[K, V]) peek(k K) (v V, ok bool) {
	s := c.shard(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v, ok = s.young[k]; !ok {
		v, ok = s.old[k]
	}
	return v, ok
}

func (c *cache[K, V]) promote(s *shard[K, V], k K) (v V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.young[k]; ok {
		return v, true
	}
	if v, ok = s.old[k]; ok {
		delete(s.old, k)
		c.put(s, k, v)
	}
	return v, ok
}

// add keeps v unless there is a value already, and gives the one that is kept.
func (c *cache[K, V]) add(k K, v V) V {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.young[k]; ok {
		return kept
	}
	if kept, ok := s.old[k]; ok {
		return kept
	}
	c.put(s, k, v)
	return v
}

func (c *cache[K, V]) put(s *shard[K, V], k K, v V) {
	if len(s.young) >= c.half {
		for _, unused := range s.old {
			c.dropped(unused)
		}
		s.old, s.young = s.young, make(map[K]V)
	}
	s.young[k] = v
}

func (c *cache[K, V]) remove(k K) (v V, ok bool) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.young[k]; !ok {
		v, ok = s.old[k]
	}
	delete(s.young, k)
	delete(s.old, k)
	if ok {
		c.dropped(v)
	}
	return v, ok
}

// clear drops everything.
func (c *cache[K, V]) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, all := range []map[K]V{s.young, s.old} {
			for _, v := range all {
				c.dropped(v)
			}
		}
		s.young, s.old = make(map[K]V), nil
		s.mu.Unlock()
	}
}
