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

// Gathers says whether a group of n, after one of last, gets another caller: one who is there already, or comes never.
func Gathers(last, n int, comes bool) bool {
	g := gathering{last: last, took: time.Millisecond}
	wake := make(chan struct{}, 1)
	if comes {
		wake <- struct{}{}
		g.took = time.Hour
	}
	another := g.more(n, wake)
	g.end(n)()
	return another
}
