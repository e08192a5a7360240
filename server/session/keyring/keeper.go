package keyring

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	// Unreachable is how long a data center may be silent before a rotation goes on without it. What it misses it asks for when a
	// cookie shows that it misses it.
	Unreachable = time.Hour

	lookEvery = time.Second
	// answerWait is how long an answer waits for the data centers to acknowledge what was just written.
	answerWait = 3 * time.Second
)

// Target is a data center that replicates from here.
type Target struct {
	ClusterID string
	Has       uint64        // sequence that it said it stands at, on this journal; 0 = none
	Heard     time.Time     // when it said so last; zero = never
	Every     time.Duration // how often it asks; 0 = always
}

// Targets are the enabled agreements of this master.
type Targets interface {
	Targets(v *journal.Snapshot) ([]Target, error)
	// Moved gives a channel that is closed when a target shows another position.
	Moved() <-chan struct{}
}

// Actor is who does something on demand.
type Actor struct{ Name, RequestID, Address string }

// Config wires a Keeper. Everything is needed.
type Config struct {
	ClusterID string
	Log       *journal.Log
	Targets   Targets
	Lifetime  func() time.Duration // of sign-ons, by the policy in force
	Master    func() string        // admin address of the master that a clone follows; "" = not known
	// Audit writes the record of an act in the act's own transaction.
	Audit  func(tx store.Writer, actor Actor, action, target string) error
	Clock  clock.Clock
	Logger *slog.Logger
}

// Keeper carries the keys through their life. Safe for concurrent use.
type Keeper struct {
	c    Config
	wake chan struct{}
}

// New refuses bad wiring.
func New(c Config) (*Keeper, error) {
	if !mdc.ValidClusterID(c.ClusterID) || c.Log == nil || c.Targets == nil || c.Lifetime == nil || c.Master == nil || c.Audit == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("new key keeper: incomplete configuration")
	}
	return &Keeper{c: c, wake: make(chan struct{}, 1)}, nil
}

const actorSchedule = "system:cookie-keys"

// Run makes what is due until ctx ends: the next key when the one that seals is old, its activation when all have it, the end of
// retired ones. On a clone it does nothing.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		moved := k.c.Targets.Moved() // before the look: what moves meanwhile closes it
		waiting, err := k.advance(ctx)
		if err != nil && ctx.Err() == nil {
			k.c.Logger.Warn("cookie keys cannot be moved on; it is tried again", "error", err)
		}
		if !waiting {
			moved = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-moved:
		case <-k.wake:
		}
	}
}

// advance makes what is due now, and says whether a key waits for data centers.
func (k *Keeper) advance(ctx context.Context) (waiting bool, err error) {
	due := false
	err = k.c.Log.View(ctx, func(v *journal.Snapshot) error {
		due, waiting = false, false
		if ok, err := k.master(v); err != nil || !ok {
			return err
		}
		return k.each(v, func(s *mdc.Keyset) error {
			waiting = waiting || inState(s, mdc.KeyPending) != nil
			now, err := k.step(v, s, 1)
			due = due || now
			return err
		})
	})
	if err != nil || !due {
		return waiting, err
	}
	return waiting, k.c.Log.Update(ctx, func(tx *journal.Tx) error {
		if ok, err := k.master(&tx.Snapshot); err != nil || !ok {
			return err
		}
		return k.each(&tx.Snapshot, func(s *mdc.Keyset) error {
			next, err := nextSequence(tx)
			if err != nil {
				return err
			}
			changed, err := k.step(&tx.Snapshot, s, next)
			if err != nil || !changed {
				return err
			}
			return tx.Put(mdc.KeysetKind(), s, actorSchedule)
		})
	})
}

// step moves one keyset on by whatever is due, and says whether anything was.
func (k *Keeper) step(v *journal.Snapshot, s *mdc.Keyset, next uint64) (changed bool, err error) {
	now, lifetime := k.c.Clock.Now().UTC(), k.c.Lifetime()
	if len(s.Keys) == 0 {
		if err := describe(s, now, lifetime); err != nil {
			return false, err
		}
		changed = true
	}
	if active := inState(s, mdc.KeyActive); active != nil && active.Longest < lives(s.Purpose, lifetime) {
		active.Longest, changed = lives(s.Purpose, lifetime), true
	}
	ended, err := expire(s, now)
	if err != nil {
		return false, err
	}
	changed = changed || ended
	if pending := inState(s, mdc.KeyPending); pending != nil {
		missing, err := k.missing(v, *pending, now)
		if err != nil || len(missing) > 0 {
			return changed, err
		}
		return true, activate(s, now, lifetime)
	}
	if active := inState(s, mdc.KeyActive); active != nil && now.Sub(*active.ActivatedAt) >= Every && open(s) < mdc.MaxCookieKeys {
		return true, distribute(s, now, next)
	}
	return changed, nil
}

// missing lists the data centers that a pending key waits for: those that do not have it and are not silent for long.
func (k *Keeper) missing(v *journal.Snapshot, key mdc.CookieKey, now time.Time) (out []string, err error) {
	all, err := k.c.Targets.Targets(v)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		since := t.Heard
		if since.Before(key.CreatedAt) {
			since = key.CreatedAt
		}
		silent := now.Sub(since) > max(Unreachable, 2*t.Every)
		if t.Has < key.Sequence && !silent {
			out = append(out, t.ClusterID)
		}
	}
	return out, nil
}

// each gives every keyset, decoded anew.
func (k *Keeper) each(v *journal.Snapshot, do func(*mdc.Keyset) error) error {
	for _, purpose := range mdc.Purposes() {
		o, err := v.Get(mdc.KeysetKind(), purpose)
		if fault.Is(err, fault.NotFound) {
			continue // the first start is not over
		}
		if err != nil {
			return err
		}
		s, err := mdc.As[*mdc.Keyset](o)
		if err != nil {
			return err
		}
		if err := do(s); err != nil {
			return err
		}
	}
	return nil
}

// master says whether the keys are this data center's to change.
func (k *Keeper) master(v *journal.Snapshot) (bool, error) {
	o, err := v.Get(mdc.DataCenterKind(), mdc.SingletonName)
	if err != nil {
		return false, err
	}
	d, err := mdc.As[*mdc.DataCenter](o)
	if err != nil {
		return false, err
	}
	return d.Role != mdc.RoleClone, nil
}

func nextSequence(tx *journal.Tx) (uint64, error) {
	p, err := tx.Position()
	return p.Sequence + 1, err
}

// notMaster refuses what only the master may do.
func (k *Keeper) notMaster() error {
	f := fault.New(fault.Conflict, "not_master", "This data center (%s) is a clone; the cookie keys are the master's.", k.c.ClusterID)
	if f.Hint = k.c.Master(); f.Hint != "" {
		f.Message += " Its admin address is " + f.Hint + "."
	}
	return f
}
