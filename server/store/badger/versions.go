package badger

import (
	"slices"
	"sync"
)

// versions are those that snapshots read which are not yet discarded. What no snapshot reads any more, nor any to come, Badger may drop.
type versions struct {
	all  sync.WaitGroup
	drop func(upTo uint64) // tells Badger: of each key, the newest record up to there is enough

	mu    sync.Mutex // guards the rest
	order []uint64   // ascending
}

func (v *versions) begin(version uint64) {
	v.all.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.order = append(v.order, version)
	if len(v.order) == 1 {
		v.drop(version)
	}
}

func (v *versions) end(version uint64) {
	defer v.all.Done()
	v.mu.Lock()
	defer v.mu.Unlock()
	at, found := slices.BinarySearch(v.order, version)
	if !found {
		return
	}
	v.order = slices.Delete(v.order, at, at+1)
	if at == 0 && len(v.order) > 0 {
		v.drop(v.order[0])
	}
}

// wait returns when no snapshot is left.
func (v *versions) wait() { v.all.Wait() }
