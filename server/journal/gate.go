package journal

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Gate decides whether a change of a replicated object may be made here now: a master that hands over holds them, one that
// has been overtaken refuses them. Records that a clone applies do not pass it.
type Gate interface {
	// Admit is asked inside the transaction and must not block. A channel holds the change: it is tried again when the
	// channel is closed, which the gate must do in bounded time.
	Admit() (held <-chan struct{}, err error)
	// Confirm is asked after the commit, before the writer is answered. With an error the change is not acknowledged.
	Confirm(ctx context.Context) error
}

// SetGate puts a gate before every later change.
func (l *Log) SetGate(g Gate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = g
}

func (l *Log) gateNow() Gate {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gate
}

// Ungated lets this transaction make its changes past the gate: the change of mastership itself.
func (t *Tx) Ungated() { t.gate = nil }

func (t *Tx) admit() error {
	if t.gate == nil {
		return nil
	}
	held, err := t.gate.Admit()
	if err != nil {
		return err
	}
	if held != nil {
		return &heldError{held}
	}
	t.gated = true
	return nil
}

// heldError makes Update wait. It never leaves it.
type heldError struct{ until <-chan struct{} }

func (*heldError) Error() string { return "journal: changes are held" }

func (h *heldError) wait(ctx context.Context) error {
	select {
	case <-h.until:
		return nil
	case <-ctx.Done():
		f := fault.New(fault.Unavailable, "writes_held", "Changes wait for this data center's mastership to be settled; try again.")
		f.Err = ctx.Err()
		return f
	}
}
