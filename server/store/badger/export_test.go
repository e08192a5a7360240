package badger

import (
	"runtime"
	"time"
)

// BreakMirror closes the mirror's file under the committer, so that the next write of it fails.
func BreakMirror(s *Store) { _ = s.mirror.Close() }

// KeptTransactions is how many transactions a watch can look back.
const KeptTransactions = keptTransactions

// AwaitQueued returns once n updates wait for their turn.
func AwaitQueued(s *Store, n int) {
	for s.queue.Waiting() < n {
		runtime.Gosched()
	}
}

// Gathers says whether a group of n, after one of last, gets another caller: one who is there already, or comes never. Callers keep together in
// so many parts as share says.
func Gathers(last, n, share int, comes bool) bool {
	g := gathering{share: share, last: last, took: time.Millisecond}
	wake := make(chan struct{}, 1)
	if comes {
		wake <- struct{}{}
		g.took = time.Hour
	}
	another := g.more(n, wake)
	g.end(n)()
	return another
}

// OnFirstSync lets fn stand in for the next sync of the log. Nothing may be under way.
func OnFirstSync(s *Store, fn func() error) {
	s.committer.sync = func() error {
		s.committer.sync = s.log.sync
		return fn()
	}
}

// RunAheadFor sets how long functions are run while a commit is under way. Nothing may be under way.
func RunAheadFor(s *Store, d time.Duration) { s.committer.mostAhead = d }
