package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	firstRequest = time.Second     // how long a connection that sends nothing holds up a stop
	settleMost   = 2 * time.Second // how long any does: callers of HTTP/2 are told to go away only then
	settleLook   = 2 * time.Millisecond
)

// arrivals are the connections of a listener over which a request may be on its way that http.Server.Shutdown would drop: it hangs up
// on a connection whose request it has just read. Those are the ones whose first request was not read yet, and those of HTTP/1.1 that
// are in use. Over HTTP/2 nothing is lost: its end says what was not taken up (RFC 9113 section 6.8).
type arrivals struct {
	next func(net.Conn, http.ConnState) // is told too; may be nil

	mu    sync.Mutex // guards since
	since map[net.Conn]time.Time
}

// watch is http.Server's ConnState hook.
func (a *arrivals) watch(conn net.Conn, state http.ConnState) {
	a.note(conn, state)
	if a.next != nil {
		a.next(conn, state)
	}
}

func (a *arrivals) note(conn net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case state == http.StateNew:
		a.since[conn] = time.Now()
	case state == http.StateActive && !speaks2(conn):
		a.since[conn] = time.Time{}
	default:
		delete(a.since, conn)
	}
}

// speaks2 says whether the handshake, which is over, came to HTTP/2.
func speaks2(conn net.Conn) bool {
	c, ok := conn.(*tls.Conn)
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

// settle waits until none is left, for most at most, or ctx ends.
func (a *arrivals) settle(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(settleLook)
	defer tick.Stop()
	for a.some() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *arrivals) some() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, since := range a.since {
		if since.IsZero() || time.Since(since) < firstRequest {
			return true
		}
	}
	return false
}
