package httpapi

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// auditFigures show that the audit grows, and how much of it are numbers.
type auditFigures struct {
	s                     *Server
	head, counted, failed *prometheus.Desc
}

func newAuditFigures(s *Server) *auditFigures {
	return &auditFigures{s: s,
		head:    prometheus.NewDesc("concord_audit_head_seq", "Sequence of the last audit record, by chain; -1 when it cannot be read.", []string{"chain"}, nil),
		counted: prometheus.NewDesc("concord_audit_counted_total", "Events that are kept as a number in a record of others, because there were many.", nil, nil),
		failed:  prometheus.NewDesc("concord_audit_write_failures_total", "Attempts to write noted events that failed; what they had is kept and written later.", nil, nil),
	}
}

// Describe names the figures.
func (a *auditFigures) Describe(out chan<- *prometheus.Desc) {
	out <- a.head
	out <- a.counted
	out <- a.failed
}

// Collect reads the ends of the chains.
func (a *auditFigures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), verdictTime)
	defer cancel()
	for _, k := range a.s.c.Trail.Chains() {
		at := -1.0
		if n, err := k.Log.Last(ctx, k.Store); err == nil {
			at = float64(n)
		}
		out <- prometheus.MustNewConstMetric(a.head, prometheus.GaugeValue, at, k.Log.Chain())
	}
	f := a.s.c.Events.Figures()
	out <- prometheus.MustNewConstMetric(a.counted, prometheus.CounterValue, float64(f.Counted))
	out <- prometheus.MustNewConstMetric(a.failed, prometheus.CounterValue, float64(f.Failed))
}
