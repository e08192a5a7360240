package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// relay is a line between two data centers that the benchmark can hold: what connects then waits, and is joined through
// when the line is released.
type relay struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup
	stop     context.CancelFunc

	mu   sync.Mutex // guards gate
	gate chan struct{}
}

func newRelay(ctx context.Context, target string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open relay: %w", err)
	}
	r := &relay{listener: l, target: target, gate: make(chan struct{})}
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
			_, _ = io.Copy(way[0], way[1])
			_, _ = near.Close(), far.Close() // either end ends both
		})
	}
	both.Wait()
}

func (r *relay) close() {
	r.stop()
	_ = r.listener.Close()
	r.running.Wait()
}
