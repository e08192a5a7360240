package etcd

import "runtime"

// AwaitQueued returns once n updates wait for their turn.
func AwaitQueued(s *Store, n int) {
	for s.queue.Waiting() < n {
		runtime.Gosched()
	}
}
