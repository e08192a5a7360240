package testkit

import (
	"net"
	"sync"
	"testing"
)

// Wire is a line to an address that a test can cut: a partner registered with Address is reached through it.
type Wire struct {
	Address string // host:port
	to      string

	mu      sync.Mutex // guards all below
	open    map[net.Conn]bool
	carried int64 // bytes from the address to whoever dialled
	left    int64 // until the line is cut; negative = it is not going to be
	cut     bool
}

// NewWire lays a line to an address, for the time of the test.
func NewWire(t testing.TB, to string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{Address: l.Addr().String(), to: to, left: -1, open: map[net.Conn]bool{}}
	var lines sync.WaitGroup
	lines.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			lines.Go(func() { w.connect(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it is over
		w.CutAfter(0)
		lines.Wait()
	})
	return w
}

// CutAfter cuts the line when n more bytes have come back over it; 0 cuts it now. It stays cut until Mend.
func (w *Wire) CutAfter(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = n
	w.cutLocked()
}

func (w *Wire) cutLocked() {
	if w.left != 0 {
		return
	}
	w.cut = true
	for c := range w.open {
		_ = c.Close() // both ends see it
	}
}

// Mend makes the line whole again, and counts from zero.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.left, w.carried = false, -1, 0
}

// Carried is how many bytes came back over the line since it was laid or mended, and whether it is cut.
func (w *Wire) Carried() (bytes int64, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.carried, w.cut
}

func (w *Wire) connect(here net.Conn) {
	defer here.Close() //nolint:errcheck // the other end sees it
	there, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer there.Close() //nolint:errcheck // likewise
	if !w.enter(here, there) {
		return
	}
	defer w.leave(here, there)
	var back sync.WaitGroup
	back.Go(func() {
		w.carry(here, there, w.count)
		_ = here.Close() // ends the other direction
	})
	w.carry(there, here, func(n int) int { return n })
	_ = there.Close() // likewise
	back.Wait()
}

func (w *Wire) enter(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.open[c] = true
	}
	return !w.cut
}

func (w *Wire) leave(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		delete(w.open, c)
	}
}

// carry copies what allow lets through of each piece.
func (w *Wire) carry(to, from net.Conn, allow func(n int) int) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		pass := allow(n)
		if _, wrong := to.Write(b[:pass]); wrong != nil || err != nil || pass < n {
			return
		}
	}
}

// count says how many of n bytes may pass, and cuts the line behind the last that may.
func (w *Wire) count(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return 0
	}
	if w.left >= 0 {
		n = int(min(int64(n), w.left))
		w.left -= int64(n)
	}
	w.carried += int64(n)
	w.cutLocked()
	return n
}
