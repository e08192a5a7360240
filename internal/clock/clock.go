// Package clock is the time as a value that is handed in, so that time-outs are tested without waiting.
//
// Code that decides by the time of day takes a Clock. Code that only paces itself (tickers, back-off) uses package time
// and is tested in a testing/synctest bubble.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. Implementations are safe for concurrent use.
type Clock interface {
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now gives the machine's time in UTC, with its monotonic reading.
func (System) Now() time.Time { return time.Now().UTC() }

// Manual is a clock for tests that moves only when told to.
type Manual struct {
	mu  sync.Mutex // guards now
	now time.Time
}

// NewManual starts a clock at t.
func NewManual(t time.Time) *Manual { return &Manual{now: t.UTC()} }

// Now gives the time that was set last.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Advance moves the clock by d, which may be negative, and gives the new time.
func (m *Manual) Advance(d time.Duration) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	return m.now
}

var (
	_ Clock = System{}
	_ Clock = (*Manual)(nil)
)
