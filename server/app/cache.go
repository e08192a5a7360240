package app

import (
	"sync"
	"sync/atomic"
)

// cached holds one value that is loaded when it is needed and dropped when its source changes. A load that was overtaken
// by a change is used once and not kept, so nothing stale stays.
type cached[T any] struct {
	value atomic.Pointer[T]
	mu    sync.Mutex // guards generation and the writing of value
	gen   uint64
}

func (c *cached[T]) get(load func() (*T, error)) (*T, error) {
	if v := c.value.Load(); v != nil {
		return v, nil
	}
	c.mu.Lock()
	gen := c.gen
	c.mu.Unlock()
	v, err := load()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen == gen {
		c.value.Store(v)
	}
	return v, nil
}

func (c *cached[T]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	c.value.Store(nil)
}

// cachedMap is cached for many values by name, bounded: a full one starts anew.
type cachedMap[T any] struct {
	limit int
	mu    sync.RWMutex // guards all below
	gen   uint64
	all   map[string]*T // nil value: known to be absent
}

func (c *cachedMap[T]) get(name string, load func() (*T, error)) (*T, error) {
	c.mu.RLock()
	v, ok := c.all[name]
	gen := c.gen
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := load()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen == gen {
		if c.all == nil || len(c.all) >= c.limit {
			c.all = make(map[string]*T)
		}
		c.all[name] = v
	}
	return v, nil
}

// drop forgets one name; "" forgets all.
func (c *cachedMap[T]) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if name == "" {
		c.all = nil
		return
	}
	delete(c.all, name)
}
