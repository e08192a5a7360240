package configuration

import (
	"context"
	"errors"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Precondition of a write (RFC 9110 sections 13.1.1, 13.1.2).
type Precondition struct {
	IfMatch string // an ETag that must be the present one; "" = any
	Absent  bool   // nothing may be there yet
	DryRun  bool   // check everything and say what would come out, but write nothing
	Alone   bool   // with DryRun: check the object by itself, and nothing that is around it
	Lock    uint64 // fencing number of the lock that the writer holds; 0 = none
}

// Operation is one change of one object.
type Operation struct {
	Kind   mdc.Kind
	Name   string
	Pre    Precondition // DryRun counts for a whole batch and is not read here
	Change Change       // nil deletes the object; a singleton goes back to its defaults
}

// Change gives what an object shall be. It gets nil when there is none (of a singleton: its defaults), runs inside of the
// transaction, may run again, and must only compute.
type Change func(was mdc.Object) (mdc.Object, error)

// Put creates or replaces the object under its own name. Write-only values that it does not bring are kept.
func (s *Service) Put(ctx context.Context, actor Actor, kind mdc.Kind, o mdc.Object, pre Precondition) (Result, error) {
	return s.Modify(ctx, actor, kind, o.ObjectName(), pre, func(mdc.Object) (mdc.Object, error) { return o, nil })
}

// Modify replaces the object by what change makes of it. What comes out unchanged is not written.
func (s *Service) Modify(ctx context.Context, actor Actor, kind mdc.Kind, name string, pre Precondition, change Change) (Result, error) {
	return s.one(ctx, actor, Operation{Kind: kind, Name: name, Pre: pre, Change: change})
}

// Delete removes an object; a singleton goes back to its defaults. fault.NotFound, fault.Conflict when others refer to it.
func (s *Service) Delete(ctx context.Context, actor Actor, kind mdc.Kind, name string, pre Precondition) error {
	_, err := s.one(ctx, actor, Operation{Kind: kind, Name: name, Pre: pre})
	return err
}

func (s *Service) one(ctx context.Context, actor Actor, op Operation) (res Result, err error) {
	err = s.perform(ctx, actor, op.Pre.DryRun, func(p *pass) error {
		res, err = p.apply(0, op)
		if err != nil || res.Outcome == Unchanged {
			return err
		}
		action := journal.Put
		if res.Outcome == Deleted {
			action = journal.Delete
		}
		return p.audit(action, op.Kind.Name+"/"+op.Kind.Key(op.Name))
	})
	if errors.Is(err, store.ErrTooLarge) {
		return Result{}, fault.New(fault.TooLarge, "object_too_large", "The %s %q is too large to be kept.", op.Kind.Name, op.Name)
	}
	return res, err
}

// Both drop what a pass has written.
var (
	errUnhashed = errors.New("write-only values are still to be hashed")
	errRehearse = errors.New("dry run")
)

// perform runs work in one transaction. Hashing is slow and must not hold the store up, so a pass that meets write-only
// values does all its checks without them and is dropped; they are hashed, and the next pass finds the hashes. What is
// refused is refused before anything is hashed.
func (s *Service) perform(ctx context.Context, actor Actor, dryRun bool, work func(*pass) error) error {
	known, done := hashes{}, map[string]bool{}
	for tries := 0; tries < 6; tries++ { // one pass for the hashes, one for the hooks, unless a change gives other secrets each time
		var missing []secret
		var first []prior
		err := s.c.Log.Update(ctx, func(tx *journal.Tx) error {
			p := &pass{s: s, tx: tx, actor: actor, hashes: known, done: done}
			err := work(p)
			missing, first = p.missing, p.undone(done)
			switch {
			case err != nil:
				return err
			case len(missing) > 0:
				return errUnhashed
			case dryRun:
				return errRehearse
			case len(first) > 0:
				return errPrior
			}
			return nil
		})
		if errors.Is(err, errUnhashed) {
			err = s.hash(ctx, missing, known)
			if err == nil {
				continue
			}
		}
		if errors.Is(err, errPrior) {
			if err = s.runBefore(ctx, first, done); err == nil {
				continue
			}
		}
		if w, ok := errors.AsType[*Wanting](err); ok && !done[w.Key] {
			done[w.Key] = true
			if err = w.Do(ctx); err == nil {
				tries-- // a batch may want many
				continue
			}
		} else if ok {
			err = w.Err
		}
		if errors.Is(err, errRehearse) {
			return nil
		}
		return s.vouched(ctx, s.notMaster(err))
	}
	return fault.New(fault.Conflict, "contended", "Other writers keep changing the same objects; try again.")
}

// pass is one run of operations through one transaction.
type pass struct {
	s       *Service
	tx      *journal.Tx
	actor   Actor
	hashes  hashes
	done    map[string]bool // hooks that have run and wants that were looked after
	missing []secret
	prior   []prior          // changes with a hook of their kind, in order
	uses    map[string]uses  // of a batch: who refers to what, by the kind that is referred to; nil for one operation
	failed  map[string]bool  // of a batch: objects whose operation was refused
	names   map[string]bool  // folded names of users that others' objects name; nil until they are asked for
	taken   map[string]bool  // places of hosts that are beyond the actor; nil until they are asked for
	roles   []*mdc.AdminRole // every role, when they were asked for and none was changed since
}

func (p *pass) audit(action, target string) error {
	return p.s.c.Audit.Append(p.tx.Writer(), audit.Event{Actor: p.actor.Name, Action: action, Target: target, RequestID: p.actor.RequestID, Address: p.actor.Address})
}
