package configuration

import (
	"errors"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// The rules of delegated management (TAM-11, SEC-61). Who may nothing with a kind is refused before anything is read. Who may act in
// some security domains only meets the objects of others as if they were not there: the answer is the one for a name that nobody
// has, and only who would take such a name learns that it is taken. A write needs the permission for the object as it was and as it
// shall be, so nothing is moved into or out of a domain that is not the writer's. Nobody gives what he does not have.

// System is this data center itself: it may whatever there is.
func System(name string) Actor { return Actor{Name: name, Rights: mdc.EveryRight()} }

// CodeForbidden is the code of every refusal for want of a permission.
const CodeForbidden = "forbidden"

func forbidden(l mdc.Lack) error {
	return fault.New(fault.Forbidden, CodeForbidden, "This administrator may not do that: it needs the permission %s.", l)
}

// Forbidden refuses an action on a kind or area that an administrator may not do on all of it.
func Forbidden(action, kind string) error { return forbidden(mdc.Lack{Action: action, Kind: kind}) }

// permitKind is the kind that permissions name for an object: for an override the one that it lies over.
func permitKind(kind mdc.Kind, name string) string {
	if kind.Name == mdc.OverrideKind().Name {
		under, _, _ := strings.Cut(name, "/")
		return under
	}
	return kind.Name
}

// MayTouch refuses who may not act on any object of a kind, whatever its security domain.
func (a Actor) MayTouch(action string, kind mdc.Kind, name string) error {
	if subject := permitKind(kind, name); !a.Rights.Anywhere(action, subject) {
		return fault.New(fault.Forbidden, CodeForbidden, "This administrator may not do that: it needs the permission %s on %s.", action, subject)
	}
	return nil
}

// may says whether an actor may act on this very object.
func (a Actor) may(v *journal.Snapshot, action string, kind mdc.Kind, o mdc.Object) (bool, error) {
	override, over := o.(*mdc.Override)
	if !over {
		return a.Rights.Allow(action, kind.Name, mdc.ReachedBy(action, o)), nil
	}
	under, ok := mdc.KindByName(override.Kind)
	if !ok {
		return a.Rights.Allow(action, override.Kind, ""), nil
	}
	body, found, err := v.Body(under, override.Name)
	if err != nil || !found { // of what is not there, as of what belongs to nobody
		return a.Rights.Allow(action, under.Name, ""), err
	}
	lies, err := under.Decode(body)
	if err != nil {
		return false, err
	}
	return a.Rights.Allow(action, under.Name, mdc.OwnerOf(lies)), nil
}

// maySee is may for one who reads; kind and key are those of a stored object.
func (a Actor) maySee(v *journal.Snapshot, kind mdc.Kind, key string) (bool, error) {
	body, found, err := v.Body(kind, key)
	if err != nil || !found {
		return a.Rights.Anywhere(mdc.ActionRead, permitKind(kind, key)), err
	}
	o, err := kind.Decode(body)
	if err != nil {
		return false, err
	}
	return a.may(v, mdc.ActionRead, kind, o)
}

// hidden gives whether the object is another domain's, so that it is none for this writer. One that he may read is refused instead.
func (p *pass) hidden(kind mdc.Kind, was mdc.Object) (bool, error) {
	if was == nil || kind.Singleton {
		return false, nil
	}
	ok, err := p.actor.may(&p.tx.Snapshot, mdc.ActionWrite, kind, was)
	if ok || err != nil {
		return false, err
	}
	sees, err := p.actor.may(&p.tx.Snapshot, mdc.ActionRead, kind, was)
	if sees && err == nil {
		err = notThere(kind, was)
	}
	return true, err
}

// authorise refuses a change that the actor may not make: will is nil when the object is deleted, hidden that there is one that the
// actor does not see.
func (p *pass) authorise(op Operation, was, will mdc.Object, hidden bool) error {
	if will != nil {
		ok, err := p.actor.may(&p.tx.Snapshot, mdc.ActionWrite, op.Kind, will)
		if err != nil {
			return err
		}
		if !ok {
			return notThere(op.Kind, will)
		}
	}
	taken, err := p.named(was, will)
	if err != nil {
		return err
	}
	if hidden || taken {
		return fault.New(fault.Forbidden, CodeForbidden, "This administrator cannot have a %s with the name %q; names are the same for all security domains. Choose another.", op.Kind.Name, op.Name)
	}
	for _, o := range []mdc.Object{was, will} {
		if err := p.gives(o); err != nil {
			return err
		}
	}
	return p.joins(was, will)
}

// notThere refuses an object in a domain that the writer may not write in. Whose object an override lies over is not told.
func notThere(kind mdc.Kind, will mdc.Object) error {
	if override, ok := will.(*mdc.Override); ok {
		return fault.New(fault.Forbidden, CodeForbidden, "This administrator may not lay values over the %s %q: it needs the permission %s on it.", override.Kind, override.Name, mdc.ActionWrite)
	}
	return forbidden(mdc.Lack{Action: mdc.ActionWrite, Kind: kind.Name, Domain: mdc.OwnerOf(will)})
}

// gives refuses to touch what gives somebody more than the actor has: a role, a token with roles, a user who has some. Whoever
// could set the password of a greater administrator would be one.
func (p *pass) gives(o mdc.Object) error {
	if o == nil {
		return nil
	}
	if _, lacks := p.actor.Rights.LacksAny(); !lacks {
		return nil
	}
	var given []mdc.Permission
	switch v := o.(type) {
	case *mdc.AdminRole:
		given = v.Permissions
	case *mdc.AdminToken, *mdc.User:
		roles, err := p.adminRoles()
		if err != nil {
			return err
		}
		given = permissionsOf(v, roles)
	}
	if lack, ok := p.actor.Rights.Lacks(given); ok {
		return fault.New(fault.Forbidden, CodeForbidden, "The %s %q is, or would be, allowed more than this administrator is: %s. Nobody gives or takes what he does not have.",
			nounOf(o), o.ObjectName(), lack)
	}
	return nil
}

func nounOf(o mdc.Object) string {
	switch o.(type) {
	case *mdc.AdminRole:
		return mdc.AdminRoleKind().Name
	case *mdc.AdminToken:
		return mdc.AdminTokenKind().Name
	}
	return mdc.UserKind().Name
}

func permissionsOf(o mdc.Object, roles []*mdc.AdminRole) (out []mdc.Permission) {
	for _, r := range roles {
		switch v := o.(type) {
		case *mdc.AdminToken:
			if slices.Contains(v.Roles, r.Name) {
				out = append(out, r.Permissions...)
			}
		case *mdc.User:
			if r.GivenTo(v) {
				out = append(out, r.Permissions...)
			}
		}
	}
	return out
}

// adminRoles reads every role, once for a pass that changes none.
func (p *pass) adminRoles() ([]*mdc.AdminRole, error) {
	if p.roles != nil {
		return p.roles, nil
	}
	p.roles = []*mdc.AdminRole{}
	kind := mdc.AdminRoleKind()
	err := p.tx.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		r, err := mdc.As[*mdc.AdminRole](o)
		p.roles = append(p.roles, r)
		return err
	})
	if err != nil {
		p.roles = nil
	}
	return p.roles, err
}

// rolesChange lets what comes after a change of a role in the same pass see it.
func (p *pass) rolesChange(kind mdc.Kind) {
	if kind.Name == mdc.AdminRoleKind().Name {
		p.roles = nil
	}
}

// masked gives the names of objects as they may be told: those that the actor may not read become one word. users are places.
func (p *pass) masked(users []string) ([]string, error) {
	var out []string
	unseen := 0
	for _, at := range users {
		name, key, _ := strings.Cut(at, " ")
		kind, ok := mdc.KindByName(name)
		if !ok {
			return nil, errors.New("mask names: unknown kind " + name)
		}
		sees, err := p.actor.maySee(&p.tx.Snapshot, kind, key)
		if err != nil {
			return nil, err
		}
		if sees {
			out = append(out, at)
		} else {
			unseen++
		}
	}
	if unseen > 0 {
		out = append(out, "something that this administrator may not read")
	}
	return out, nil
}
