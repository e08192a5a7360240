package etcd

import (
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const (
	pauseRefused = 5 * time.Second // at most, between tries of a watch that etcd refuses
	// watchPatience is how long a watch may begin again and again, as while members are restarted, before the store calls itself ill.
	watchPatience = 5 * time.Second
)

// watches are those that run. Whoever watches is not told of what stands in their way: they begin again by themselves. So the store's
// Health tells it, which decides whether the node is ready: what does not hear of other nodes' changes decides by what it knew.
type watches struct {
	mu  sync.Mutex // guards all
	all map[*watching]bool
}

// watching is one of them.
type watching struct {
	s *Store

	mu      sync.Mutex // guards the rest
	trouble *fault.Error
	since   time.Time // by the machine's clock
}

func (all *watches) begin(s *Store) *watching {
	w := &watching{s: s}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.all == nil {
		all.all = map[*watching]bool{}
	}
	all.all[w] = true
	return w
}

func (all *watches) end(w *watching) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.all, w)
}

// health gives what one of them cannot get over: a refusal at once, silence after watchPatience.
func (all *watches) health() *fault.Error {
	all.mu.Lock()
	defer all.mu.Unlock()
	for w := range all.all {
		w.mu.Lock()
		trouble, since := w.trouble, w.since
		w.mu.Unlock()
		if trouble != nil && (trouble.Code == CodeRefused || time.Since(since) > watchPatience) {
			return trouble
		}
	}
	return nil
}

// failed enters an error; the first one in a row is logged.
func (w *watching) failed(err error) {
	if w.s.life.Err() != nil || w.s.closing.Err() != nil || given(err) {
		return
	}
	f := explain(err)
	w.mu.Lock()
	first := w.trouble == nil
	if first {
		w.since = time.Now()
	}
	again := !first && w.trouble.Code != f.Code
	w.trouble = f
	w.mu.Unlock()
	if first || again {
		w.s.cfg.Logger.Warn("etcd ended a watch; it is begun again", "space", w.s.cfg.Space, "error", f, "cause", err)
	}
}

func (w *watching) well() {
	w.mu.Lock()
	was := w.trouble
	w.trouble = nil
	w.mu.Unlock()
	if was != nil {
		w.s.cfg.Logger.Info("the watch of etcd goes on", "space", w.s.cfg.Space)
	}
}

func (w *watching) refused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble != nil && w.trouble.Code == CodeRefused
}
