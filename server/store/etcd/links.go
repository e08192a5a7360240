package etcd

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// links remembers why the last connection could not be made. The client waits for a connection that works until the call's time is
// over, and tells nothing else then.
type links struct{ last atomic.Pointer[error] }

// why is nil when the last connection worked, or none was tried.
func (l *links) why() error {
	if e := l.last.Load(); e != nil {
		return *e
	}
	return nil
}

// dialed notes what came of reaching an address.
func (l *links) dialed(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		l.last.Store(&err)
	}
	return c, err
}

// tlsAlert stands before the text of an alert of the other side; crypto/tls keeps nothing of it but that.
const tlsAlert = "remote error: tls: "

// noting are transport credentials that tell links of handshakes, and of connections that end before a byte came: so does a
// server that refuses a client certificate.
type noting struct {
	credentials.TransportCredentials
	links *links
}

// ClientHandshake makes the handshake.
func (n noting) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		n.links.last.Store(&err)
		return c, info, err
	}
	return &watched{Conn: c, links: n.links}, info, nil
}

// Clone copies for another use.
func (n noting) Clone() credentials.TransportCredentials {
	return noting{n.TransportCredentials.Clone(), n.links}
}

// watched is a connection until its first byte.
type watched struct {
	net.Conn
	links *links
	heard bool // gRPC reads on one goroutine
}

// Read reads.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	switch {
	case w.heard:
	case n > 0:
		w.heard = true
		w.links.last.Store(nil)
	case err != nil:
		why := error(silent{err})
		w.links.last.Store(&why)
	}
	return n, err
}

// silent is an end before the first byte.
type silent struct{ error }

func (s silent) Unwrap() error { return s.error }
