package httpapi

import (
	"context"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// figures are what the admin listener shows at /metrics. Labels come from small fixed sets: never a user, an id or a cookie.
type figures struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	retrieves *prometheus.CounterVec
	shed      *prometheus.CounterVec
	serve     http.Handler

	// counters are those of decisions that there are: to look one up by its labels costs several times as much. Replaced, never changed.
	counters atomic.Pointer[map[answer]prometheus.Counter]
}

// answer is what decisions are counted by.
type answer struct{ result, rule string }

func (f *figures) decided(result, rule string) {
	var known map[answer]prometheus.Counter
	if m := f.counters.Load(); m != nil {
		known = *m
	}
	c, ok := known[answer{result, rule}]
	if !ok { // of two that do so at once one may be overtaken, and looks again the next time
		c = f.decisions.WithLabelValues(result, rule)
		next := maps.Clone(known)
		if next == nil {
			next = map[answer]prometheus.Counter{}
		}
		next[answer{result, rule}] = c
		f.counters.Store(&next)
	}
	c.Inc()
}

func (s *Server) newFigures() *figures {
	f := &figures{registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "concord_authz_decisions_total", Help: "Answers to agents, by decision and the rule that found the session."}, []string{"result", "rule"}),
		signIns:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "concord_sign_ins_total", Help: "Sign-ins with a password, by result."}, []string{"result"}),
		retrieves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "concord_peer_retrievals_total", Help: "Sessions that partners asked for, by answer."}, []string{"result"}),
		shed:      newShed(),
	}
	position := func(pick func(epoch, sequence uint64) uint64) func() float64 {
		return func() float64 {
			p, err := s.c.Journal.Position(context.Background())
			if err != nil {
				return -1
			}
			return float64(pick(p.Epoch.Number, p.Sequence))
		}
	}
	f.registry.MustRegister(f.decisions, f.signIns, f.retrieves, newVerdictFigures(s), newExpiryFigures(s), newAuditFigures(s), f.shed, newAdmissionFigures(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "concord_security_mode_open", Help: "1 while the peer listener is in security mode open, without TLS."}, func() float64 {
			if s.c.Mode() == mdc.ModeOpen {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "concord_journal_seq", Help: "Sequence of the last change."}, position(func(_, q uint64) uint64 { return q })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "concord_epoch", Help: "Number of the epoch."}, position(func(e, _ uint64) uint64 { return e })),
	)
	f.serve = promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{})
	return f
}

func (s *Server) metrics(c *call) error {
	s.figures.serve.ServeHTTP(c.Writer, c.Request)
	return nil
}
