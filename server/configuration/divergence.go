package configuration

import (
	"cmp"
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Divergences lists up to limit objects that this clone holds otherwise than its master, because they were changed here
// (OAM-04), after a place, and the place to go on with ("" at the end).
func (s *Service) Divergences(ctx context.Context, after string, limit int) (out []journal.Edit, next string, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		out, next = nil, ""
		all, err := v.Edits()
		if err != nil {
			return err
		}
		for _, e := range all {
			at := e.Kind + " " + e.Name
			if after != "" && at <= after {
				continue
			}
			if len(out) == limit {
				next = out[limit-1].Kind + " " + out[limit-1].Name
				return nil
			}
			out = append(out, e)
		}
		return nil
	})
	return out, next, err
}

// Discard lets the master's object count here again. fault.NotFound when the object does not differ; Conflict in_use when
// the master has none and others here refer to it.
func (s *Service) Discard(ctx context.Context, actor Actor, kind mdc.Kind, name string) error {
	op := Operation{Kind: kind, Name: name}
	if err := actor.MayTouch(mdc.ActionWrite, kind, name); err != nil {
		return err
	}
	return s.perform(ctx, actor, false, func(p *pass) error {
		was, old, err := p.read(kind, name)
		if err != nil {
			return err
		}
		if was != nil {
			if ok, err := actor.may(&p.tx.Snapshot, mdc.ActionWrite, kind, was); err != nil || !ok {
				return cmp.Or(err, Forbidden(mdc.ActionWrite, kind.Name))
			}
		}
		if err := p.unlocked(op); err != nil {
			return err
		}
		found, err := p.tx.Discard(kind, name)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, "not_found", "The %s %q is here as the master has it.", kind.Name, name)
		}
		will, _, err := p.read(kind, name)
		if err != nil {
			return err
		}
		if err := p.authorise(op, was, will, false); err != nil {
			return err
		}
		if err := p.unbroken(op, will); err != nil {
			return err
		}
		if err := p.before(op, old, will); err != nil {
			return err
		}
		return p.audit("discard_edit", place(kind, name))
	})
}

// DiscardThese ends those of the edits that are still as they are given, all or none, and gives their number: a repair makes the
// clone its master's equal. fault.Conflict locked when somebody holds one of the objects.
func (s *Service) DiscardThese(ctx context.Context, actor Actor, edits []journal.Edit) (n int, err error) {
	err = s.perform(ctx, actor, false, func(p *pass) error {
		for _, e := range edits {
			kind, ok := mdc.KindByName(e.Kind)
			if !ok {
				continue
			}
			if err := p.unlocked(Operation{Kind: kind, Name: e.Name}); err != nil {
				return err
			}
		}
		var err error
		if n, _, err = p.tx.DiscardThese(edits); err != nil || n == 0 {
			return err
		}
		return p.audit("discard_edits", fmt.Sprintf("%d objects", n))
	})
	return n, err
}

// unbroken refuses to let the master's object count when what is left here would not fit together.
func (p *pass) unbroken(op Operation, will mdc.Object) error {
	if will == nil {
		return p.unreferenced(op.Kind, op.Name)
	}
	return p.references(will)
}
