package identity

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of guessing. They count for a node by itself and, by Shared, for all data centers together.
const (
	guesses     = 10          // checks of wrong passwords for an account in one window (SEC-30)
	strangers   = 7           // of those, by browsers that never signed in to the account (SEC-32)
	fromOne     = 5           // of those, by one of them, or from one address
	guessWindow = time.Minute //
	cells       = 1 << 14     // accounts are hashed into these; 160 bytes each
)

// by says whose check it is.
type by struct {
	source string // the browser that is known, else the network that it comes from; "" = nobody can say
	known  bool   // the browser signed in to this account before
}

// throttle counts the password checks of each account in the last minute.
//
// Memory is fixed: an account's cell is a keyed hash of its folded name, so that nobody can choose names that share a
// cell with a victim's, and a flood of invented names cannot push a victim's count out. Two accounts that share a cell by
// accident share ten checks. Only checks that reached the hash count, and those are few a second, so cells stay mostly free.
//
// Whoever guesses from one place has half of an account's checks, and all strangers together leave some to browsers that
// signed in to it before: no flood of guesses keeps a person out on their own browser (SEC-32).
type throttle struct {
	seed maphash.Seed
	mu   sync.Mutex             // guards when
	when [cells][guesses]counts // times of each counted check
}

// counts is one counted check; the zero value is free.
type counts struct {
	at     int64 // Unix nanoseconds; 0 = free
	source uint32
	known  bool
}

// grant is one counted check; the zero value counts nothing.
type grant struct {
	cell, slot int
	at         int64
	before     int // counted checks of the window before this one
}

func newThrottle() *throttle { return &throttle{seed: maphash.MakeSeed()} }

// take counts a check for account before it runs, so that parallel ones cannot pass the limit together; false = none left.
func (t *throttle) take(account string, b by, now time.Time) (grant, bool) {
	cell := int(maphash.String(t.seed, account) % cells)
	at, source := now.UnixNano(), uint32(maphash.String(t.seed, b.source))
	t.mu.Lock()
	defer t.mu.Unlock()
	free, all, strange, same := -1, 0, 0, 0
	for slot := range t.when[cell] {
		was := &t.when[cell][slot]
		if was.at > at { // the clock was set back: do not punish for it longer than one window
			was.at = at
		}
		if was.at == 0 || at-was.at >= int64(guessWindow) {
			free = slot
			continue
		}
		all++
		if !was.known {
			strange++
		}
		if b.source != "" && was.source == source {
			same++
		}
	}
	if free < 0 || same >= fromOne || !b.known && b.source != "" && strange >= strangers {
		return grant{}, false
	}
	t.when[cell][free] = counts{at, source, b.known}
	return grant{cell, free, at, all}, true
}

// find gives the counted check of that time; the zero grant, which uncounts nothing, when there is none.
func (t *throttle) find(account string, at int64) grant {
	cell := int(maphash.String(t.seed, account) % cells)
	t.mu.Lock()
	defer t.mu.Unlock()
	for slot, was := range t.when[cell] {
		if was.at == at {
			return grant{cell: cell, slot: slot, at: at}
		}
	}
	return grant{}
}

// giveBack uncounts a check that was no guess: the password was right, or it was never compared.
func (t *throttle) giveBack(g grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.when[g.cell][g.slot].at == g.at {
		t.when[g.cell][g.slot] = counts{}
	}
}
