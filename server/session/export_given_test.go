package session

import "runtime"

// AwaitNotes returns once what is given is noted beside the answers.
func (e *Engine) AwaitNotes() {
	for {
		e.given.mu.Lock()
		ready := e.given.notes != nil
		e.given.mu.Unlock()
		if ready {
			return
		}
		runtime.Gosched()
	}
}
