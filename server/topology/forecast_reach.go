package topology

import (
	"cmp"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// away finds the data centers that none of those which can be asked reaches.
func (f *Forecast) away() {
	for _, c := range f.Centers[1:] {
		tried, answered := false, false
		for _, from := range f.Centers {
			e := f.edges[pair(from.ClusterID, c.ClusterID)]
			tried = tried || e.Reachable != nil
			answered = answered || e.Reachable != nil && *e.Reachable
		}
		if tried && !answered {
			f.Away = append(f.Away, c.ClusterID)
		}
	}
}

// Registered says whether a data center has another as a partner; taken for true where it could not be asked.
func (f *Forecast) Registered(at, partner string) bool {
	e, known := f.edges[pair(at, partner)]
	return known && (e.Declared || e.Result == EdgeUnknown)
}

// Up says whether a data center serves people under the outage.
func (f *Forecast) Up(id string) bool {
	return !(f.Outage.Kind == OutageDataCenter && mdc.SameName(id, f.Outage.ClusterID)) && !contains(f.Away, id)
}

// Reach is how calls fare under the outage.
func (f *Forecast) Reach(from, to string) Reach {
	if !f.Up(from) || !f.Up(to) || f.cut(from, to) {
		return Silent
	}
	return cmp.Or(f.now(f.edges[pair(from, to)]), f.back(f.edges[pair(to, from)]))
}

// cut says whether the outage lies between two data centers.
func (f *Forecast) cut(from, to string) bool {
	is := func(id, of string) bool { return mdc.SameName(id, of) }
	switch o := f.Outage; o.Kind {
	case OutageLink:
		return is(from, o.ClusterID) && is(to, o.Other) || is(from, o.Other) && is(to, o.ClusterID)
	default:
		return is(from, o.ClusterID) || is(to, o.ClusterID)
	}
}

// now is how calls on an edge fare without the outage.
func (f *Forecast) now(e Edge) Reach {
	no := func(b *bool) bool { return b != nil && !*b }
	switch {
	case e.Result != EdgeBroken:
		return Answered
	case no(e.Reachable), no(e.ModeEqual), no(e.Fits):
		return Silent
	case no(e.Mutual):
		return Refused
	}
	return Answered
}

// back is what an edge tells of the other direction where that could not be asked: a connection that nobody accepts.
func (f *Forecast) back(e Edge) Reach {
	if f.edges[pair(e.To, e.From)].Result == EdgeUnknown {
		return f.now(e)
	}
	return Answered
}

func contains(ids []string, id string) bool {
	return slices.ContainsFunc(ids, func(other string) bool { return mdc.SameName(other, id) })
}
