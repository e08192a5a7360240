package configuration

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// MaxLockOwner is the longest owner of a lock, in bytes.
const MaxLockOwner = 128

// Lock keeps everybody else from changing one object in this data center until it is released or ends by itself. Two
// writers are the same holder when administrator and owner are the same.
type Lock struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"` // the key spelling
	Actor     string    `json:"actor"`
	Owner     string    `json:"owner"`  // the holder's own word for itself, such as a pipeline's run
	Number    uint64    `json:"number"` // the fencing number: each new lock of this data center gets a higher one
	TakenAt   time.Time `json:"taken_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Request is what a holder asks for.
type Request struct {
	Owner   string
	Timeout time.Duration // 0 = the data center's lock_timeout
}

// Keys of the state store that locks own: "k/n" is the last fencing number, "k/l/<kind> <name>" a lock.
var lockNumberKey = []byte("k/n")

const lockPrefix = "k/l/"

func lockKey(kind mdc.Kind, name string) []byte { return []byte(lockPrefix + place(kind, name)) }

// Lock takes the lock of an object. The holder itself gets more time and keeps its number. fault.NotFound when there is no such object,
// or none that the actor sees; fault.Conflict "locked" says who else holds it, and RetryAfter for how long.
func (s *Service) Lock(ctx context.Context, actor Actor, kind mdc.Kind, name string, r Request) (lock Lock, err error) {
	if err := actor.MayTouch(mdc.ActionWrite, kind, name); err != nil {
		return Lock{}, err
	}
	if err := r.check(kind, name); err != nil {
		return Lock{}, err
	}
	err = s.perform(ctx, actor, false, func(p *pass) error {
		if there, err := p.lockable(mdc.ActionWrite, kind, name); err != nil || !there {
			return cmp.Or(err, journal.NotFound(kind, name))
		}
		timeout, err := p.lockTimeout(r.Timeout)
		if err != nil {
			return err
		}
		now := s.c.Clock.Now()
		held, err := lockOf(&p.tx.Snapshot, kind, name, now)
		switch {
		case err != nil:
			return err
		case held == nil:
			number, err := p.nextLockNumber()
			if err != nil {
				return err
			}
			held = &Lock{Kind: kind.Name, Name: kind.Key(name), Actor: actor.Name, Owner: r.Owner, Number: number, TakenAt: now}
		case held.Actor != actor.Name || held.Owner != r.Owner:
			return held.refusal(now)
		}
		held.ExpiresAt = now.Add(timeout)
		lock = *held
		if err := p.putLock(kind, lock, timeout); err != nil {
			return err
		}
		return p.audit("lock", place(kind, name))
	})
	return lock, err
}

// lockable says whether there is an object that the actor may act on. One that he sees and may not act on is refused.
func (p *pass) lockable(action string, kind mdc.Kind, name string) (bool, error) {
	o, _, err := p.read(kind, name)
	if err != nil {
		return false, err
	}
	if o == nil { // a clone that took it away here still has to decide about that: who may lock the whole kind may lock this
		edited, err := p.tx.Edited(kind, name)
		return err == nil && edited && p.actor.Rights.Allow(action, kind.Name, ""), err
	}
	for _, a := range []string{action, mdc.ActionRead} {
		ok, err := p.actor.may(&p.tx.Snapshot, a, kind, o)
		switch {
		case err != nil:
			return false, err
		case ok && a == action:
			return true, nil
		case ok:
			return false, fault.New(fault.Forbidden, CodeForbidden, "This administrator may not lock the %s %q, or release its lock.", kind.Name, name)
		}
	}
	return false, nil
}

func (r Request) check(kind mdc.Kind, name string) error {
	var fields []fault.Field
	if r.Owner == "" || len(r.Owner) > MaxLockOwner || strings.ContainsFunc(r.Owner, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' }) {
		fields = append(fields, fault.Field{Pointer: "/owner", Detail: fmt.Sprintf("must be 1 to %d bytes without control characters", MaxLockOwner)})
	}
	if r.Timeout != 0 && (r.Timeout < mdc.MinLockTimeout || r.Timeout > mdc.MaxLockTimeout) {
		fields = append(fields, fault.Field{Pointer: "/timeout", Detail: fmt.Sprintf("%s is not between %s and %s", mdc.Duration(r.Timeout), mdc.Duration(mdc.MinLockTimeout), mdc.Duration(mdc.MaxLockTimeout))})
	}
	if !mdc.ValidName(name) || kind.Singleton && name != mdc.SingletonName {
		fields = append(fields, fault.Field{Pointer: "/name", Detail: "is no name of a " + kind.Name})
	}
	return fault.InvalidFields("The lock cannot be given.", fields)
}

// Locked gives the lock of an object. fault.NotFound when nobody holds it.
func (s *Service) Locked(ctx context.Context, actor Actor, kind mdc.Kind, name string) (lock Lock, err error) {
	if err := actor.MayTouch(mdc.ActionRead, kind, name); err != nil {
		return lock, err
	}
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		if sees, err := actor.maySee(v, kind, name); err != nil || !sees {
			return cmp.Or(err, notLocked(kind, name))
		}
		held, err := lockOf(v, kind, name, s.c.Clock.Now())
		if err != nil {
			return err
		}
		if held == nil {
			return notLocked(kind, name)
		}
		lock = *held
		return nil
	})
	return lock, err
}

// Unlock releases a lock. Its number proves the holder; force, which needs the permission to operate, takes it from whoever holds it.
func (s *Service) Unlock(ctx context.Context, actor Actor, kind mdc.Kind, name string, number uint64, force bool) error {
	action := mdc.ActionWrite
	if force {
		action = mdc.ActionOperate
	}
	if err := actor.MayTouch(action, kind, name); err != nil {
		return err
	}
	return s.perform(ctx, actor, false, func(p *pass) error {
		if err := p.releasable(action, kind, name); err != nil {
			return err
		}
		now := s.c.Clock.Now()
		held, err := lockOf(&p.tx.Snapshot, kind, name, now)
		switch {
		case err != nil:
			return err
		case held == nil:
			return notLocked(kind, name)
		case !force:
			if err := held.admit(actor, number, now); err != nil {
				return err
			}
		}
		if err := p.tx.Writer().Delete(lockKey(kind, name)); err != nil {
			return err
		}
		return p.audit("unlock", place(kind, name))
	})
}

// releasable refuses the release of another's lock as that of none. The lock of what was deleted meanwhile can be released.
func (p *pass) releasable(action string, kind mdc.Kind, name string) error {
	o, _, err := p.read(kind, name)
	if err != nil || o == nil {
		return err
	}
	there, err := p.lockable(action, kind, name)
	if err == nil && !there {
		err = notLocked(kind, name)
	}
	return err
}

// Locks lists up to limit locks that are held on objects that the actor may read, after a place, and the place to go on with ("" at the end).
func (s *Service) Locks(ctx context.Context, actor Actor, after string, limit int) (out []Lock, next string, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		out, next = nil, ""
		now := s.c.Clock.Now()
		span := store.Span{Prefix: []byte(lockPrefix)}
		if after != "" {
			span.After = []byte(lockPrefix + after)
		}
		return v.Reader().Range(span, func(_, value []byte) error {
			var l Lock
			if err := json.Unmarshal(value, &l); err != nil {
				return fmt.Errorf("decode lock: %w", err)
			}
			if !l.holds(now) {
				return nil
			}
			kind, known := mdc.KindByName(l.Kind)
			if !known {
				return nil
			}
			if sees, err := actor.maySee(v, kind, l.Name); err != nil || !sees {
				return err
			}
			if len(out) == limit {
				next = out[limit-1].Kind + " " + out[limit-1].Name
				return store.ErrStop
			}
			out = append(out, l)
			return nil
		})
	})
	return out, next, err
}
