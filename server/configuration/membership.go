package configuration

import (
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Policies, packages and roles name groups and users, so who is in a group, and who has a name, decides what others open. Whoever may
// write users of some security domains only says so about groups of those domains, and takes no name that another's objects name
// already (TAM-11, SEC-61).

// joins refuses groups that a user would newly be in, or no longer, and that are not the actor's to fill. A group of the object that
// stays is left alone: somebody gave it who might.
func (p *pass) joins(was, will mdc.Object) error {
	after, ok := will.(*mdc.User)
	if !ok || after == nil || p.actor.Rights.Allow(mdc.ActionWrite, mdc.UserKind().Name, "") {
		return nil
	}
	var had []string
	if before, ok := was.(*mdc.User); ok && before != nil {
		had = before.Groups
	}
	for _, name := range slices.Concat(after.Groups, had) {
		if slices.Contains(after.Groups, name) && slices.Contains(had, name) {
			continue
		}
		if err := p.fills(name); err != nil {
			return err
		}
	}
	return nil
}

// fills refuses a group that the actor may neither write nor, as a writer of its domain's users, fill. What is not there, or is
// another domain's, is refused as every reference to it is.
func (p *pass) fills(name string) error {
	kind := mdc.GroupKind()
	o, err := p.tx.Get(kind, name)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if mdc.OwnerOf(o) != "" {
		return nil
	}
	if p.actor.Rights.Allow(mdc.ActionWrite, kind.Name, "") {
		return nil
	}
	return fault.New(fault.Forbidden, CodeForbidden, "This administrator may not put users into the group %q, or take them out: it belongs to no security domain, so it may open what is others'. It needs the permission %s.",
		name, mdc.Lack{Action: mdc.ActionWrite, Kind: kind.Name})
}

// named says whether a new user would be one whom objects of others name already: by their word he would get what was meant for
// somebody else, such as a person of a directory.
func (p *pass) named(was, will mdc.Object) (bool, error) {
	u, ok := will.(*mdc.User)
	if !ok || u == nil || was != nil || p.actor.Rights.Allow(mdc.ActionWrite, mdc.UserKind().Name, "") {
		return false, nil
	}
	if p.names == nil {
		names, err := p.namesOfOthers()
		if err != nil {
			return false, err
		}
		p.names = names
	}
	return p.names[mdc.FoldName(u.Name)], nil
}

// namesOfOthers are the users whom policies and packages name that the actor may not write. Nothing that he does in this pass
// changes them.
func (p *pass) namesOfOthers() (map[string]bool, error) {
	names := map[string]bool{}
	take := func(kind mdc.Kind, o mdc.Object, users []string) {
		if p.actor.Rights.Allow(mdc.ActionWrite, kind.Name, mdc.OwnerOf(o)) {
			return
		}
		for _, u := range users {
			names[mdc.FoldName(u)] = true
		}
	}
	for _, kind := range []mdc.Kind{mdc.AuthorizationPolicyKind(), mdc.PackageKind()} {
		err := eachAsHere(&p.tx.Snapshot, kind, func(o mdc.Object) {
			switch v := o.(type) {
			case *mdc.AuthorizationPolicy:
				for i := range v.Rules {
					take(kind, o, v.Rules[i].Users)
				}
			case *mdc.Package:
				take(kind, o, v.Users)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}
