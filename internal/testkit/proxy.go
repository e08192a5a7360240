package testkit

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a target, and fails as networks do when it is told to. Safe for concurrent use.
type Proxy struct {
	Address string // where it listens, host:port

	target   atomic.Pointer[string]
	accepted atomic.Int64
	open     atomic.Int64
	peak     atomic.Int64
	forth    atomic.Bool // what callers send is lost
	back     atomic.Bool // what the target answers is lost
	refusing atomic.Bool
	live     sync.WaitGroup

	mu    sync.Mutex // guards conns and ended
	conns map[net.Conn]bool
	ended bool
}

// NewProxy listens on a free port of the loopback interface until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("make proxy: %v", err)
	}
	p := &Proxy{Address: l.Addr().String(), conns: map[net.Conn]bool{}}
	p.target.Store(&target)
	p.live.Go(func() { p.accept(l) })
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.Reset()
		p.live.Wait()
	})
	return p
}

// Silence loses what is sent from now on: forth is what callers send, back is what they are answered. Connections stay open
// and new ones are taken, so that neither side is told; Silence(false, false) ends it, and resets the connections that lost
// something, whose streams have holes.
func (p *Proxy) Silence(forth, back bool) {
	was := p.forth.Swap(forth)
	was = p.back.Swap(back) || was
	if was && !forth && !back {
		p.Reset()
	}
}

// Lead passes connections on to another target from now on, as a load balancer does, and resets those that are open.
func (p *Proxy) Lead(target string) {
	p.target.Store(&target)
	p.Reset()
}

// Refuse closes every new connection at once, and those that are open.
func (p *Proxy) Refuse(on bool) {
	p.refusing.Store(on)
	if on {
		p.Reset()
	}
}

// Reset closes every open connection.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Accepted is how many connections were taken since the start, and peak how many were open at one time.
func (p *Proxy) Accepted() (accepted, peak int64) { return p.accepted.Load(), p.peak.Load() }

func (p *Proxy) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		if p.refusing.Load() || !p.keep(c) {
			_ = c.Close()
			continue
		}
		p.live.Go(func() { p.pass(c) })
	}
}

func (p *Proxy) pass(c net.Conn) {
	defer p.drop(c)
	to, err := net.DialTimeout("tcp", *p.target.Load(), 5*time.Second)
	if err != nil || !p.keep(to) {
		if err == nil {
			_ = to.Close()
		}
		return
	}
	defer p.drop(to)
	p.peak.Store(max(p.peak.Load(), p.open.Add(1)))
	defer p.open.Add(-1)
	var both sync.WaitGroup
	both.Go(func() { carry(to, c, &p.forth) })
	carry(c, to, &p.back)
	both.Wait()
}

// carry copies until either side closes; while lost says so it reads and throws away.
func carry(to, from net.Conn, lost *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !lost.Load() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keep enters a connection among those that Reset closes; false when the proxy has ended.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.conns[c] = true
	}
	return !p.ended
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
