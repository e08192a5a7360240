package configuration

import (
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Applications that have one host share its paths, the more specific path decides, and an exact host takes its requests from a wildcard.
// Whoever put an application of his own on the host of another one would decide about that one's pages. So who may write in some
// security domains only takes no host that an application has which he may not write, or an agent of another domain (SEC-61).

// trespass refuses new hosts that are another's. What the object had before was given by who might.
func (p *pass) trespass(old []byte, will mdc.Object) error {
	writes := func(domain string) bool {
		return p.actor.Rights.Allow(mdc.ActionWrite, mdc.ApplicationKind().Name, domain)
	}
	if p.s.c.Site == nil || writes("") {
		return nil
	}
	had, hosts, err := p.hostsOf(old, will)
	if err != nil || len(hosts) == 0 {
		return err
	}
	if p.taken == nil {
		if p.taken, err = p.takenBeyond(writes); err != nil {
			return err
		}
	}
	for _, h := range hosts {
		place, wider := p.s.c.Site(h)
		if !slices.Contains(had, h) && (p.taken[place] || p.taken[wider]) {
			return fault.New(fault.Forbidden, CodeForbidden, "This administrator cannot have an application on the host %q; hosts are the same for all security domains, and what has it is not this administrator's. Choose another.", h)
		}
	}
	return nil
}

// hostsOf gives the hosts that an application had and shall have; for an override those of its object, stored and as it would lie.
func (p *pass) hostsOf(old []byte, will mdc.Object) (had, hosts []string, err error) {
	kind := mdc.ApplicationKind()
	if override, ok := will.(*mdc.Override); ok && override.Kind == kind.Name {
		body, found, err := p.tx.Body(kind, override.Name)
		if err != nil || !found {
			return nil, nil, err
		}
		laid, faults, err := override.Lay(kind, body)
		if err != nil || len(faults) > 0 { // another check words them
			return nil, nil, err
		}
		old, will = body, laid
	}
	a, ok := will.(*mdc.Application)
	if !ok || old == nil {
		return nil, hostsIn(a), nil
	}
	was, err := kind.Decode(old)
	if err != nil {
		return nil, nil, err
	}
	before, err := mdc.As[*mdc.Application](was)
	return hostsIn(before), hostsIn(a), err
}

func hostsIn(a *mdc.Application) []string {
	if a == nil {
		return nil
	}
	return a.Hosts
}

// takenBeyond gives the places of hosts that others have, as they are stored and as they count in this data center. Nothing that the
// actor does in this pass changes them.
func (p *pass) takenBeyond(writes func(domain string) bool) (taken map[string]bool, err error) {
	taken = map[string]bool{}
	take := func(hosts []string) {
		for _, h := range hosts {
			if place, _ := p.s.c.Site(h); place != "" {
				taken[place] = true
			}
		}
	}
	err = eachAsHere(&p.tx.Snapshot, mdc.ApplicationKind(), func(o mdc.Object) {
		if a, ok := o.(*mdc.Application); ok && !writes(a.SecurityDomain) {
			take(a.Hosts)
		}
	})
	if err != nil {
		return nil, err
	}
	err = eachAsHere(&p.tx.Snapshot, mdc.AgentKind(), func(o mdc.Object) {
		a, ok := o.(*mdc.Agent)
		if !ok || a.SecurityDomain == "" || writes(a.SecurityDomain) { // an agent of no domain is there for all
			return
		}
		for _, origin := range a.Hosts {
			_, host, _ := strings.Cut(origin, "://")
			take([]string{host})
		}
	})
	return taken, err
}

// eachAsHere visits every object of a kind as it is stored, and again as this data center's override makes it.
func eachAsHere(v *journal.Snapshot, kind mdc.Kind, visit func(mdc.Object)) error {
	return v.Range(kind, "", func(key string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		visit(o)
		laid, fields, err := Lay(v, kind, key, o)
		if err == nil && len(fields) > 0 {
			visit(laid)
		}
		return err
	})
}
