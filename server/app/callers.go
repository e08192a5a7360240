package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// callers are the connections that partners hold open to the peer listener. What they ask is verified for each request; what they
// were already being answered, such as a long poll or a snapshot, ends here when trust is taken away (SEC-43, FLT-22).
type callers struct {
	mu    sync.Mutex // guards all below
	open  map[net.Conn]*tls.ConnectionState
	plain map[net.Conn]string // in mode open: who proved the last request
}

// connectionKey is where the context of a request has its connection.
type connectionKey struct{}

// mark is http.Server's ConnContext hook.
func (c *callers) mark(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// proved notes who proves the request of ctx in mode open. It is called before the request is judged: whatever is taken away before
// that refuses the request, and whatever is taken away after it cuts the connection.
func (c *callers) proved(ctx context.Context, clusterID string) {
	conn, ok := ctx.Value(connectionKey{}).(net.Conn)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plain == nil {
		c.plain = map[net.Conn]string{}
	}
	c.plain[conn] = clusterID
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
		delete(c.plain, conn)
	}
}

func (c *callers) add(conn net.Conn) {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return // nobody knows whose it is before a request is proved
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

// cut closes every connection whose caller verify refuses now, and in mode open every one whose caller member refuses, and says how
// many those were. It does not wait for a caller: what lies below TLS is closed, without a farewell.
func (c *callers) cut(verify func(cs *tls.ConnectionState) error, member func(clusterID string) error) (cut int) {
	c.mu.Lock()
	all := make(map[net.Conn]func() error, len(c.open)+len(c.plain))
	for conn, cs := range c.open {
		all[conn] = func() error { return verify(cs) }
	}
	for conn, clusterID := range c.plain {
		all[conn] = func() error { return member(clusterID) }
	}
	c.mu.Unlock()
	for conn, judge := range all {
		if judge() == nil {
			continue
		}
		cut++
		if secured, ok := conn.(*tls.Conn); ok {
			conn = secured.NetConn()
		}
		_ = conn.Close() // it is of no more use
	}
	return cut
}
