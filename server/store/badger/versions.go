package badger

import "sync"

// versions are those that snapshots read which are not yet discarded. What no snapshot reads any more, nor any to come, Badger may drop.
type versions struct {
	all  sync.WaitGroup
	drop func(upTo uint64) // tells Badger: of each key, the newest record up to there is enough

	mu    sync.Mutex // guards the rest
	order []uint64   // ascending, from the oldest that is read; ended ones among them stay until they are the first
	ended map[uint64]bool
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
	v.ended[version] = true
	oldest := 0
	for oldest < len(v.order) && v.ended[v.order[oldest]] {
		delete(v.ended, v.order[oldest])
		oldest++
	}
	if oldest == 0 {
		return
	}
	v.order = append(v.order[:0], v.order[oldest:]...)
	if len(v.order) > 0 {
		v.drop(v.order[0])
	}
}

// wait returns when no snapshot is left.
func (v *versions) wait() { v.all.Wait() }
