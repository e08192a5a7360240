package app

import (
	"net"
	"sync"

	"golang.org/x/net/netutil"
)

// Shares of the descriptors that a process may have open: the listeners together leave a quarter for the stores and the
// links, and no single address may take more than half of a listener (SEC-64). Behind a load balancer that is still
// thousands, and one that needs more speaks HTTP/2.
const (
	listenersOfNode = 3
	maxConnections  = 20_000
)

// connectionLimit is how many connections one listener of the node keeps.
func connectionLimit(descriptors uint64) int {
	return int(max(64, min(maxConnections, descriptors*3/4/listenersOfNode)))
}

// bounded keeps at most limit connections, and at most half of them from one address: more are closed at once, so that
// whoever holds connections open does not keep others out.
func bounded(l net.Listener, limit int) net.Listener {
	return &crowd{Listener: netutil.LimitListener(l, limit), each: max(1, limit/2), from: map[string]int{}}
}

type crowd struct {
	net.Listener
	each int

	mu   sync.Mutex // guards from
	from map[string]int
}

// Accept gives the next connection whose address has not too many already.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host := address(conn)
		if c.enter(host) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { c.exit(host) })}, nil
		}
		_ = conn.Close() // it was refused; nobody waits for its end
	}
}

// address is whose connection it is; "" stands for all that have no host and port.
func address(conn net.Conn) string {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	return host
}

func (c *crowd) enter(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from[host] >= c.each {
		return false
	}
	c.from[host]++
	return true
}

func (c *crowd) exit(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from[host]--; c.from[host] <= 0 {
		delete(c.from, host)
	}
}

// guest leaves the count when it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
