package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) checkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/v1/partners/{name}/test", summary: "Test a partner step by step in both directions; changes nothing", out: wire.PartnerTest{}, needs: onAll(mdc.ActionOperate, mdc.PartnerKind().Name), handle: s.testPartner},
		{method: http.MethodGet, path: "/v1/validate", summary: "Look at the whole configuration and at each edge to another data center", out: wire.Validation{}, needs: onAll(mdc.ActionRead, mdc.AreaValidation), handle: s.validate},
		{method: http.MethodPost, path: "/v1/validate", summary: "Write defaults that stored objects lack, then look again", out: wire.Validation{}, needs: onAll(mdc.ActionOperate, mdc.AreaValidation), handle: s.repairConfiguration},
	}
}

func (s *Server) peerTestRoutes() []route {
	return []route{{method: http.MethodPost, path: "/peer/v1/test", summary: "Test the caller from here; needs allow_management", out: wire.PartnerTest{}, handle: s.peerTest}}
}

func (s *Server) testPartner(c *call) error {
	name := c.Param("name")
	if !mdc.ValidClusterID(name) {
		return fault.New(fault.NotFound, "not_found", "There is no partner %q here.", clip(name))
	}
	if err := s.c.Audit(c.Request.Context(), c.actor(), "test", mdc.PartnerKind().Name+"/"+name); err != nil {
		return err
	}
	checks, err := s.c.Tester.Test(c.Request.Context(), name)
	if err != nil {
		return err
	}
	return c.answer(partnerTest(name, checks))
}

// peerTest makes this data center's own checks towards the partner that asks.
func (s *Server) peerTest(c *call) error {
	checks, err := s.c.Tester.Answer(c.Request.Context(), c.partner())
	if err != nil {
		return err
	}
	return c.answer(partnerTest(c.partner(), checks))
}

func partnerTest(clusterID string, checks []topology.Check) wire.PartnerTest {
	out := wire.PartnerTest{ID: clusterID, Result: wire.ResultPass, Checks: []wire.PartnerCheck{}}
	for _, check := range checks {
		result := wire.ResultPass
		switch {
		case check.Skipped:
			result = wire.ResultSkipped
		case !check.Pass:
			result, out.Result = wire.ResultFail, wire.ResultFail
		}
		out.Checks = append(out.Checks, wire.PartnerCheck{Name: check.Name, Direction: check.Direction, Result: result, Detail: check.Detail})
	}
	return out
}

func (s *Server) validate(c *call) error { return s.answerValidation(c, []string{}) }

func (s *Server) repairConfiguration(c *call) error {
	repaired, err := s.c.Validator.Repair(c.Request.Context(), c.topologyActor())
	if err != nil {
		return err
	}
	return s.answerValidation(c, append([]string{}, repaired...))
}

func (s *Server) answerValidation(c *call, repaired []string) error {
	findings, err := s.c.Validator.Check(c.Request.Context())
	if err != nil {
		return err
	}
	out := wire.Validation{ID: s.c.ClusterID, Result: wire.ResultPass, Findings: []wire.Finding{}, Repaired: repaired}
	for _, f := range findings {
		if f.Severity == topology.SeverityError {
			out.Result = wire.ResultFail
		}
		out.Findings = append(out.Findings, wire.Finding(f))
	}
	return c.answer(out)
}
