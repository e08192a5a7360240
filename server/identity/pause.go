package identity

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of the pauses between guesses (SEC-32).
const (
	firstPause  = time.Minute
	longest     = time.Hour
	freeGuesses = 5         // wrong passwords in a row before the first pause
	forgotten   = time.Hour // after which a series of wrong passwords is over
	sets        = 1 << 12   // pairs of account and source are hashed into these
	ways        = 4         // pairs that a set remembers
)

// pauses lets whoever gave wrong passwords for an account wait, longer each time: for that account, from that place. It keeps
// nobody else out. Memory is fixed; of pairs that meet in one set the one that is longest ago is forgotten.
type pauses struct {
	seed maphash.Seed
	mu   sync.Mutex // guards sets
	sets [sets][ways]series
}

// series is wrong passwords in a row.
type series struct {
	pair  uint64
	wrong int
	last  int64 // Unix nanoseconds; 0 = free
}

func newPauses() *pauses { return &pauses{seed: maphash.MakeSeed()} }

// over says whether a check may be made. Who cannot be told apart, or is known, is never paused: the count of the account is
// enough there.
func (p *pauses) over(account string, b by, now time.Time) bool {
	if b.source == "" || b.known {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, _ := p.find(account, b)
	return s == nil || s.wrong < freeGuesses || now.UnixNano()-s.last >= int64(pauseAfter(s.wrong))
}

// wrong notes a wrong password.
func (p *pauses) wrong(account string, b by, now time.Time) {
	if b.source == "" || b.known {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now.UnixNano()
	s, pair := p.find(account, b)
	if s == nil {
		set := &p.sets[pair%sets]
		s = &set[0]
		for i := range set {
			if set[i].last < s.last {
				s = &set[i]
			}
		}
		*s = series{pair: pair}
	}
	if at-s.last >= int64(forgotten+pauseAfter(s.wrong)) {
		s.wrong = 0
	}
	s.wrong, s.last = s.wrong+1, at
}

// right ends a series, and says whether there was one.
func (p *pauses) right(account string, b by) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, _ := p.find(account, b)
	if s != nil {
		*s = series{}
	}
	return s != nil
}

func (p *pauses) find(account string, b by) (s *series, pair uint64) {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(account)
	_ = h.WriteByte(0) // neither holds one
	_, _ = h.WriteString(b.source)
	pair = h.Sum64()
	set := &p.sets[pair%sets]
	for i := range set {
		if set[i].last != 0 && set[i].pair == pair {
			return &set[i], pair
		}
	}
	return nil, pair
}

// pauseAfter is a minute after freeGuesses wrong passwords in a row, then twice as long after each, up to longest.
func pauseAfter(wrong int) time.Duration {
	if wrong < freeGuesses {
		return 0
	}
	return min(firstPause<<min(wrong-freeGuesses, 10), longest)
}
