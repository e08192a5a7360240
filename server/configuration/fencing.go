package configuration

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// unlocked lets an operation through when nobody holds its object, or the writer does (FLT-20). A number that is not the
// present one is refused even where nobody holds the lock any more: its holder was away for longer than it had asked for,
// and somebody else may have been there since.
func (p *pass) unlocked(op Operation) error {
	kind, name := op.Kind, op.Name
	if target, below, ok := strings.Cut(name, "/"); ok && kind.Name == mdc.OverrideKind().Name {
		kind, _ = mdc.KindByName(target)
		name = below
	}
	now := p.s.c.Clock.Now()
	held, err := lockOf(&p.tx.Snapshot, kind, name, now)
	switch {
	case err != nil:
		return err
	case held != nil:
		return held.admit(p.actor, op.Pre.Lock, now)
	case op.Pre.Lock != 0:
		return staleLock(kind.Name, name, op.Pre.Lock)
	}
	return nil
}

// lockOf gives the lock that holds an object now, nil when there is none.
func lockOf(v *journal.Snapshot, kind mdc.Kind, name string, now time.Time) (*Lock, error) {
	b, err := v.Reader().Get(lockKey(kind, name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lock: %w", err)
	}
	var l Lock
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("decode lock: %w", err)
	}
	if !l.holds(now) {
		return nil, nil
	}
	return &l, nil
}

func (l *Lock) holds(now time.Time) bool { return now.Before(l.ExpiresAt) }

func (l *Lock) admit(actor Actor, number uint64, now time.Time) error {
	switch {
	case number == 0 || number == l.Number && actor.Name != l.Actor:
		return l.refusal(now)
	case number != l.Number:
		return staleLock(l.Kind, l.Name, number)
	}
	return nil
}

func (l *Lock) refusal(now time.Time) error {
	left := l.ExpiresAt.Sub(now)
	f := fault.New(fault.Conflict, "locked", "The %s %q is locked by %s (%s) for another %s. Wait, or ask for its release.",
		l.Kind, l.Name, l.Owner, l.Actor, mdc.Duration(left.Round(time.Second)))
	f.RetryAfter = left
	return f
}

func staleLock(kind, name string, number uint64) error {
	return fault.New(fault.Conflict, "stale_lock", "Lock %d of the %s %q is no longer held: it has ended or was released. Take the lock again, read the object, and repeat the change.",
		number, kind, name)
}

func notLocked(kind mdc.Kind, name string) error {
	return fault.New(fault.NotFound, "not_found", "Nobody holds a lock of the %s %q.", kind.Name, name)
}

func (p *pass) lockTimeout(asked time.Duration) (time.Duration, error) {
	if asked != 0 {
		return asked, nil
	}
	d, err := p.tx.DataCenter()
	if err != nil || d.LockTimeout <= 0 {
		return mdc.DefaultLockTimeout, err
	}
	return d.LockTimeout.D(), nil
}

func (p *pass) nextLockNumber() (uint64, error) {
	var last uint64
	b, err := p.tx.Writer().Get(lockNumberKey)
	switch {
	case err == nil && len(b) == 8:
		last = binary.BigEndian.Uint64(b)
	case err == nil:
		return 0, fmt.Errorf("read lock number: %d bytes", len(b))
	case !errors.Is(err, store.ErrNotFound):
		return 0, fmt.Errorf("read lock number: %w", err)
	}
	return last + 1, p.tx.Writer().Put(lockNumberKey, binary.BigEndian.AppendUint64(nil, last+1), 0)
}

// putLock lets the store forget the lock some time after its end; ExpiresAt alone decides.
func (p *pass) putLock(kind mdc.Kind, l Lock, timeout time.Duration) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode lock: %w", err)
	}
	return p.tx.Writer().Put(lockKey(kind, l.Name), b, timeout+time.Minute)
}

// lockLeap is more than the locks that any number of lost commits can have given.
const lockLeap = 1 << 32

// OutrunLocks ends every lock and moves the fencing number beyond any that may have been given and lost, so that no two
// holders ever have one number (FLT-07, FLT-20).
func OutrunLocks(w store.Writer) error {
	var held [][]byte
	err := w.Range(store.Span{Prefix: []byte(lockPrefix)}, func(k, _ []byte) error {
		held = append(held, k)
		return nil
	})
	if err != nil {
		return fmt.Errorf("end locks: %w", err)
	}
	for _, k := range held {
		if err := w.Delete(k); err != nil {
			return err
		}
	}
	var last uint64
	b, err := w.Get(lockNumberKey)
	if err == nil && len(b) == 8 {
		last = binary.BigEndian.Uint64(b)
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read lock number: %w", err)
	}
	return w.Put(lockNumberKey, binary.BigEndian.AppendUint64(nil, last+lockLeap), 0)
}
