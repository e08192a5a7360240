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

// AwaitNoted returns once no note is on its way to the disk.
func (e *Engine) AwaitNoted() {
	for {
		e.given.mu.Lock()
		done := len(e.given.to) == 0
		e.given.mu.Unlock()
		if done {
			return
		}
		runtime.Gosched()
	}
}
