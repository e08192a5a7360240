package configuration

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Lay gives an object as this data center uses it: with its own override laid over what is stored, and which fields that
// changes. An override that no longer fits, because the object was changed since, is left out.
func Lay(v *journal.Snapshot, kind mdc.Kind, key string, o mdc.Object) (mdc.Object, []string, error) {
	if !kind.Overridable {
		return o, nil, nil
	}
	body, found, err := v.Body(mdc.OverrideKind(), kind.Name+"/"+key)
	if err != nil || !found {
		return o, nil, err
	}
	read, err := mdc.OverrideKind().Decode(body)
	if err != nil {
		return nil, nil, err
	}
	override, _ := read.(*mdc.Override)
	over, faults, err := layOver(v, System(""), kind, o, override, nil)
	if err != nil || len(faults) > 0 {
		return o, nil, err
	}
	return over, override.Fields(), nil
}

// layOver gives the object under an override and what is wrong with it, references included.
func layOver(v *journal.Snapshot, actor Actor, kind mdc.Kind, o mdc.Object, override *mdc.Override, except map[string]bool) (mdc.Object, []fault.Field, error) {
	body, err := mdc.Encode(o)
	if err != nil {
		return nil, nil, err
	}
	over, faults, err := override.Lay(kind, body)
	if err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	faults, err = dangling(v, actor, over, except)
	for i := range faults {
		faults[i].Pointer = "/values" + faults[i].Pointer
	}
	return over, faults, err
}

// laid is the reading that Effective gives. The ETag stays that of what is stored: it is what a write is compared with.
func laid(v *journal.Snapshot, kind mdc.Kind, key string, o mdc.Object) (Result, error) {
	res, err := result(kind, o)
	if err != nil {
		return res, err
	}
	if res.Object, res.Overridden, err = Lay(v, kind, key, o); res.Object != o {
		res.Body = nil
	}
	return res, err
}

// fits refuses an override that its object, as it is now, does not take.
func (p *pass) fits(o mdc.Object) error {
	override, ok := o.(*mdc.Override)
	if !ok {
		return nil
	}
	faults, err := misfit(&p.tx.Snapshot, p.actor, override, p.failed)
	if err != nil {
		return err
	}
	if err := fault.InvalidFields("The override cannot be laid over the object.", faults); err != nil {
		return err
	}
	return p.disclosed(override)
}

// Fit says whether an override is in force, or why not: a replicated change may have made it impossible since it was
// written.
func (s *Service) Fit(ctx context.Context, actor Actor, override *mdc.Override) (faults []fault.Field, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		faults, err = misfit(v, actor, override, nil)
		return err
	})
	return faults, err
}

func misfit(v *journal.Snapshot, actor Actor, override *mdc.Override, except map[string]bool) ([]fault.Field, error) {
	kind, ok := mdc.KindByName(override.Kind)
	if !ok || !kind.Overridable {
		return []fault.Field{{Pointer: "/kind", Detail: "is no kind that can be overridden"}}, nil
	}
	if except[place(kind, override.Name)] {
		return nil, nil
	}
	o, err := v.Get(kind, override.Name)
	if fault.Is(err, fault.NotFound) {
		return []fault.Field{{Pointer: "/name", Detail: fmt.Sprintf("there is no %s named %q", kind.Name, override.Name)}}, nil
	}
	if err != nil {
		return nil, err
	}
	_, faults, err := layOver(v, actor, kind, o, override, except)
	return faults, err
}
