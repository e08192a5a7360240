package etcd

import "sync"

// cacheBytes bounds each of the two generations of the cache.
const cacheBytes = 16 << 20

// cache remembers what keys held at one revision of the guard. While the guard stays no key of the store changes, whatever
// else happens in etcd; so it is right as long as whoever uses it knows the guard's present revision. It has two
// generations: when the younger is full the older is dropped.
type cache struct {
	mu         sync.Mutex // guards all below
	guard      int64
	young, old map[string][]byte // raw values; nil = there is no such key
	bytes      int               // of young
}

// get gives what key held at that revision of the guard.
func (c *cache) get(guard int64, key []byte) (raw []byte, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if guard != c.guard {
		return nil, false
	}
	if raw, known = c.young[string(key)]; known {
		return raw, true
	}
	if raw, known = c.old[string(key)]; known {
		c.set(string(key), raw)
	}
	return raw, known
}

// add remembers what was read at that revision of the guard.
func (c *cache) add(guard int64, key, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if guard == c.guard {
		c.set(string(key), raw)
	}
}

func (c *cache) set(key string, raw []byte) {
	if c.young == nil {
		c.young = map[string][]byte{}
	}
	if c.bytes += len(key) + len(raw) + 64; c.bytes > cacheBytes {
		c.old, c.young, c.bytes = c.young, map[string][]byte{}, len(key)+len(raw)
	}
	c.young[key] = raw
}

// move follows a commit of our own from one revision of the guard to the next.
func (c *cache) move(from, to int64, writes map[string]entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from != c.guard {
		c.reset(to)
	}
	c.guard = to
	for key, e := range writes {
		c.set(key, e.raw)
	}
}

// follow forgets everything unless the guard is where it was.
func (c *cache) follow(guard int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if guard != c.guard {
		c.reset(guard)
	}
}

func (c *cache) reset(guard int64) { c.guard, c.young, c.old, c.bytes = guard, nil, nil, 0 }
