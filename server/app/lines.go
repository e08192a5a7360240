package app

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// shakeTime bounds one handshake with a partner.
const shakeTime = 10 * time.Second

// lines are the open connections to partners, each with what was proved at its handshake: when trust is taken away, what is under
// way over them ends at once rather than with its last byte (SEC-43, FLT-22).
type lines struct {
	mu   sync.Mutex // guards open
	open map[*line]bool
}

// line is one connection to a partner.
type line struct {
	net.Conn
	clusterID string
	plain     bool // of mode open: there is no state
	state     tls.ConnectionState
	leave     func()
}

// Close closes the connection.
func (l *line) Close() error {
	l.leave()
	return l.Conn.Close()
}

// dial connects to an address of a partner and shakes hands.
func (l *lines) dial(ctx context.Context, clusterID, address string, cfg *tls.Config, dial func(ctx context.Context, network, address string) (net.Conn, error)) (net.Conn, error) {
	raw, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	made := &line{Conn: raw, clusterID: clusterID}
	made.leave = func() { l.remove(made) }
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	verify := cfg.VerifyConnection
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		made.state = cs
		l.add(made) // before it is judged, so that a change of trust meanwhile meets it
		return verify(cs)
	}
	secured := tls.Client(made, cfg)
	shaking, cancel := context.WithTimeout(ctx, shakeTime)
	defer cancel()
	if err := secured.HandshakeContext(shaking); err != nil {
		_ = made.Close() // the handshake's error counts
		return nil, err
	}
	return secured, nil
}

// dialPlain connects to an address of a partner in mode open, where the messages prove themselves.
func (l *lines) dialPlain(ctx context.Context, clusterID, address string, member func(clusterID string) error, dial func(ctx context.Context, network, address string) (net.Conn, error)) (net.Conn, error) {
	raw, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	made := &line{Conn: raw, clusterID: clusterID, plain: true}
	made.leave = func() { l.remove(made) }
	l.add(made) // before it is judged, so that a change meanwhile meets it
	if err := member(clusterID); err != nil {
		_ = made.Close() // the refusal counts
		return nil, err
	}
	return made, nil
}

func (l *lines) add(one *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*line]bool{}
	}
	l.open[one] = true
}

func (l *lines) remove(one *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, one)
}

// cut closes every connection that verify, or in mode open member, refuses now, whatever is under way over it, and says how many those
// were.
func (l *lines) cut(verify func(cs *tls.ConnectionState, clusterID string) error, member func(clusterID string) error) (cut int) {
	l.mu.Lock()
	all := make([]*line, 0, len(l.open))
	for one := range l.open {
		all = append(all, one)
	}
	l.mu.Unlock()
	for _, one := range all {
		var err error
		if one.plain {
			err = member(one.clusterID)
		} else {
			err = verify(&one.state, one.clusterID)
		}
		if err != nil {
			_ = one.Close() // it is of no more use
			cut++
		}
	}
	return cut
}
