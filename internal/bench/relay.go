package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay is a line between two data centers that the benchmark can hold: what connects then waits, and is joined through
// when the line is released. With a delay each byte arrives that much later than it was sent, in either direction; as on a long
// line, what follows it waits no longer.
type relay struct {
	listener net.Listener
	target   string
	delay    time.Duration
	running  sync.WaitGroup
	stop     context.CancelFunc
	joined   atomic.Int64 // connections so far

	mu   sync.Mutex // guards gate
	gate chan struct{}
}

func newRelay(ctx context.Context, target string, delay time.Duration) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open relay: %w", err)
	}
	r := &relay{listener: l, target: target, delay: delay, gate: make(chan struct{})}
	ctx, r.stop = context.WithCancel(ctx)
	r.running.Go(func() { r.accept(ctx) })
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = make(chan struct{})
}

func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.gate)
}

func (r *relay) accept(ctx context.Context) {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.joined.Add(1)
		r.running.Go(func() { r.serve(ctx, c) })
	}
}

func (r *relay) serve(ctx context.Context, near net.Conn) {
	defer near.Close()
	r.mu.Lock()
	gate := r.gate
	r.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
		return
	}
	far, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", r.target)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			r.carry(way[0], way[1])
			_, _ = near.Close(), far.Close() // either end ends both
		})
	}
	both.Wait()
}

// carry copies until either end is closed.
func (r *relay) carry(to, from net.Conn) {
	if r.delay == 0 {
		_, _ = io.Copy(to, from)
		return
	}
	type piece struct {
		due  time.Time
		data []byte
	}
	under := make(chan piece, 4096) // on the way
	var out sync.WaitGroup
	out.Go(func() {
		for p := range under {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close() // ends the reader; what is on the way is dropped
			}
		}
	})
	for {
		b := make([]byte, 32<<10)
		n, err := from.Read(b)
		if n > 0 {
			under <- piece{time.Now().Add(r.delay), b[:n]}
		}
		if err != nil {
			break
		}
	}
	close(under)
	out.Wait()
}

func (r *relay) close() {
	r.stop()
	_ = r.listener.Close()
	r.running.Wait()
}
