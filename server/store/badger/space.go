package badger

import (
	"sync"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// spaceGuard tells when the disk is nearly full. Badger writes through memory maps: at the very end of the disk the process
// gets SIGBUS, which no Go code can handle (FLT-04).
type spaceGuard struct {
	dir     string
	least   int64 // bytes; negative = off
	free    func(dir string) (int64, error)
	reserve func() int64 // bytes that Badger may still write by itself

	mu       sync.Mutex // guards the rest
	asked    time.Time  // when reserved was asked for
	written  int64      // bytes since then
	reserved int64
}

// How long an answer of reserve is good for: so much time, and that part of least in written bytes.
const (
	askAgain     = time.Second
	askAgainPart = 16
)

// check says whether there is space to write: nil, or the fault for the callers. The file system is asked each time, which
// costs a microsecond: others write to the disk too, and one that filled up since the last answer ends the process.
func (g *spaceGuard) check() error {
	if g.least < 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked.IsZero() || time.Since(g.asked) >= askAgain || g.written >= g.least/askAgainPart {
		g.asked, g.written, g.reserved = time.Now(), 0, g.reserve()
	}
	free, err := g.free(g.dir)
	return g.verdict(free, g.least+g.reserved, err)
}

// compactionReserve is what the compactions at work may write before they delete what they merged: level 0 and the level
// below it may be rewritten as a whole, of the other levels a few tables at a time. Measured with 300 MB on a disk of 400:
// without it Badger meets the end of the disk seconds after the last update.
func compactionReserve(db *engine.DB) int64 {
	const others = 256 << 20
	var all, top int64
	for _, level := range db.Levels() {
		all += level.Size
		if level.Level == 0 || level.IsBaseLevel {
			top += level.Size
		}
	}
	return min(all, top+others)
}

// wrote counts what was written since reserve was asked.
func (g *spaceGuard) wrote(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written += n
}

func (g *spaceGuard) verdict(free, need int64, err error) error {
	if err == nil && free >= need {
		return nil
	}
	e := fault.New(fault.Unavailable, "storage_full",
		"The disk of %s has %d MiB free and %d MiB are needed. Changes are refused until there is space: free some or enlarge the disk.",
		g.dir, free>>20, need>>20)
	if err != nil {
		e.Code, e.Message = "storage_failed", "The free space of "+g.dir+" cannot be read. Check the disk; changes are refused until then."
	}
	e.RetryAfter, e.Err = time.Second, err
	return e
}
