package configuration

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// prior is a change whose kind has something to do before it is written.
type prior struct {
	kind      mdc.Kind
	was, will mdc.Object
	key       string // what the hook ran for: the object as it was; another writer's change makes it run again
}

// before notes a change for the hook of its kind, if it needs that. A new object has nothing that would have to be ended first.
// Most changes need nothing: they are written in the pass that found it out, however many change the same object at once.
func (p *pass) before(op Operation, old []byte, will mdc.Object) error {
	hook, ok := p.s.c.Before[op.Kind.Name]
	if !ok || old == nil {
		return nil
	}
	was, err := op.Kind.Decode(old)
	if err != nil || !hook.Needs(was, will) {
		return err
	}
	p.prior = append(p.prior, prior{op.Kind, was, will, op.Kind.Name + "\x00" + string(old)})
	return nil
}

// errPrior drops a pass whose changes have something to do first.
var errPrior = errors.New("something is to be done before the change")

// undone gives the noted changes whose hooks have not run yet.
func (p *pass) undone(done map[string]bool) (out []prior) {
	for _, c := range p.prior {
		if !done[c.key] {
			out = append(out, c)
		}
	}
	return out
}

// hooksAtOnce share the syncs of what they write: one after another, those of a large batch would take half a minute.
const hooksAtOnce = 64

// runBefore runs the hooks, outside of any transaction.
func (s *Service) runBefore(ctx context.Context, changes []prior, done map[string]bool) error {
	group, until := errgroup.WithContext(ctx)
	group.SetLimit(hooksAtOnce)
	for _, c := range changes {
		if until.Err() != nil {
			break
		}
		group.Go(func() error { return s.c.Before[c.kind.Name].Do(until, c.was, c.will) })
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	for _, c := range changes {
		done[c.key] = true
	}
	return nil
}

// vouched passes on why a change was not made. That an object is there already, or is gone, may be the outcome of an earlier call
// whose change was not acknowledged: it is only told when enough data centers have what it follows from.
func (s *Service) vouched(ctx context.Context, err error) error {
	if !fault.Is(err, fault.NotFound) && fault.CodeOf(err) != "exists" {
		return err
	}
	if short := s.c.Log.Update(ctx, func(tx *journal.Tx) error { tx.Vouch(); return nil }); short != nil {
		return short
	}
	return err
}

// errNotMaster leaves a transaction; notMaster words it outside, where the master's address may be looked up.
type errNotMaster struct{ kind string }

// Error says what is wrong, without the address.
func (e errNotMaster) Error() string { return "not the master of " + e.kind }

// Writable refuses where objects of the kind cannot be written, for what comes before such a write and costs much.
func (s *Service) Writable(ctx context.Context, kind mdc.Kind) error {
	return s.notMaster(s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		_, err := edits(v, kind)
		return err
	}))
}

func (s *Service) notMaster(err error) error {
	refused, ok := errors.AsType[errNotMaster](err)
	if !ok {
		return err
	}
	f := fault.New(fault.Conflict, "not_master", "This data center (%s) is a clone; change the %s on the master.", s.c.ClusterID, refused.kind)
	if f.Hint = s.c.Master(); f.Hint != "" {
		f.Message += " Its admin address is " + f.Hint + "."
	}
	return f
}
