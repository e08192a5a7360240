package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) peerHello(c *call) error {
	ctx := c.Request.Context()
	d, err := s.c.Model.DataCenter(ctx)
	if err != nil {
		return err
	}
	profile, err := s.c.Model.Profile(ctx)
	if err != nil {
		return err
	}
	pos, err := s.c.Journal.Position(ctx)
	if err != nil {
		return err
	}
	edits, err := s.editCount(ctx)
	if err != nil {
		return err
	}
	objects, err := s.c.Agreements.OwnObjects(ctx, c.partner())
	if err != nil {
		return err
	}
	follows, err := s.c.Agreements.Follows(ctx)
	if err != nil {
		return err
	}
	return c.answer(wire.PeerHello{ClusterID: s.c.ClusterID, NodeName: s.c.NodeName, Version: s.c.Version, Time: s.c.Clock.Now(), Role: d.Role,
		AgentID: profile.AgentID, AllowManagement: profile.AllowManagement, Epoch: pos.Epoch.Number, EpochHolder: pos.Epoch.ClusterID,
		Sequence: pos.Sequence, Ready: len(s.c.Readiness()) == 0, AdminURL: s.c.Addresses().Admin, Objects: objects, Edits: edits, PublicKey: s.c.Keys.Public(),
		MastershipKey: s.c.MastershipKey, WriteRequires: d.WriteRequires, Availability: d.Availability, SecurityMode: s.c.Mode(), Follows: follows})
}

// peerAgreement reads an agreement and checks that body and address name the same one.
func peerAgreement(c *call) (a mdc.Agreement, err error) {
	var in wire.PeerAgreement
	if err := c.decode(&in); err != nil {
		return a, err
	}
	o, err := kindRoutes{kind: mdc.AgreementKind()}.object(in)
	if err != nil {
		return a, err
	}
	p, _ := o.(*mdc.Agreement)
	if p.Identifier != c.Param("id") {
		return a, fault.InvalidFields("The body names another agreement than the address.", []fault.Field{{Pointer: "/identifier", Detail: "must be the one in the address"}})
	}
	return *p, nil
}

func (s *Server) peerInstall(c *call) error {
	a, err := peerAgreement(c)
	if err != nil {
		return err
	}
	done, err := s.c.Agreements.Install(c.Request.Context(), c.partner(), a)
	if err != nil {
		return err
	}
	return c.answer(agreementState(done))
}

func (s *Server) peerChange(c *call) error {
	a, err := peerAgreement(c)
	if err != nil {
		return err
	}
	done, err := s.c.Agreements.Change(c.Request.Context(), c.partner(), a)
	if err != nil {
		return err
	}
	return c.answer(agreementState(done))
}

func (s *Server) peerRemove(c *call) error {
	if err := s.c.Agreements.Remove(c.Request.Context(), c.partner(), c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func agreementState(i topology.Installed) wire.PeerAgreementState {
	return wire.PeerAgreementState{State: i.State, Epoch: i.Position.Epoch.Number, EpochHolder: i.Position.Epoch.ClusterID,
		Sequence: i.Position.Sequence, Digest: i.Position.Digest, Error: i.Error, IdentityHash: i.Identity, KeptConflict: i.Kept}
}
