package httpapi

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// among says whose places the requests of a route take.
type among uint8

const (
	usual   among = iota // the listener's own: decisions, administration, or what partners ask
	free                 // none: cheap, and asked for when there is trouble
	inside               // the handler takes one, when it knows whose
	pages                // people's pages that look at no password
	signIns              // people's pages, and whatever looks at a password
	copies               // what sends a lot to partners and nodes, which a slow line makes last
	follows              // how a clone follows its master
	nodes                // what the other nodes of this data center ask
)

// words of the metrics' label class.
const (
	classDecisions, classPages, classSignIns    = "decisions", "pages", "sign_ins"
	classBodies, classTransfers                 = "bodies", "transfers"
	classAdministration                         = "administration"
	classPeers, classNeighbours, classStrangers = "peers", "neighbours", "strangers"
	classReplication, classCopies               = "replication", "copies"
)

func classes() []string {
	return []string{classDecisions, classPages, classSignIns, classBodies, classTransfers, classAdministration, classPeers, classNeighbours, classStrangers, classReplication, classCopies}
}

// runtimeDoor: decisions are for agents that are known. People are not told apart: all may come from the one address of a load balancer.
func (s *Server) runtimeDoor(r *route) *door {
	switch {
	case r.among == free || r.among == inside:
		return nil
	case r.among == signIns:
		return s.door(r, door{class: classSignIns, held: true})
	case r.among == pages || r.public:
		return s.door(r, door{class: classPages, held: true})
	}
	return s.door(r, door{class: classDecisions})
}

// adminDoor stands behind the look at credentials and at permissions, so that nobody takes a place or a turn who may not do what it is for. Each
// request also waits for its turn while decisions wait.
func (s *Server) adminDoor(r *route) *door {
	if r.among == free || r.public {
		return nil
	}
	who := func(c *call) string { return c.GetString(actorKey) }
	return s.door(r, door{class: classAdministration, who: sure(who), pause: func(c *call) error {
		return s.c.Admission.Pressure.Pause(c.Request.Context(), who(c))
	}})
}

func (s *Server) peerDoor(r *route) *door {
	partner := sure(func(c *call) string { return c.partner() })
	switch r.among {
	case free, inside:
		return nil
	case copies:
		return s.door(r, door{class: classCopies, who: partner})
	case follows:
		return s.door(r, door{class: classReplication, who: partner})
	case nodes:
		return s.door(r, door{class: classNeighbours, who: s.neighbour})
	}
	if r.public {
		return s.door(r, door{class: classStrangers, who: sure(connectionAddress), held: true})
	}
	return s.door(r, door{class: classPeers, who: partner})
}

// sure is for callers that are known already.
func sure(who func(*call) string) func(*call) (string, error) {
	return func(c *call) (string, error) { return who(c), nil }
}

func (s *Server) door(r *route, d door) *door {
	if s.c.Admission == nil { // only described
		return nil
	}
	d.s, d.route, d.places = s, r, placesOf(s.c.Admission, d.class)
	return &d
}

// placesOf gives the places of a class.
func placesOf(n *admission.Node, class string) *admission.Places {
	switch class {
	case classDecisions:
		return n.Decisions
	case classPages:
		return n.Pages
	case classSignIns:
		return n.SignIns
	case classBodies:
		return n.Bodies
	case classTransfers:
		return n.Transfers
	case classAdministration:
		return n.Administration
	case classPeers:
		return n.Peers
	case classNeighbours:
		return n.Neighbours
	case classStrangers:
		return n.Strangers
	case classReplication:
		return n.Replication
	}
	return n.Copies
}

// asAgent does a decision for an agent that the handler knows.
func (s *Server) asAgent(a *mdc.Agent, do func() error) error {
	share := s.shareOf(a)
	if err := s.c.Admission.Decisions.EnterBy(share); err != nil {
		return s.refused(classDecisions, err)
	}
	defer s.c.Admission.Decisions.LeaveBy(share)
	return do()
}

// shareOf gives what an agent has of the places for decisions. It outlives the agent's object, which each change makes anew.
func (s *Server) shareOf(a *mdc.Agent) *admission.Share {
	if known, ok := s.shares.Load(a.Name); ok {
		return known.(*admission.Share) //nolint:forcetypeassert // nothing else is kept there
	}
	known, _ := s.shares.LoadOrStore(a.Name, new(admission.Share))
	return known.(*admission.Share) //nolint:forcetypeassert // likewise
}

func newShed() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "concord_requests_shed_total", Help: "Requests that were refused because there was no room for them, by class and code."}, []string{"class", "code"})
}

// admissionFigures show how full a node is.
type admissionFigures struct {
	s               *Server
	under, pressure *prometheus.Desc
}

func newAdmissionFigures(s *Server) *admissionFigures {
	return &admissionFigures{s: s,
		under:    prometheus.NewDesc("concord_requests_in_flight", "Requests that are worked on or wait for their turn, by class.", []string{"class"}, nil),
		pressure: prometheus.NewDesc("concord_pressure_level", "How far sign-ins (from 1) and administration (from 5) are held back for decisions; 0 = not at all, 8 = as far as it goes.", nil, nil),
	}
}

// Describe names the figures.
func (a *admissionFigures) Describe(out chan<- *prometheus.Desc) {
	out <- a.under
	out <- a.pressure
}

// Collect reads them.
func (a *admissionFigures) Collect(out chan<- prometheus.Metric) {
	for _, class := range classes() {
		out <- prometheus.MustNewConstMetric(a.under, prometheus.GaugeValue, float64(placesOf(a.s.c.Admission, class).UnderWay()), class)
	}
	out <- prometheus.MustNewConstMetric(a.pressure, prometheus.GaugeValue, float64(a.s.c.Admission.Pressure.Level()))
}
