package httpapi

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// verdictTime bounds how long a scrape waits for the verdict on replication.
const verdictTime = 5 * time.Second

// verdictFigures shows what /v1/replication/status says as figures. They are -1 while it cannot be told.
type verdictFigures struct {
	s                          *Server
	healthy, diverged, missing *prometheus.Desc
}

func newVerdictFigures(s *Server) *verdictFigures {
	return &verdictFigures{s: s,
		healthy:  prometheus.NewDesc("concord_agreement_healthy", "1 when every replication agreement of this data center is healthy, 0 when one is not.", nil, nil),
		diverged: prometheus.NewDesc("concord_diverged", "Objects that were changed on a clone alone: on this one, or at a master on its clones.", nil, nil),
		missing:  prometheus.NewDesc("concord_blobs_missing", "Contents of packages that are not in this data center.", nil, nil),
	}
}

// Describe names the figures.
func (v *verdictFigures) Describe(out chan<- *prometheus.Desc) {
	out <- v.healthy
	out <- v.diverged
	out <- v.missing
}

// Collect asks for the verdict once for all of them.
func (v *verdictFigures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), verdictTime)
	defer cancel()
	healthy, diverged, missing := 1.0, 0.0, 0.0
	st, err := v.s.verdict(ctx)
	for _, a := range st.Agreements {
		diverged += float64(a.Diverged)
		if !a.Healthy {
			healthy = 0
		}
	}
	missing = float64(st.Missing)
	if err != nil {
		healthy, diverged, missing = -1, -1, -1
	}
	out <- prometheus.MustNewConstMetric(v.healthy, prometheus.GaugeValue, healthy)
	out <- prometheus.MustNewConstMetric(v.diverged, prometheus.GaugeValue, diverged)
	out <- prometheus.MustNewConstMetric(v.missing, prometheus.GaugeValue, missing)
}
