package httpapi

import (
	"crypto/x509"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

func (s *Server) federationRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/v1/trust/bundle", summary: "This data center's own roots, and how far their rotation is", out: wire.TrustBundle{}, needs: onAll(mdc.ActionRead, mdc.AreaTrust), handle: s.trustBundle},
		{method: http.MethodPost, path: "/v1/trust/bundle/rotate", summary: "Make the next step of the rotation of the root; refused, with the names, while somebody would be cut off", in: wire.Rotate{}, out: wire.RotateOutcome{}, needs: onAll(mdc.ActionOperate, mdc.AreaTrust), handle: s.rotate},
		{method: http.MethodGet, path: "/v1/partners/{name}/trust", summary: "By which roots a partner is believed, declared and learned, and how their refresh stands", out: wire.PartnerTrust{}, needs: onAll(mdc.ActionRead, mdc.PartnerKind().Name), handle: s.partnerTrust},
	}
}

func (s *Server) trustBundle(c *call) error {
	v, err := s.bundleView(c)
	if err != nil {
		return err
	}
	return c.answer(v)
}

func (s *Server) bundleView(c *call) (v wire.TrustBundle, err error) {
	bundle, sequence, err := s.c.Authority.Bundle()
	if err != nil {
		return v, err
	}
	v = wire.TrustBundle{ID: s.c.ClusterID, CertificatePEM: s.c.Authority.RootsPEM(), BundleJSON: bundle, FingerprintsSHA256: []string{}, Sequence: sequence}
	for _, root := range s.c.Authority.Roots() {
		v.FingerprintsSHA256 = append(v.FingerprintsSHA256, mdc.Fingerprint(root))
	}
	v.Rotation, err = s.rotationView(c)
	return v, err
}

func (s *Server) rotationView(c *call) (v wire.RootRotation, err error) {
	st, err := s.c.Rotation.State(c.Request.Context())
	if err != nil {
		return v, err
	}
	v = wire.RootRotation{Phase: st.Name, NextStep: st.Next, Since: instant(st.Since), Ready: st.MayAdvance(), Roots: []wire.RootView{},
		Partners: []wire.RotationPartner{}, WaitingFor: append([]string{}, st.Waiting...), FormerCertificates: st.Count, MayRetireAt: instant(st.Last)}
	at := s.c.Authority.Rotation()
	for i, root := range at.Roots {
		v.Roots = append(v.Roots, wire.RootView{FingerprintSHA256: mdc.Fingerprint(root.Certificate), Status: rootStatus(at, i), ExpiresAt: root.Certificate.NotAfter.UTC()})
	}
	for _, p := range st.Partner {
		v.Partners = append(v.Partners, wire.RotationPartner{ClusterID: p.ClusterID, AcknowledgedSequence: p.Acknowledged.Sequence,
			AcknowledgedAt: instant(p.Acknowledged.At), Current: p.Current})
	}
	return v, nil
}

func rootStatus(at ca.Rotation, i int) string {
	switch {
	case at.Roots[i].Issues:
		return wire.RootIssuing
	case at.Phase == ca.PhaseSwitched:
		return wire.RootFormer
	}
	return wire.RootNext
}

func (s *Server) rotate(c *call) error {
	var in wire.Rotate
	if err := c.decode(&in); err != nil {
		return err
	}
	switch in.Step {
	case "", federation.StepPublish, federation.StepSwitch, federation.StepRetire, federation.StepCancel:
	default:
		return fault.InvalidFields("The step cannot be accepted.", []fault.Field{{Pointer: "/step", Detail: "must be publish, switch, retire or cancel, or be left out for the one that is due"}})
	}
	out, err := s.c.Rotation.Advance(c.Request.Context(), in.Step, in.Force, func(step string) error {
		action := "rotate_" + step
		if in.Force {
			action += "_force"
		}
		return s.c.Audit(c.Request.Context(), c.actor(), action, "trust/bundle")
	})
	if err != nil {
		return err
	}
	v := wire.RotateOutcome{Step: out.Step, CutOff: append([]string{}, out.CutOff...), Ended: out.Certificates}
	if v.Bundle, err = s.bundleView(c); err != nil {
		return err
	}
	return c.answer(v)
}

func (s *Server) partnerTrust(c *call) error {
	name, ctx := c.Param("name"), c.Request.Context()
	held, err := s.c.Book.Standing(ctx, name)
	if err != nil {
		return err
	}
	if held.ClusterID == "" {
		return fault.New(fault.NotFound, "not_found", "There is no partner %q here.", clip(name))
	}
	refresh := s.c.Refresher.State(name)
	v := wire.PartnerTrust{ID: held.ClusterID, Roots: []wire.PartnerRootView{}, Sequence: held.Sequence, RevocationList: held.Number, Revoked: held.Revoked,
		LastRefresh: instant(refresh.LastSuccess), LastError: refresh.LastError, LastErrorAt: instant(refresh.LastErrorAt), Damaged: held.Damaged,
		AcknowledgedOur: s.c.Publisher.Ack(name).Sequence}
	withdrawn := trust.Learned{Retired: held.Retired}
	for _, root := range held.Declared {
		if !withdrawn.Withdrawn(root) {
			v.Roots = append(v.Roots, partnerRoot(root, wire.RootDeclared))
		}
	}
	for _, root := range held.Roots {
		v.Roots = append(v.Roots, partnerRoot(root, wire.RootLearned))
	}
	for _, root := range held.Retired {
		v.Roots = append(v.Roots, partnerRoot(root, wire.RootRetired))
	}
	return c.answer(v)
}

func partnerRoot(c *x509.Certificate, source string) wire.PartnerRootView {
	i := trust.DescribeOne(c)
	return wire.PartnerRootView{Source: source, CertificateInfo: wire.CertificateInfo{Kind: i.Kind, IssuedTo: i.IssuedTo, IssuedBy: i.IssuedBy, ExpiresAt: i.ExpiresAt, FingerprintSHA256: i.Fingerprint}}
}
