package ldap

import (
	"context"
	"slices"
	"sync"
	"time"
)

// idleLife is how long a connection is kept that nobody uses.
const idleLife = time.Minute

// use is what a connection is there for. Who binds as a person searches no more with that connection.
type use uint8

const (
	searches use = iota
	binds
	uses
)

// Waits of a server that was down: doubled with each failure in a row.
const (
	firstRest = 500 * time.Millisecond
	longRest  = 10 * time.Second
)

// server is one server with its idle connections and what is remembered of its failures.
type server struct {
	*target

	mu     sync.Mutex // guards all below
	idle   [uses][]*line
	closed bool
	failed int       // times in a row
	until  time.Time // it is left alone
}

func newServer(t *target) *server { return &server{target: t} }

// asks says whether the server may be asked now. Of those that come after its rest one tries, and the others pass by until
// that one knows more.
func (s *server) asks(now time.Time) (may, trial bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == 0 {
		return true, false
	}
	if now.Before(s.until) {
		return false, false
	}
	s.until = now.Add(s.cfg.Settings.ConnectTimeout.D())
	return true, true
}

// down notes a failure. Those who were under way together when the server went down have seen one failure, not many.
func (s *server) down(now time.Time, trial bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed > 0 && !trial {
		return
	}
	rest := longRest
	if s.failed < 5 {
		rest = firstRest << s.failed
	}
	s.failed, s.until = s.failed+1, now.Add(rest)
}

func (s *server) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = 0
}

// take gives an idle connection, the one used last first, or opens one. pooled says that it is an old one, which the server
// may have closed without our knowing.
func (s *server) take(ctx context.Context, u use, fresh bool) (l *line, pooled bool, err error) {
	if !fresh {
		if l := s.rested(u); l != nil {
			return l, true, nil
		}
	}
	if u == searches {
		l, err = s.searcher(ctx)
	} else {
		l, err = s.open(ctx)
	}
	return l, false, err
}

func (s *server) rested(u use) (best *line) {
	s.mu.Lock()
	all := s.idle[u]
	var gone []*line
	for len(all) > 0 && best == nil {
		l := all[len(all)-1]
		if all = all[:len(all)-1]; l.conn.IsClosing() || time.Since(l.rested) > idleLife {
			gone = append(gone, l)
			continue
		}
		best = l
	}
	s.idle[u] = all
	s.mu.Unlock()
	closeAll(gone)
	return best
}

// give puts a connection back.
func (s *server) give(u use, l *line) {
	l.rested = time.Now()
	s.mu.Lock()
	var gone []*line
	s.idle[u] = slices.DeleteFunc(s.idle[u], func(old *line) bool {
		over := time.Since(old.rested) > idleLife
		if over {
			gone = append(gone, old)
		}
		return over
	})
	if s.closed {
		gone = append(gone, l)
	} else {
		s.idle[u] = append(s.idle[u], l)
	}
	s.mu.Unlock()
	closeAll(gone)
}

// forget drops what is idle: it was opened before the server went away.
func (s *server) forget() {
	s.mu.Lock()
	var gone []*line
	for u := range s.idle {
		gone = append(gone, s.idle[u]...)
		s.idle[u] = nil
	}
	s.mu.Unlock()
	closeAll(gone)
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.forget()
}

func closeAll(lines []*line) {
	for _, l := range lines {
		l.close()
	}
}
