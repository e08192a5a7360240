package badger

import "time"

const (
	maxGather   = 2 * time.Millisecond // that a group waits for more of those who were answered with the one before, on a disk that is slow
	leastGather = 4                    // who are waited for; of fewer the wait costs more than the sync
)

// gathering keeps callers together who come in step: those of one group are answered at once and come back one after another. The
// first of them would else be committed alone while the others are under way, and each group costs two syncs, and in every clone a
// page with two more. All fields belong to the worker that has the turn.
type gathering struct {
	share int           // where a group more costs little: into so many parts, one of which is made while another is synced
	last  int           // how many the last group had
	took  time.Duration // its commit
	timer *time.Timer   // of the group in the making; nil = it waits for nobody yet
}

// more waits for another caller of a group that has n so far, and says whether one came. No group waits longer than a commit took, so
// that who waits in vain loses no more than what it would have been to come a moment later.
func (g *gathering) more(n int, wake <-chan struct{}) bool {
	if n == 0 || n*max(1, g.share) >= g.last || g.last < leastGather {
		return false
	}
	if g.timer == nil {
		g.timer = time.NewTimer(min(g.took, maxGather))
	}
	select {
	case <-wake:
		return true
	case <-g.timer.C:
		return false
	}
}

// end closes a group of n whose commit begins now, and gives what is to be called when it is done.
func (g *gathering) end(n int) func() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	begin := time.Now()
	return func() { g.last, g.took = n, time.Since(begin) }
}
