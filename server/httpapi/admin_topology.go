package httpapi

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

func (s *Server) dataCenterView(c *call, o mdc.Object) (any, error) {
	d, ok := o.(*mdc.DataCenter)
	if !ok {
		return nil, fmt.Errorf("present data center: %T", o)
	}
	pos, err := s.c.Journal.Position(c.Request.Context())
	if err != nil {
		return nil, err
	}
	state, err := s.c.Agreements.State(c.Request.Context())
	if err != nil {
		return nil, err
	}
	v := &wire.DataCenterView{ID: s.c.ClusterID, State: state, Epoch: pos.Epoch.Number, EpochHolder: pos.Epoch.ClusterID,
		LastSequence: pos.Sequence, Digest: pos.Digest, Mastership: s.c.Mastership.State(), PeerURL: s.c.Addresses().Peer, RuntimeURL: s.c.Addresses().Runtime,
		NodeName: s.c.NodeName, Version: s.c.Version}
	if err := fill(v, d); err != nil {
		return nil, err
	}
	writable := d.Writable()
	v.WriteEnabled = &writable
	return v, nil
}

func (s *Server) partnerView(c *call, o mdc.Object) (any, error) {
	v := &wire.PartnerView{ID: o.ObjectName()}
	if err := fill(v, o); err != nil {
		return nil, err
	}
	if v.SecurityMode == "" {
		d, err := s.c.Model.DataCenter(c.Request.Context())
		if err != nil {
			return nil, err
		}
		v.SecurityMode = d.SecurityMode
	}
	if err := s.showPairing(c, v); err != nil {
		return nil, err
	}
	seen := s.c.Partners.State(o.ObjectName())
	v.Reachable = seen.Reachable
	if !seen.CertificateExpiresAt.IsZero() {
		at := seen.CertificateExpiresAt.UTC()
		v.CertificateExpiresAt = &at
	}
	return v, nil
}

// showPairing says how the pairing stands, and which roots it pinned beside the declared ones.
func (s *Server) showPairing(c *call, v *wire.PartnerView) error {
	st, err := s.c.Pairings.State(c.Request.Context(), v.ID)
	if err != nil {
		return err
	}
	v.Paired, v.PairingError = st.Paired, st.Reason
	if !st.Paired {
		return nil
	}
	at := st.At.UTC()
	v.PairedAt = &at
	pinned, err := trust.Describe(st.RootsPEM)
	for _, i := range pinned {
		v.PinnedSHA256 = append(v.PinnedSHA256, i.Fingerprint)
	}
	return err
}

func (s *Server) trustedCertificateView(_ *call, o mdc.Object) (any, error) {
	t, ok := o.(*mdc.TrustedCertificate)
	if !ok {
		return nil, fmt.Errorf("present trusted certificate: %T", o)
	}
	v := &wire.TrustedCertificateView{ID: t.Name}
	if err := fill(v, t); err != nil {
		return nil, err
	}
	certificates, err := trust.Describe(t.CertificatePEM)
	if err != nil {
		return nil, fmt.Errorf("present trusted certificate %s: %w", t.Name, err)
	}
	for _, i := range certificates {
		v.Certificates = append(v.Certificates, wire.CertificateInfo{Kind: i.Kind, IssuedTo: i.IssuedTo, IssuedBy: i.IssuedBy,
			ExpiresAt: i.ExpiresAt, FingerprintSHA256: i.Fingerprint})
	}
	v.CertificateInfo = v.Certificates[0]
	return v, nil
}
