package httpapi

import (
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// need is what a route of the admin listener asks of an administrator. The zero value lets nobody through: a route that says nothing
// is closed (TAM-11, SEC-61).
type need struct {
	action, kind string
	reach        reach
}

// reach is how much of a kind a route is about.
type reach uint8

const (
	undeclared  reach = iota
	nothing           // whoever is an administrator may
	throughout        // the action on all of the kind or area: a permission that is limited to security domains is not enough
	eachObject        // the action on the kind somewhere; package configuration decides about every object
	eachSubject       // the kind is in the address or in the body; package configuration decides
)

var (
	anyAdministrator = need{reach: nothing}     //nolint:gochecknoglobals // a constant
	bySubject        = need{reach: eachSubject} //nolint:gochecknoglobals // a constant
)

// onAll asks for an action on all of a kind or area.
func onAll(action, kind string) need { return need{action, kind, throughout} }

// needs asks for an action on objects of the kind.
func (k kindRoutes) needs(action string) need {
	if k.over {
		return need{action, "", eachSubject}
	}
	if !mdc.ReachedInDomains(action, k.kind) {
		return onAll(action, k.kind.Name)
	}
	return need{action, k.kind.Name, eachObject}
}

// permit is the one place where the admin listener decides whether a route is open to who asks.
func permit(c *call) error {
	rights, n := c.administrator().Rights, c.route.needs
	switch n.reach {
	case nothing, eachSubject:
		return nil
	case throughout:
		if !rights.Allow(n.action, n.kind, "") {
			return configuration.Forbidden(n.action, n.kind)
		}
		return nil
	case eachObject:
		return c.actor().MayTouch(n.action, mdc.Kind{Name: n.kind}, "")
	}
	return fault.New(fault.Forbidden, configuration.CodeForbidden, "This route is open to nobody.")
}

// String words a need for the description of the route.
func (n need) String() string {
	switch n.reach {
	case nothing:
		return "any administrator"
	case eachSubject:
		return "the permission on the object that the request is about"
	case throughout:
		return n.action + " on " + n.kind + ", not limited to security domains"
	case eachObject:
		return n.action + " on " + n.kind
	}
	return "nobody"
}

// everything refuses who may not do whatever there is: what he asks for would let its holder do that.
func (c *call) everything() error {
	lack, lacks := c.administrator().Rights.LacksAny()
	if !lacks {
		return nil
	}
	return fault.New(fault.Forbidden, configuration.CodeForbidden, "This would give more than this administrator has: whoever has it can do everything in this data center. It needs the permission %s.", lack)
}
