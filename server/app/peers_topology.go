package app

import (
	"context"
	"net/http"
	"net/url"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// topologyLink carries hellos and agreements over the links.
type topologyLink struct{ links *links }

var _ topology.Link = topologyLink{}

// Hello asks a partner who it is.
func (t topologyLink) Hello(ctx context.Context, clusterID string) (topology.Hello, error) {
	var h wire.PeerHello
	if err := t.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/hello", Out: &h}); err != nil {
		return topology.Hello{}, err
	}
	expires, chain, life, err := t.links.certificateExpires(ctx, clusterID)
	return topology.Hello{ClusterID: h.ClusterID, NodeName: h.NodeName, Version: h.Version, Time: h.Time, Role: h.Role, AgentID: h.AgentID,
		AllowManagement: h.AllowManagement, Epoch: mdc.Epoch{Number: h.Epoch, ClusterID: h.EpochHolder}, Sequence: h.Sequence, Ready: h.Ready,
		AdminURL: h.AdminURL, Objects: h.Objects, Edits: h.Edits, PublicKey: h.PublicKey, MastershipKey: h.MastershipKey, WriteRequires: h.WriteRequires, Availability: h.Availability, SecurityMode: h.SecurityMode, Follows: h.Follows, CertificateExpiresAt: expires, ChainExpiresAt: chain, CertificateLife: life}, err
}

// InstallAgreement writes the clone's half and waits for its first copy.
func (t topologyLink) InstallAgreement(ctx context.Context, clusterID string, a mdc.Agreement) (topology.Installed, error) {
	return t.send(ctx, http.MethodPut, clusterID, a)
}

// ChangeAgreement changes the clone's half.
func (t topologyLink) ChangeAgreement(ctx context.Context, clusterID string, a mdc.Agreement) (topology.Installed, error) {
	return t.send(ctx, http.MethodPatch, clusterID, a)
}

// send leaves it to topology's context how long a clone may work on its first copy before it answers.
func (t topologyLink) send(ctx context.Context, method, clusterID string, a mdc.Agreement) (topology.Installed, error) {
	in := wireAgreement(a)
	var out wire.PeerAgreementState
	err := t.links.do(ctx, clusterID, client.Request{Method: method, Path: agreementPath(a.Identifier), In: in, Out: &out, Timeout: -1})
	return topology.Installed{State: out.State, Error: out.Error, Identity: out.IdentityHash, Kept: out.KeptConflict, Position: mdc.Position{Epoch: mdc.Epoch{Number: out.Epoch, ClusterID: out.EpochHolder},
		Sequence: out.Sequence, Digest: out.Digest}}, err
}

// RemoveAgreement removes the clone's half.
func (t topologyLink) RemoveAgreement(ctx context.Context, clusterID, identifier string) error {
	err := t.links.do(ctx, clusterID, client.Request{Method: http.MethodDelete, Path: agreementPath(identifier)})
	return err
}

func wireAgreement(a mdc.Agreement) wire.PeerAgreement {
	return wire.PeerAgreement{Identifier: a.Identifier, Name: a.Name, Source: a.Source, Target: a.Target, DocumentType: a.DocumentType,
		Enabled: a.Enabled, PollInterval: a.PollInterval.String(), Follow: a.Follow, WaitForSync: a.WaitForSync, Overwrite: a.Overwrite, StartingSequence: a.StartingSequence}
}

func agreementPath(identifier string) string {
	return "/peer/v1/replication/agreements/" + url.PathEscape(identifier)
}
