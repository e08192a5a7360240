package identity

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of guessing. They count for a node by itself and, by Shared, for all data centers together.
const (
	guesses     = 10          // checks of wrong passwords for an account in one window (SEC-30)
	guessWindow = time.Minute //
	cells       = 1 << 14     // accounts are hashed into these; 80 bytes each
)

// throttle counts the password checks of each account in the last minute.
//
// Memory is fixed: an account's cell is a keyed hash of its folded name, so that nobody can choose names that share a
// cell with a victim's, and a flood of invented names cannot push a victim's count out. Two accounts that share a cell by
// accident share ten checks. Only checks that reached the hash count, and those are few a second, so cells stay mostly free.
type throttle struct {
	seed maphash.Seed
	mu   sync.Mutex            // guards when
	when [cells][guesses]int64 // time of each counted check, Unix nanoseconds; 0 = free
}

// grant is one counted check; the zero value counts nothing.
type grant struct {
	cell, slot int
	at         int64
	before     int // counted checks of the window before this one
}

func newThrottle() *throttle { return &throttle{seed: maphash.MakeSeed()} }

// take counts a check for account before it runs, so that parallel ones cannot pass the limit together; false = none left.
func (t *throttle) take(account string, now time.Time) (grant, bool) {
	cell := int(maphash.String(t.seed, account) % cells)
	at := now.UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	free, busy := -1, 0
	for slot, was := range t.when[cell] {
		if was > at { // the clock was set back: do not punish for it longer than one window
			t.when[cell][slot], was = at, at
		}
		if was == 0 || at-was >= int64(guessWindow) {
			free = slot
			continue
		}
		busy++
	}
	if free < 0 {
		return grant{}, false
	}
	t.when[cell][free] = at
	return grant{cell, free, at, busy}, true
}

// find gives the counted check of that time; the zero grant, which uncounts nothing, when there is none.
func (t *throttle) find(account string, at int64) grant {
	cell := int(maphash.String(t.seed, account) % cells)
	t.mu.Lock()
	defer t.mu.Unlock()
	for slot, was := range t.when[cell] {
		if was == at {
			return grant{cell: cell, slot: slot, at: at}
		}
	}
	return grant{}
}

// giveBack uncounts a check that was no guess: the password was right, or it was never compared.
func (t *throttle) giveBack(g grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.when[g.cell][g.slot] == g.at {
		t.when[g.cell][g.slot] = 0
	}
}
