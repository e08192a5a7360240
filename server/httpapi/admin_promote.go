package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *Server) mastershipRoutes() []route {
	conflict := "/v1/replication/conflicts/{id}"
	return []route{
		{method: http.MethodPost, path: "/v1/data-center/promote", summary: "Make this clone the master; a refusal says what would be lost", in: wire.MastershipChange{}, out: wire.MastershipOutcome{}, needs: onAll(mdc.ActionOperate, mdc.DataCenterKind().Name), handle: s.promote},
		{method: http.MethodPost, path: "/v1/data-center/demote", summary: "Hand this master's role to a clone", in: wire.MastershipChange{}, out: wire.MastershipOutcome{}, needs: onAll(mdc.ActionOperate, mdc.DataCenterKind().Name), handle: s.demote},
		{method: http.MethodGet, path: "/v1/replication/conflicts", summary: "List the files of changes that lost against a promotion, and of objects that a first copy replaced, here or at a clone", query: []string{"cluster_id"}, out: wire.Conflicts{}, needs: onAll(mdc.ActionRead, mdc.AreaReplication), handle: s.listConflicts},
		{method: http.MethodGet, path: conflict, summary: "Read the changes of a conflict file", query: []string{"cluster_id", "after", "limit"}, out: wire.ConflictView{}, needs: onAll(mdc.ActionRead, mdc.EveryKind), handle: s.getConflict},
		{method: http.MethodDelete, path: conflict, summary: "Remove a conflict file of this data center for good", needs: onAll(mdc.ActionOperate, mdc.AreaReplication), handle: s.dropConflict},
		{method: http.MethodPost, path: conflict + "/reapply", summary: "Apply one change of a conflict file anew, at the master", in: wire.Reapply{}, out: wire.ConflictChange{}, needs: onAll(mdc.ActionRead, mdc.EveryKind), handle: s.reapply},
	}
}

func mastershipChange(c *call) (out topology.Change, err error) {
	var in wire.MastershipChange
	if err := c.decode(&in); err != nil {
		return out, err
	}
	out.Force, out.To = in.Force, in.To
	if in.Wait == "" {
		return out, nil
	}
	if out.Wait, err = time.ParseDuration(in.Wait); err != nil || out.Wait <= 0 || out.Wait > topology.MaxWait {
		return out, fault.InvalidFields("The change of mastership cannot be accepted.", []fault.Field{{Pointer: "/wait", Detail: `must be a duration above 0s, up to "1m"`}})
	}
	return out, nil
}

func (s *Server) promote(c *call) error {
	in, err := mastershipChange(c)
	if err != nil {
		return err
	}
	if in.To != "" {
		return fault.InvalidFields("The promotion cannot be accepted.", []fault.Field{{Pointer: "/to", Detail: "belongs to a demotion; the data center that is asked is the one that is promoted"}})
	}
	out, err := s.c.Mastership.Promote(c.Request.Context(), c.topologyActor(), in)
	if err != nil {
		return err
	}
	return s.answerOutcome(c, out)
}

func (s *Server) demote(c *call) error {
	in, err := mastershipChange(c)
	if err != nil {
		return err
	}
	out, err := s.c.Mastership.Demote(c.Request.Context(), c.topologyActor(), in)
	if err != nil {
		return err
	}
	return s.answerOutcome(c, out)
}

// answerOutcome names the epoch also where nothing changed and nothing was ever written in it.
func (s *Server) answerOutcome(c *call, out topology.Outcome) error {
	if !out.Changed {
		out.Epoch = s.c.Epoch()
	}
	return c.answer(outcomeView(out))
}

func outcomeView(o topology.Outcome) wire.MastershipOutcome {
	v := wire.MastershipOutcome{ID: o.ClusterID, Role: o.Role, Epoch: o.Epoch.Number, EpochHolder: o.Epoch.ClusterID, BaseSequence: o.Base.Sequence,
		Changed: o.Changed, Forced: o.Forced, Master: o.Master, FormerMaster: o.Former, Reached: o.Reached, MayBeLost: o.MayBeLost}
	if o.Lost != nil {
		v.Lost = &wire.SequenceRange{First: o.Lost.First, Last: o.Lost.Last}
	}
	return v
}

func (s *Server) listConflicts(c *call) error {
	all, err := s.c.Mastership.Conflicts(c.Request.Context(), c.Query("cluster_id"))
	if err != nil {
		return err
	}
	page := wire.Conflicts{Page: wire.Page[wire.Conflict]{Items: []wire.Conflict{}}, SilentNodes: all.Silent}
	for _, k := range all.Files {
		page.Items = append(page.Items, conflictView(k))
	}
	return c.answer(page)
}

func conflictView(k journal.Conflict) wire.Conflict {
	return wire.Conflict{ID: k.ID, Reason: k.Reason, ClusterID: k.ClusterID, Epoch: k.Epoch.Number, EpochHolder: k.Epoch.ClusterID, Winner: k.Winner.Number, WinnerHolder: k.Winner.ClusterID,
		BaseSequence: k.Base.Sequence, LastSequence: k.End.Sequence, Time: k.Time, Records: k.Records, Complete: k.Complete}
}

func (s *Server) getConflict(c *call) error {
	after, limit, err := c.window()
	if err != nil {
		return err
	}
	p, err := s.c.Mastership.Conflict(c.Request.Context(), c.Query("cluster_id"), c.Param("id"), after, limit)
	if err != nil {
		return err
	}
	v := wire.ConflictView{Conflict: conflictView(p.Conflict), Changes: []wire.ConflictChange{}}
	for _, rec := range p.Records {
		v.Changes = append(v.Changes, changeView(rec))
	}
	if n := len(p.Records); p.More && n > 0 {
		v.NextAfter = p.Records[n-1].Sequence
	}
	return c.answer(v)
}

// dropConflict removes a file that is no longer needed. It is audited before, for it cannot be undone.
func (s *Server) dropConflict(c *call) error {
	ctx, id := c.Request.Context(), c.Param("id")
	if _, err := s.c.Mastership.Conflict(ctx, "", id, 0, 1); err != nil {
		return err
	}
	if err := s.c.Audit(ctx, c.actor(), "remove", "conflict/"+id); err != nil {
		return err
	}
	if err := s.c.Mastership.DropConflict(ctx, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// after reads ?after=, a sequence.
func (c *call) after() (uint64, error) {
	q := c.Query("after")
	if q == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(q, 10, 64)
	if err != nil {
		return 0, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/after", Detail: "must be a sequence"}})
	}
	return n, nil
}

// window reads which changes of a conflict file are asked for: those after a sequence, and how many.
func (c *call) window() (after uint64, limit int, err error) {
	if limit, err = c.limit(); err != nil {
		return 0, 0, err
	}
	after, err = c.after()
	return after, limit, err
}

// changeView shows a lost change without its secrets. What cannot be read by this version is shown without its object.
func changeView(rec journal.Record) wire.ConflictChange {
	v := wire.ConflictChange{Sequence: rec.Sequence, Time: rec.Time, Actor: rec.Actor, Kind: rec.Kind, Name: rec.Name, Operation: rec.Operation}
	kind, ok := mdc.KindByName(rec.Kind)
	if !ok || kind.Secret {
		return v
	}
	if v.Digest = changeDigest(rec); rec.Operation != journal.Put {
		return v
	}
	o, err := kind.Decode(rec.Body)
	if err != nil {
		return v
	}
	if b, err := withoutSecrets(o); err == nil {
		v.Object = json.RawMessage(b)
	}
	return v
}

// reapply writes one lost change as this administrator's own, under every rule of a write.
func (s *Server) reapply(c *call) error {
	pre, err := c.precondition()
	if err != nil {
		return err
	}
	var in wire.Reapply
	if err := c.decode(&in); err != nil {
		return err
	}
	rec, kind, err := s.c.Mastership.Lost(c.Request.Context(), in.ClusterID, c.Param("id"), in.Sequence)
	if err != nil {
		return err
	}
	if err := s.asShown(in, rec); err != nil {
		return err
	}
	if err := s.redo(c, kind, rec, pre); err != nil {
		return err
	}
	return c.answer(changeView(rec))
}

// asShown refuses a change that is not the one which the administrator looked at. A file of another data center is that one's word, which
// may be another a moment later (SEC-61).
func (s *Server) asShown(in wire.Reapply, rec journal.Record) error {
	if in.Digest == "" && (in.ClusterID == "" || mdc.SameName(in.ClusterID, s.c.ClusterID)) {
		return nil
	}
	if in.Digest == "" {
		return fault.InvalidFields("The change cannot be reapplied unseen.", []fault.Field{{Pointer: "/digest", Detail: "is missing; give the digest that the list of changes shows, since another data center keeps the file"}})
	}
	if in.Digest != changeDigest(rec) {
		return fault.New(fault.Conflict, "another_change", "Record %d of the file is not the change with this digest. Look at the file again; if nobody replaced it, the data center that keeps it tells different things.", rec.Sequence)
	}
	return nil
}

// changeDigest is 128 bits of a SHA-256 over all that reapplying a change would write: who makes two changes of one digest does some 2^64
// steps.
func changeDigest(rec journal.Record) string {
	h := sha256.New()
	for _, part := range [...][]byte{[]byte(rec.Kind), []byte(rec.Name), []byte(rec.Operation), rec.Body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func (s *Server) redo(c *call, kind mdc.Kind, rec journal.Record, pre configuration.Precondition) error {
	if rec.Operation == journal.Delete {
		return s.c.Configuration.Delete(c.Request.Context(), c.actor(), kind, rec.Name, pre)
	}
	o, err := kind.Decode(rec.Body)
	if err != nil {
		return fault.New(fault.Conflict, "not_reappliable", "Record %d cannot be read by this version.", rec.Sequence)
	}
	_, err = s.c.Configuration.Put(c.Request.Context(), c.actor(), kind, o, pre)
	return err
}
