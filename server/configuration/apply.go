package configuration

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// apply is the way of every change: permission, conditions, lock, the object by itself, the guard of its kind, its references,
// and last the object with its record. n numbers the operation within its pass.
func (p *pass) apply(n int, op Operation) (Result, error) {
	if err := p.actor.MayTouch(mdc.ActionWrite, op.Kind, op.Name); err != nil {
		return Result{}, err
	}
	was, body, err := p.read(op.Kind, op.Name)
	if err != nil {
		return Result{}, err
	}
	hidden, err := p.hidden(op.Kind, was)
	if err != nil {
		return Result{}, err
	}
	if hidden {
		was, body = nil, nil
	}
	if op.Change == nil && was == nil {
		// As below: that a clone does not have it does not say that the master has not.
		_, closed := edits(&p.tx.Snapshot, op.Kind)
		return Result{}, cmp.Or(closed, error(fault.New(fault.NotFound, "not_found", "There is no %s named %q here.", op.Kind.Name, op.Name)))
	}
	if err := op.Pre.check(op.Kind, op.Name, was, body); err != nil {
		// Before "it exists": on a clone the way on is the master, never an adoption of what was copied.
		_, closed := edits(&p.tx.Snapshot, op.Kind)
		return Result{}, cmp.Or(closed, err)
	}
	if !hidden {
		if err := p.unlocked(op); err != nil {
			return Result{}, err
		}
	}
	if op.Change == nil && !op.Kind.Singleton {
		return Result{Outcome: Deleted}, p.remove(op, body, was)
	}
	if op.Change == nil {
		op.Change = func(mdc.Object) (mdc.Object, error) { return p.s.reset(op.Kind), nil }
	}
	will, err := op.Change(was)
	if err != nil {
		return Result{}, err
	}
	if err := sound(op.Kind, op.Name, will); err != nil {
		return Result{}, err
	}
	if op.Pre.DryRun && op.Pre.Alone {
		res, err := result(op.Kind, will)
		res.Outcome = Unchanged
		return res, err
	}
	if err := p.authorise(op, was, will, hidden); err != nil {
		return Result{}, err
	}
	p.settle(n, op.Kind, was, will)
	if err := p.wrap(op.Kind, was, will); err != nil {
		return Result{}, err
	}
	credential, err := p.keep(was, will)
	if err != nil {
		return Result{}, err
	}
	res, err := p.write(op, body, will)
	if err != nil || res.Outcome == Unchanged {
		return res, err
	}
	return res, credential.put(p, op.Name)
}

// read gives the object as it is now and its stored body (nil when it was never written).
func (p *pass) read(kind mdc.Kind, name string) (o mdc.Object, body []byte, err error) {
	body, found, err := p.tx.Body(kind, name)
	switch {
	case err != nil:
		return nil, nil, err
	case found:
		o, err = kind.Decode(body)
		return o, body, err
	case kind.Singleton:
		return kind.New(), nil, nil
	}
	return nil, nil, nil
}

func (c Precondition) check(kind mdc.Kind, name string, was mdc.Object, body []byte) error {
	if c.Absent && body != nil {
		return fault.New(fault.Precondition, "exists", "The %s %q exists already.", kind.Name, name)
	}
	if c.IfMatch == "" {
		return nil
	}
	if was == nil {
		return fault.New(fault.Precondition, "changed", "The %s %q is gone; read it again.", kind.Name, name)
	}
	tag, err := ETag(kind, was)
	if err != nil {
		return err
	}
	if c.IfMatch != "*" && tag != c.IfMatch {
		return fault.New(fault.Precondition, "changed", "The %s %q was changed by somebody else; read it again and repeat the change.", kind.Name, name)
	}
	return nil
}

// sound checks what the object alone decides.
func sound(kind mdc.Kind, name string, will mdc.Object) error {
	will.Normalize()
	if err := fault.InvalidFields("The "+kind.Name+" cannot be accepted.", will.Validate()); err != nil {
		return err
	}
	if kind.Key(will.ObjectName()) != kind.Key(name) {
		return fault.InvalidFields("The name in the body is not the name in the address.", []fault.Field{{Pointer: "/name", Detail: fmt.Sprintf("must be %q", name)}})
	}
	return nil
}

// write puts the object down, unless it is so already.
func (p *pass) write(op Operation, old []byte, will mdc.Object) (Result, error) {
	body, err := mdc.Encode(will)
	if err != nil {
		return Result{}, err
	}
	res := Result{Object: will, Body: body, ETag: tagOf(op.Kind, body), Outcome: Changed}
	switch {
	case bytes.Equal(old, body):
		res.Outcome = Unchanged
		if op.Kind.Scope == mdc.Replicated {
			p.tx.Vouch() // it may be the repeat of one that was written and not acknowledged
		}
		return res, nil
	case old == nil && !op.Kind.Singleton:
		res.Outcome = Created
	}
	edit, err := edits(&p.tx.Snapshot, op.Kind)
	if err != nil {
		return Result{}, err
	}
	for _, check := range []func() error{
		func() error { return p.guard(op.Kind, old, will) },
		func() error { return p.references(will) },
		func() error { return p.fits(will) },
		func() error { return p.trespass(old, will) },
	} {
		if err := check(); err != nil {
			return Result{}, err
		}
	}
	if err := p.before(op, old, will); err != nil {
		return Result{}, err
	}
	if err := p.use(op, old, will); err != nil {
		return Result{}, err
	}
	p.rolesChange(op.Kind)
	if edit {
		return res, p.tx.Edit(op.Kind, will, p.actor.Name)
	}
	return res, p.tx.Put(op.Kind, will, p.actor.Name)
}

func (p *pass) remove(op Operation, old []byte, was mdc.Object) error {
	if err := p.authorise(op, was, nil, false); err != nil {
		return err
	}
	edit, err := edits(&p.tx.Snapshot, op.Kind)
	if err != nil {
		return err
	}
	if g := p.s.c.Guards[op.Kind.Name]; g != nil {
		if err := g(p.tx, was, nil); err != nil {
			return err
		}
	}
	if err := p.unreferenced(op.Kind, op.Name); err != nil {
		return err
	}
	if err := p.before(op, old, nil); err != nil {
		return err
	}
	p.forget(op, was)
	if err := p.dropCredential(was, edit); err != nil {
		return err
	}
	p.rolesChange(op.Kind)
	if edit {
		return p.tx.EditAway(op.Kind, op.Name, p.actor.Name)
	}
	return p.tx.Delete(op.Kind, op.Name, p.actor.Name)
}

func (s *Service) reset(kind mdc.Kind) mdc.Object {
	o := kind.New()
	if d, ok := o.(*mdc.DataCenter); ok {
		d.ClusterID = s.c.ClusterID
	}
	return o
}

func (p *pass) guard(kind mdc.Kind, now []byte, will mdc.Object) error {
	g := p.s.c.Guards[kind.Name]
	if g == nil {
		return nil
	}
	var was mdc.Object
	if now != nil {
		var err error
		if was, err = kind.Decode(now); err != nil {
			return err
		}
	}
	return g(p.tx, was, will)
}

// edits refuses a replicated object where this data center is closed to writes (OAM-02, OAM-04, SEC-45). On a clone that is
// open to them it says that a change is an edit of the clone's own, which the master's copy knows nothing of.
func edits(v *journal.Snapshot, kind mdc.Kind) (bool, error) {
	if kind.Scope == mdc.Local {
		return false, nil
	}
	d, err := v.DataCenter()
	switch {
	case err != nil:
		return false, err
	case d.Writable():
		return d.Role == mdc.RoleClone, nil
	}
	return false, errNotMaster{kind.Name}
}
