package badger

import "runtime"

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
