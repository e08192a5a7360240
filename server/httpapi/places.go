package httpapi

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/admission"
)

// among says whose places the requests of a route take.
type among uint8

const (
	usual     among = iota // the listener's own: decisions, administration, or what partners ask
	free                   // none: cheap, and asked for when there is trouble
	signIns                // people's pages, and whatever looks at a password
	transfers              // what sends or takes a lot, which a slow line makes last
	follows                // how a clone follows its master
)

// words of the metrics' label class.
const (
	classDecisions, classSignIns, classTransfers = "decisions", "sign_ins", "transfers"
	classAdministration                          = "administration"
	classPeers, classReplication                 = "peers", "replication"
)

// runtimePlace stands first: credentials are looked at in the place that a request has. Callers are not told apart: all may come from the one
// address of a load balancer.
func (s *Server) runtimePlace(r *route) gin.HandlerFunc {
	switch r.among {
	case free:
		return nil
	case signIns:
		return s.place(r, classSignIns, nil, nil)
	case transfers:
		return s.place(r, classTransfers, nil, nil)
	}
	return s.place(r, classDecisions, nil, nil)
}

// adminPlace stands behind the look at credentials, so that strangers take no administrator's place. Each request also waits for its turn
// while decisions wait.
func (s *Server) adminPlace(r *route) gin.HandlerFunc {
	if r.among == free || r.public {
		return nil
	}
	return s.place(r, classAdministration, func(g *gin.Context) string { return g.GetString(actorKey) },
		func(ctx context.Context) error { return s.c.Admission.Pressure.Pause(ctx) })
}

func (s *Server) peerPlace(r *route) gin.HandlerFunc {
	who := func(g *gin.Context) string {
		c := &call{Context: g}
		if id := c.partner(); id != "" {
			return id
		}
		return connectionAddress(c)
	}
	switch r.among {
	case free:
		return nil
	case transfers:
		return s.place(r, classTransfers, who, nil)
	case follows:
		return s.place(r, classReplication, who, nil)
	}
	return s.place(r, classPeers, who, nil)
}

// placesOf gives the places of a class.
func placesOf(n *admission.Node, class string) *admission.Places {
	return map[string]*admission.Places{classDecisions: n.Decisions, classSignIns: n.SignIns, classTransfers: n.Transfers,
		classAdministration: n.Administration, classPeers: n.Peers, classReplication: n.Replication}[class]
}

// place lets a request go on while there is a place for it, and after pause, if there is one. who = nil: callers are not told apart.
func (s *Server) place(r *route, class string, who func(*gin.Context) string, pause func(context.Context) error) gin.HandlerFunc {
	if s.c.Admission == nil { // only described
		return nil
	}
	places := placesOf(s.c.Admission, class)
	return func(g *gin.Context) {
		caller := ""
		if who != nil {
			caller = who(g)
		}
		if err := places.Enter(caller); err != nil {
			s.shed(&call{Context: g, route: r}, class, err)
			return
		}
		defer places.Leave(caller)
		if pause != nil {
			if err := pause(g.Request.Context()); err != nil {
				s.shed(&call{Context: g, route: r}, class, err)
				return
			}
		}
		g.Next()
	}
}

// shed refuses a request that there is no room for: 429 where its caller alone is the cause, else 503 (FLT-29).
func (s *Server) shed(c *call, class string, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok { // the caller left
		c.fail(err)
		return
	}
	s.figures.shed.WithLabelValues(class, f.Code).Inc()
	c.fail(f)
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
	for _, class := range []string{classDecisions, classSignIns, classTransfers, classAdministration, classPeers, classReplication} {
		out <- prometheus.MustNewConstMetric(a.under, prometheus.GaugeValue, float64(placesOf(a.s.c.Admission, class).UnderWay()), class)
	}
	out <- prometheus.MustNewConstMetric(a.pressure, prometheus.GaugeValue, float64(a.s.c.Admission.Pressure.Level()))
}
