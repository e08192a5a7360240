package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) peerMastershipRoutes() []route {
	base := peerStandingPath
	return []route{
		{method: http.MethodGet, path: base, summary: "Where this data center stands, with the proof of its epoch; for members", out: wire.PeerStanding{}, handle: s.peerStanding},
		{method: http.MethodPost, path: base, summary: "Tell where the caller stands; a later epoch that is proved is obeyed", in: wire.PeerStanding{}, status: http.StatusNoContent, handle: s.peerPresent},
		{method: http.MethodPost, path: base + "/handover", summary: "A step of a handover; for the master's clone", in: wire.PeerHandover{}, out: wire.PeerPosition{}, handle: s.peerHandover},
		{method: http.MethodPost, path: base + "/take", summary: "Take the caller's place; for the master that is followed", in: wire.PeerTake{}, out: wire.MastershipOutcome{}, handle: s.peerTake},
		{method: http.MethodPost, path: base + "/follow", summary: "Follow this new master by an agreement that was with the former one; for members", in: wire.PeerFollow{}, out: wire.PeerAgreement{}, handle: s.peerFollow},
		{method: http.MethodGet, path: "/peer/v1/replication/conflicts", summary: "Conflict files; for the master that is followed", out: wire.PeerConflicts{}, handle: s.peerConflicts},
		{method: http.MethodGet, path: "/peer/v1/replication/conflicts/{id}", summary: "Records of a conflict file; for the master that is followed", query: []string{"after", "limit"}, out: wire.PeerConflict{}, handle: s.peerConflict},
	}
}

func peerPosition(p mdc.Position) wire.PeerPosition {
	return wire.PeerPosition{Epoch: p.Epoch.Number, EpochHolder: p.Epoch.ClusterID, Sequence: p.Sequence, Digest: p.Digest}
}

func mdcPosition(p wire.PeerPosition) mdc.Position {
	return mdc.Position{Epoch: mdc.Epoch{Number: p.Epoch, ClusterID: p.EpochHolder}, Sequence: p.Sequence, Digest: p.Digest}
}

// WireStanding is a standing as it travels.
func WireStanding(st topology.Standing) wire.PeerStanding {
	out := wire.PeerStanding{ClusterID: st.ClusterID, Role: st.Role, Position: peerPosition(st.Position), YieldedTo: st.YieldedTo, MastershipKey: st.MastershipKey, Secured: st.Secured,
		Promotions: make([]wire.PeerPromotion, 0, len(st.Promotions))}
	for _, p := range st.Promotions {
		out.Promotions = append(out.Promotions, wire.PeerPromotion{Epoch: p.Epoch.Number, EpochHolder: p.Epoch.ClusterID, Base: peerPosition(p.Base), Time: p.Time, Forced: p.Forced, Signature: p.Signature})
	}
	return out
}

// Standing reverses WireStanding.
func Standing(st wire.PeerStanding) topology.Standing {
	out := topology.Standing{ClusterID: st.ClusterID, Role: st.Role, Position: mdcPosition(st.Position), YieldedTo: st.YieldedTo, MastershipKey: st.MastershipKey, Secured: st.Secured}
	for _, p := range st.Promotions {
		out.Promotions = append(out.Promotions, mdc.Promotion{Epoch: mdc.Epoch{Number: p.Epoch, ClusterID: p.EpochHolder}, Base: mdcPosition(p.Base), Time: p.Time, Forced: p.Forced, Signature: p.Signature})
	}
	return out
}

func (s *Server) peerStanding(c *call) error {
	st, err := s.c.Mastership.Standing(c.Request.Context(), c.partner())
	if err != nil {
		return err
	}
	return c.answer(WireStanding(st))
}

func (s *Server) peerPresent(c *call) error {
	var in wire.PeerStanding
	if err := c.decode(&in); err != nil {
		return err
	}
	st := Standing(in)
	st.ClusterID = c.partner() // what the certificate proves, whatever the body says
	if err := s.c.Mastership.Present(c.Request.Context(), st); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) peerHandover(c *call) error {
	var in wire.PeerHandover
	if err := c.decode(&in); err != nil {
		return err
	}
	at, err := s.c.Mastership.Hand(c.Request.Context(), c.partner(), topology.Handover{Agreement: in.Agreement, Step: in.Step, At: mdcPosition(in.At), Force: in.Force})
	if err != nil {
		return err
	}
	return c.answer(peerPosition(at))
}

func (s *Server) peerTake(c *call) error {
	var in wire.PeerTake
	if err := c.decode(&in); err != nil {
		return err
	}
	wait, err := time.ParseDuration(in.Wait)
	if err != nil {
		return fault.InvalidFields("The handover cannot be accepted.", []fault.Field{{Pointer: "/wait", Detail: "must be a duration"}})
	}
	out, err := s.c.Mastership.Give(c.Request.Context(), c.partner(), wait)
	if err != nil {
		return err
	}
	return c.answer(outcomeView(out))
}

func (s *Server) peerFollow(c *call) error {
	var follow wire.PeerFollow
	if err := c.decode(&follow); err != nil {
		return err
	}
	in := follow.PeerAgreement
	o, err := kindRoutes{kind: mdc.AgreementKind()}.object(in)
	if err != nil {
		return err
	}
	a, _ := o.(*mdc.Agreement)
	half, err := s.c.Mastership.Adopt(c.Request.Context(), c.partner(), *a, follow.IdentityHash)
	if err != nil {
		return err
	}
	in.Enabled, in.PollInterval, in.Follow, in.StartingSequence = half.Enabled, half.PollInterval.String(), half.Follow, half.StartingSequence
	return c.answer(in)
}

func (s *Server) peerConflicts(c *call) error {
	if err := s.c.Mastership.ForMaster(c.Request.Context(), c.partner()); err != nil {
		return err
	}
	all, err := s.c.Mastership.Conflicts(c.Request.Context(), "")
	if err != nil {
		return err
	}
	return s.answerConflicts(c, all)
}

func (s *Server) answerConflicts(c *call, all topology.ConflictList) error {
	out := wire.PeerConflicts{Conflicts: []json.RawMessage{}, SilentNodes: all.Silent}
	for _, k := range all.Files {
		b, err := json.Marshal(k)
		if err != nil {
			return fmt.Errorf("encode conflict: %w", err)
		}
		out.Conflicts = append(out.Conflicts, b)
	}
	return c.answer(out)
}

// ConflictList reads what another data center, or another node, answered.
func ConflictList(in wire.PeerConflicts) (out topology.ConflictList, err error) {
	out.Silent = in.SilentNodes
	for _, b := range in.Conflicts {
		var k journal.Conflict
		if err := json.Unmarshal(b, &k); err != nil {
			return out, fmt.Errorf("read conflicts: %w", err)
		}
		out.Files = append(out.Files, k)
	}
	return out, nil
}

func (s *Server) peerConflict(c *call) error {
	if err := s.c.Mastership.ForMaster(c.Request.Context(), c.partner()); err != nil {
		return err
	}
	after, limit, err := c.window()
	if err != nil {
		return err
	}
	p, err := s.c.Mastership.Conflict(c.Request.Context(), "", c.Param("id"), after, limit)
	if err != nil {
		return err
	}
	return s.answerConflict(c, p)
}

func (s *Server) answerConflict(c *call, p topology.ConflictPage) (err error) {
	out := wire.PeerConflict{Records: make([]json.RawMessage, len(p.Records)), More: p.More}
	if out.Conflict, err = json.Marshal(p.Conflict); err != nil {
		return fmt.Errorf("encode conflict: %w", err)
	}
	for i, rec := range p.Records {
		if out.Records[i], err = json.Marshal(rec); err != nil {
			return fmt.Errorf("encode record: %w", err)
		}
	}
	return c.answer(out)
}

// ConflictPage reads what another data center answered.
func ConflictPage(in wire.PeerConflict) (p topology.ConflictPage, err error) {
	if err := json.Unmarshal(in.Conflict, &p.Conflict); err != nil {
		return p, fmt.Errorf("read conflict: %w", err)
	}
	for _, b := range in.Records {
		var rec journal.Record
		if err := json.Unmarshal(b, &rec); err != nil {
			return p, fmt.Errorf("read record: %w", err)
		}
		p.Records = append(p.Records, rec)
	}
	p.More = in.More
	return p, nil
}
