package app

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// callers are the connections that partners hold open to the peer listener. What they ask is verified for each request; what they
// were already being answered, such as a long poll or a snapshot, ends here when trust is taken away (SEC-43, FLT-22).
type callers struct {
	mu   sync.Mutex // guards open
	open map[net.Conn]*tls.ConnectionState
}

// watch is http.Server's ConnState hook. A connection counts from when its handshake is over, which is before its first request
// is looked at: whatever was put in force before that decides on the request.
func (c *callers) watch(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateActive:
		c.add(conn)
	case http.StateClosed, http.StateHijacked:
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, conn)
	}
}

func (c *callers) add(conn net.Conn) {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return
	}
	c.mu.Lock()
	known := c.open[conn] != nil
	c.mu.Unlock()
	if known {
		return
	}
	cs := secured.ConnectionState()
	if len(cs.PeerCertificates) == 0 {
		return // a stranger has nothing that could be taken away
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[net.Conn]*tls.ConnectionState{}
	}
	c.open[conn] = &cs
}

// cut closes every connection whose caller verify refuses now, and says how many those were. It does not wait for a caller: what
// lies below TLS is closed, without a farewell.
func (c *callers) cut(verify func(cs *tls.ConnectionState) error) (cut int) {
	c.mu.Lock()
	all := make(map[net.Conn]*tls.ConnectionState, len(c.open))
	for conn, cs := range c.open {
		all[conn] = cs
	}
	c.mu.Unlock()
	for conn, cs := range all {
		if verify(cs) == nil {
			continue
		}
		cut++
		if secured, ok := conn.(*tls.Conn); ok {
			_ = secured.NetConn().Close() // it is of no more use
		}
	}
	return cut
}
