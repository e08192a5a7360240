package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
	all  sync.Map                       // net.Conn to *arrival, until it is closed
}

// arrival is one connection. Each request moves it twice, so that takes no lock.
type arrival struct {
	since      atomic.Int64 // when it came, Unix nanoseconds; or one of the two below
	speaks2    bool         // HTTP/2; once its handshake is over. Only its own goroutine looks
	handshaken bool
}

const (
	arrivalAtRest = 0
	arrivalInUse  = -1
)

// watch is http.Server's ConnState hook.
func (a *arrivals) watch(conn net.Conn, state http.ConnState) {
	a.note(conn, state)
	if a.next != nil {
		a.next(conn, state)
	}
}

func (a *arrivals) note(conn net.Conn, state http.ConnState) {
	if state == http.StateNew {
		one := &arrival{}
		one.since.Store(time.Now().UnixNano())
		a.all.Store(conn, one)
		return
	}
	if state == http.StateClosed || state == http.StateHijacked {
		a.all.Delete(conn)
		return
	}
	known, ok := a.all.Load(conn)
	if !ok {
		return
	}
	one := known.(*arrival) //nolint:forcetypeassert // nothing else is in it
	if !one.handshaken {
		c, secured := conn.(*tls.Conn)
		one.handshaken, one.speaks2 = true, secured && c.ConnectionState().NegotiatedProtocol == "h2"
	}
	if state == http.StateActive && !one.speaks2 {
		one.since.Store(arrivalInUse)
	} else {
		one.since.Store(arrivalAtRest)
	}
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

func (a *arrivals) some() (found bool) {
	a.all.Range(func(_, known any) bool {
		switch since := known.(*arrival).since.Load(); since { //nolint:forcetypeassert // as in note
		case arrivalAtRest:
		case arrivalInUse:
			found = true
		default:
			found = time.Since(time.Unix(0, since)) < firstRequest
		}
		return !found
	})
	return found
}
