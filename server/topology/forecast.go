package topology

import (
	"context"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Kinds of an Outage.
const (
	OutageDataCenter = "data_center" // it serves nobody, and answers nobody
	OutagePartner    = "partner"     // it serves people, but no other data center reaches it, and it reaches none
	OutageLink       = "link"        // two data centers do not reach each other
)

// MaxForecast is how many data centers a forecast tells of: it grows with their square.
const MaxForecast = 32

// Outage is a fault that is assumed.
type Outage struct{ Kind, ClusterID, Other string }

// Reach is how calls between two data centers fare.
type Reach uint8

// The outcomes of a call.
const (
	Answered Reach = iota
	Silent         // nothing answers, or what does cannot be talked with
	Refused        // one of the two does not accept the other
)

// Forecast is what an outage makes of the data centers, together with what does not work already.
type Forecast struct {
	Outage     Outage     // with cluster ids as they are registered
	Centers    []Prospect // this data center first
	Left       []string   // data centers that it does not tell of: there are more than MaxForecast
	Writes     Writes
	Agreements []Halt
	Broken     []Edge   // that do not work now
	Away       []string // data centers that nobody reaches now; they count as failed
	Unasked    []string // data centers that did not tell their own edges; they are taken for sound

	self  string
	edges map[[2]string]Edge
}

// Prospect is one data center under the outage.
type Prospect struct {
	ClusterID    string
	Role         string // "" = not known
	Availability string // "" = not known, and taken for active
	Answers      bool   // it serves whoever comes
	NoUsers      string // why load balancers should send nobody there; "" = they should
	TakesOver    bool   // a hot standby that gets users under the outage, ten seconds after it began
	Promotion    Promotion

	hello Hello // its own word, as far as it was heard
}

// Writes says whether the replicated configuration can be changed.
type Writes struct {
	Master   string // cluster id; "" = none is known here
	Possible bool
	Requires string // mdc.Write…; "" = not known
	Reason   string // why not, or where only
}

// Halt is a replication agreement under the outage.
type Halt struct {
	Name, Identifier string // "" = between others
	Source, Target   string
	State            string // now: mdc.Agreement…
	Stops            bool
	Lag              *uint64 // entries that the clone lacks now; nil = not known
}

// Forecast tells what an outage would make of the data centers. It asks partners for their edges, as Matrix does, and changes
// nothing. Faults: Invalid where the outage names what is no partner here.
func (v *Validator) Forecast(ctx context.Context, o Outage) (*Forecast, error) {
	partners, own, _, err := v.registered(ctx)
	if err != nil {
		return nil, err
	}
	f := &Forecast{self: v.c.ClusterID, edges: map[[2]string]Edge{}}
	if f.Outage, err = v.named(o, partners); err != nil {
		return nil, err
	}
	all, err := v.Matrix(ctx)
	if err != nil {
		return nil, err
	}
	f.take(all)
	views, err := v.c.Agreements.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range f.choose(partners) {
		f.Centers = append(f.Centers, v.prospect(f, id, own))
	}
	f.away()
	members, err := v.members(ctx)
	if err != nil {
		return nil, err
	}
	f.settle(own, views, members)
	return f, nil
}

// named checks the outage, and gives it with the names as they are registered.
func (v *Validator) named(o Outage, partners []*mdc.Partner) (Outage, error) {
	var fields []fault.Field
	known := func(id, pointer string) string {
		if mdc.SameName(id, v.c.ClusterID) {
			return v.c.ClusterID
		}
		for _, p := range partners {
			if mdc.SameName(id, p.ClusterID) {
				return p.ClusterID
			}
		}
		detail := "is missing"
		if id != "" {
			detail = "is neither this data center nor a registered partner; concord partner list shows those"
		}
		fields = append(fields, fault.Field{Pointer: pointer, Detail: detail})
		return id
	}
	switch o.Kind {
	case OutageDataCenter, OutagePartner:
		o.ClusterID = known(o.ClusterID, "/fault/cluster_id")
		if o.Other != "" {
			fields = append(fields, fault.Field{Pointer: "/fault/other", Detail: "goes with the kind link"})
		}
	case OutageLink:
		o.ClusterID, o.Other = known(o.ClusterID, "/fault/cluster_id"), known(o.Other, "/fault/other")
		if o.Other != "" && mdc.SameName(o.ClusterID, o.Other) {
			fields = append(fields, fault.Field{Pointer: "/fault/other", Detail: "is the same data center; a link has two ends"})
		}
	default:
		fields = append(fields, fault.Field{Pointer: "/fault/kind", Detail: "is not one of data_center, partner, link"})
	}
	return o, fault.InvalidFields("The fault cannot be simulated.", fields)
}

// take keeps the edges, and lists those that say something about the present.
func (f *Forecast) take(all []Edge) {
	for _, e := range all {
		f.edges[pair(e.From, e.To)] = e
		switch {
		case e.Result == EdgeBroken:
			f.Broken = append(f.Broken, e)
		case e.Result == EdgeUnknown && !slices.Contains(f.Unasked, e.From):
			f.Unasked = append(f.Unasked, e.From)
		}
	}
}

// choose gives the data centers to tell of: this one, those that the outage names, and the others by name.
func (f *Forecast) choose(partners []*mdc.Partner) []string {
	first := []string{f.self}
	var rest []string
	for _, p := range partners {
		if mdc.SameName(p.ClusterID, f.Outage.ClusterID) || mdc.SameName(p.ClusterID, f.Outage.Other) {
			first = append(first, p.ClusterID)
		} else {
			rest = append(rest, p.ClusterID)
		}
	}
	slices.SortFunc(rest, func(a, b string) int { return strings.Compare(mdc.FoldName(a), mdc.FoldName(b)) })
	all := append(first, rest...)
	f.Left = append(f.Left, all[min(len(all), MaxForecast):]...)
	return all[:min(len(all), MaxForecast)]
}

// prospect is what a data center says of itself.
func (v *Validator) prospect(f *Forecast, id string, own *mdc.DataCenter) Prospect {
	if mdc.SameName(id, f.self) {
		return Prospect{ClusterID: id, Role: own.Role, Availability: own.Availability,
			hello: Hello{ClusterID: id, Role: own.Role, Availability: own.Availability, WriteRequires: own.WriteRequires, Ready: true}}
	}
	h := f.edges[pair(f.self, id)].hello
	if h == nil && v.c.State != nil {
		last := v.c.State(id).Hello
		h = &last
	}
	if h == nil {
		h = new(Hello)
	}
	return Prospect{ClusterID: id, Role: h.Role, Availability: h.Availability, hello: *h}
}

// members are the data centers that a majority is counted of.
func (v *Validator) members(ctx context.Context) (ids []string, err error) {
	err = v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		ids = nil
		return s.Range(mdc.DataCenterKeyKind(), "", func(_ string, body []byte) error {
			o, err := mdc.DataCenterKeyKind().Decode(body)
			if err == nil {
				ids = append(ids, o.ObjectName())
			}
			return err
		})
	})
	return ids, err
}
