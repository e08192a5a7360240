package httpapi

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) expiryRoutes() []route {
	return []route{{method: http.MethodGet, path: "/v1/trust/expiry", summary: "When each certificate ends: this data center's, those it trusts, and those that partners show", out: wire.CertificateExpiries{}, needs: onAll(mdc.ActionRead, mdc.AreaTrust), handle: s.certificateExpiries}}
}

func (s *Server) certificateExpiries(c *call) error {
	all, err := s.c.Validator.Certificates(c.Request.Context())
	if err != nil {
		return err
	}
	out, now := wire.CertificateExpiries{ID: s.c.ClusterID, Certificates: []wire.CertificateExpiry{}}, s.c.Clock.Now()
	for _, k := range all {
		out.Certificates = append(out.Certificates, wire.CertificateExpiry{Role: k.Role, Name: k.Name, ExpiresAt: k.ExpiresAt.UTC(), Soon: k.Soon(now)})
	}
	return c.answer(out)
}

// expiryFigures shows how long the certificates of each role still last: /v1/trust/expiry says which one it is.
type expiryFigures struct {
	s    *Server
	left *prometheus.Desc
}

func newExpiryFigures(s *Server) *expiryFigures {
	return &expiryFigures{s, prometheus.NewDesc("concord_certificate_expiry_seconds", "Seconds until the first certificate of a role ends; below nought when it has.", []string{"role"}, nil)}
}

// Describe names the figure.
func (e *expiryFigures) Describe(out chan<- *prometheus.Desc) { out <- e.left }

// Collect reads the ends of all certificates.
func (e *expiryFigures) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), verdictTime)
	defer cancel()
	all, err := e.s.c.Validator.Certificates(ctx)
	if err != nil {
		return // a figure that is missing is an alert of its own
	}
	first := map[string]float64{}
	now := e.s.c.Clock.Now()
	for _, c := range all {
		left := c.ExpiresAt.Sub(now).Seconds()
		if known, there := first[c.Role]; !there || left < known {
			first[c.Role] = left
		}
	}
	for role, left := range first {
		out <- prometheus.MustNewConstMetric(e.left, prometheus.GaugeValue, left, role)
	}
}
