package configuration

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// references refuses an object that names what does not exist. What an operation of the same batch failed to make counts
// as there: its own fault says enough.
func (p *pass) references(o mdc.Object) error {
	fields, err := dangling(&p.tx.Snapshot, p.actor, o, p.failed)
	if err != nil {
		return err
	}
	return fault.InvalidFields("The object refers to what does not exist.", fields)
}

// dangling lists the references of o that lead nowhere. What the actor may not read is told as if it were not there.
func dangling(v *journal.Snapshot, actor Actor, o mdc.Object, except map[string]bool) (fields []fault.Field, err error) {
	for _, ref := range o.References() {
		kind, ok := mdc.KindByName(ref.Kind)
		if !ok {
			return nil, fmt.Errorf("check references: unknown kind %q", ref.Kind)
		}
		if kind.Singleton || except[place(kind, ref.Name)] {
			continue
		}
		body, found, err := v.Body(kind, ref.Name)
		if err != nil {
			return nil, err
		}
		if !found {
			fields = append(fields, fault.Field{Pointer: ref.Pointer, Detail: fmt.Sprintf("there is no %s named %q", ref.Kind, ref.Name)})
			continue
		}
		foreign, err := foreign(o, kind, body)
		if err != nil {
			return nil, err
		}
		if foreign != "" && !actor.Rights.Allow(mdc.ActionRead, ref.Kind, foreign) {
			fields = append(fields, fault.Field{Pointer: ref.Pointer, Detail: fmt.Sprintf("there is no %s named %q", ref.Kind, ref.Name)})
			continue
		}
		if foreign != "" {
			fields = append(fields, fault.Field{Pointer: ref.Pointer, Detail: fmt.Sprintf("the %s %q belongs to the security domain %q, so only that domain's objects may use it", ref.Kind, ref.Name, foreign)})
		}
	}
	return fields, nil
}

// foreign names the security domain of a referred object where o may not use it: its objects are there for that domain
// alone (CAMS-04). What belongs to the whole topology uses what belongs to it.
func foreign(o mdc.Object, kind mdc.Kind, body []byte) (domain string, err error) {
	by, ok := o.(mdc.Owned)
	if !ok {
		return "", nil
	}
	used, err := kind.Decode(body)
	if err != nil {
		return "", err
	}
	of, ok := used.(mdc.Owned)
	if !ok || of.Owner() == "" || of.Owner() == by.Owner() {
		return "", nil
	}
	return of.Owner(), nil
}

// place is an object's kind and key in one word.
func place(kind mdc.Kind, name string) string { return kind.Name + " " + kind.Key(name) }

const maxUsers = 10 // that a refusal to delete names

// unreferenced refuses to delete what others name; the fault lists up to ten of them. For one deletion it reads the
// objects of every kind that can refer to this one; a batch reads them once and keeps count from then on.
func (p *pass) unreferenced(kind mdc.Kind, name string) error {
	var users []string
	var err error
	if p.uses == nil {
		err = eachUse(p.tx, kind, func(user, key string) error {
			if key != kind.Key(name) || slices.Contains(users, user) {
				return nil
			}
			if users = append(users, user); len(users) == maxUsers {
				return store.ErrStop
			}
			return nil
		})
	} else {
		users, err = p.usersOf(kind, name)
	}
	if err != nil || len(users) == 0 {
		return err
	}
	if users, err = p.masked(users); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "in_use", "The %s %q is in use by %s; change or remove those first.", kind.Name, name, strings.Join(users, ", "))
}

// eachUse visits every reference to an object of a kind: who refers, and the key of what is referred to.
func eachUse(tx *journal.Tx, kind mdc.Kind, visit func(user, key string) error) error {
	for _, k := range mdc.Kinds() {
		if !slices.Contains(k.RefersTo, kind.Name) {
			continue
		}
		stopped := false
		err := tx.Range(k, "", func(key string, body []byte) error {
			o, err := k.Decode(body)
			if err != nil {
				return err
			}
			for _, ref := range o.References() {
				if ref.Kind != kind.Name {
					continue
				}
				if err := visit(place(k, key), kind.Key(ref.Name)); err != nil {
					stopped = true
					return err
				}
			}
			return nil
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

// uses is who refers to the objects of one kind, by their key.
type uses map[string]map[string]bool

func (u uses) set(user, key string, refers bool) {
	if u[key] == nil {
		u[key] = map[string]bool{}
	}
	if u[key][user] = true; !refers {
		delete(u[key], user)
	}
}

func (p *pass) usersOf(kind mdc.Kind, name string) ([]string, error) {
	known, ok := p.uses[kind.Name]
	if !ok {
		known = uses{}
		err := eachUse(p.tx, kind, func(user, key string) error {
			known.set(user, key, true)
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.uses[kind.Name] = known
	}
	users := slices.Sorted(maps.Keys(known[kind.Key(name)]))
	return users[:min(len(users), maxUsers)], nil
}

// use keeps count of who refers to what when an object of a batch is written.
func (p *pass) use(op Operation, old []byte, will mdc.Object) error {
	if len(p.uses) == 0 {
		return nil
	}
	if old != nil {
		was, err := op.Kind.Decode(old)
		if err != nil {
			return err
		}
		p.forget(op, was)
	}
	p.count(op, will, true)
	return nil
}

// forget is use for an object that goes.
func (p *pass) forget(op Operation, was mdc.Object) { p.count(op, was, false) }

func (p *pass) count(op Operation, o mdc.Object, refers bool) {
	if len(p.uses) == 0 {
		return
	}
	for _, ref := range o.References() {
		kind, ok := mdc.KindByName(ref.Kind)
		if known := p.uses[ref.Kind]; ok && known != nil {
			known.set(place(op.Kind, op.Name), kind.Key(ref.Name), refers)
		}
	}
}
