package admission

import (
	"context"
	"fmt"
	"os"
	"time"
)

// probe is a reader that is woken by the system as the reader of a connection is, and waits in the same queues until it runs. A timer would
// not do: whom it wakes runs before all others.
type probe struct {
	in, out *os.File
	woken   chan time.Time // capacity 1
}

func newProbe() (*probe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &probe{in: w, out: r, woken: make(chan time.Time, 1)}
	go p.listen()
	return p, nil
}

// listen ends with close.
func (p *probe) listen() {
	defer close(p.woken)
	var b [1]byte
	for {
		if _, err := p.out.Read(b[:]); err != nil {
			return
		}
		p.woken <- time.Now()
	}
}

// wait sends a byte and says how long its reader waited for its turn.
func (p *probe) wait(ctx context.Context) (time.Duration, error) {
	sent := time.Now()
	if _, err := p.in.Write([]byte{0}); err != nil {
		return 0, fmt.Errorf("wake a reader: %w", err)
	}
	select {
	case at := <-p.woken:
		return at.Sub(sent), nil
	case <-ctx.Done():
		return 0, nil
	}
}

// close ends the reader and waits for it.
func (p *probe) close() {
	_, _ = p.in.Close(), p.out.Close() // nothing is lost with them
	for range p.woken {                //nolint:revive // until it has ended
	}
}
