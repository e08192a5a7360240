package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) peerDomainRoutes() []route {
	return []route{{method: http.MethodGet, path: "/peer/v1/security-domains", summary: "What the security domains hold here, as digests; needs allow_management", out: wire.PeerDomains{}, handle: s.peerDomains}}
}

// securityDomainView adds what the domain holds in this data center.
func (s *Server) securityDomainView(c *call, o mdc.Object) (any, error) {
	all, err := s.c.Model.Domains(c.Request.Context())
	if err != nil {
		return nil, err
	}
	out := wire.SecurityDomainView{ID: o.ObjectName()}
	if err := fill(&out, o); err != nil {
		return nil, err
	}
	sum := all.Sums[o.ObjectName()]
	out.Digest, out.Objects = sum.Digest, sum.Objects
	return out, nil
}

func (s *Server) peerDomains(c *call) error {
	d, err := s.c.Validator.AnswerDomains(c.Request.Context())
	if err != nil {
		return err
	}
	out := wire.PeerDomains{Epoch: d.Position.Epoch.Number, EpochHolder: d.Position.Epoch.ClusterID, Sequence: d.Position.Sequence, Domains: map[string]wire.DomainDigest{}}
	for name, sum := range d.Sums {
		out.Domains[name] = wire.DomainDigest{Digest: sum.Digest, Objects: sum.Objects}
	}
	return c.answer(out)
}

// DomainsFromWire reads what another data center says of its security domains. Names that none can have are refused: they would be shown.
func DomainsFromWire(in wire.PeerDomains) (journal.Domains, error) {
	out := journal.Domains{Position: mdc.Position{Epoch: mdc.Epoch{Number: in.Epoch, ClusterID: in.EpochHolder}, Sequence: in.Sequence}, Sums: map[string]journal.DomainSum{}}
	for name, d := range in.Domains {
		if !mdc.ValidName(name) || d.Objects < 0 {
			return out, fault.New(fault.Invalid, "invalid_answer", "The partner's answer about its security domains cannot be read.")
		}
		out.Sums[name] = journal.DomainSum{Digest: d.Digest, Objects: d.Objects}
	}
	return out, nil
}
