package journal

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Gate decides whether a change of a replicated object may be made here now: a master that hands over holds them, one that
// has been overtaken refuses them. Records that a clone applies do not pass it.
type Gate interface {
	// Admit is asked inside the transaction and must not block. A channel holds the change: it is tried again when the
	// channel is closed, which the gate must do in bounded time.
	Admit() (held <-chan struct{}, err error)
	// Enough is asked inside the transaction when its changes are made, on the state that they leave, and must not block. It
	// gives who must have that state before the writer is answered, nil = this data center alone, and refuses where it is
	// known that too few can have it.
	Enough(after *Snapshot) (Quorum, error)
	// Confirm is asked after the commit, before the writer is answered. With an error the change is not acknowledged.
	Confirm(ctx context.Context) error
}

// Quorum is those who must have a change before it is acknowledged.
type Quorum interface {
	// Secure waits, in bounded time, until enough of them have the state at a position durably. With an error the change is
	// written and not acknowledged.
	Secure(ctx context.Context, at mdc.Position) error
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

// Alone lets the changes of this transaction count as soon as they are durable here, whoever else must have those of
// others: what brings a data center in cannot wait for that data center.
func (t *Tx) Alone() { t.alone = true }

// Vouch makes Update answer only when enough data centers have the present state, also where the transaction changes
// nothing: whoever repeats a change that was not acknowledged must not be told that all is well.
func (t *Tx) Vouch() { t.vouched = true }

// quorum gives who must have what this transaction leaves.
func (t *Tx) quorum() (Quorum, error) {
	if t.gate == nil || t.alone || !t.gated && !t.vouched {
		return nil, nil
	}
	return t.gate.Enough(&t.Snapshot)
}

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
