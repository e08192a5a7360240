package httpapi

import (
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

// peerPair takes the roots of a partner that proves the passphrase, and proves it in turn. The proofs hold on this connection
// alone: who stands in between has two, and neither's proof is good on the other.
func (s *Server) peerPair(c *call) error {
	var in wire.PairRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	if c.Request.TLS == nil {
		return fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s; roots are exchanged by a passphrase in mode simple only.", s.c.ClusterID, s.c.Mode())
	}
	exporter, err := meeting.Exported(c.Request.TLS)
	if err != nil {
		return err
	}
	proof, err := s.c.Pairings.Answer(c.Request.Context(), passphrase.Offer{ClusterID: in.ClusterID, Bundle: []byte(in.Bundle), Proof: in.Proof, Exporter: exporter})
	if err != nil {
		return err
	}
	return c.answer(wire.PairAnswer{Proof: proof})
}
