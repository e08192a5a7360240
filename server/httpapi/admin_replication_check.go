package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// Clones asks the other side of an agreement, or of a partnership, to do its half. Errors as the other side words them;
// fault.Unavailable when it cannot be reached.
type Clones interface {
	Pull(ctx context.Context, clusterID, agreement string) (wire.AgreementStatus, error)
	Verify(ctx context.Context, clusterID, agreement string, repair bool) (wire.Verification, error)
	Half(ctx context.Context, clusterID, agreement string) (wire.AgreementView, error)
}

const pullTime = 15 * time.Second // for one round to end

// changelogBytes bounds one answer; a single object may be up to 1 MiB.
const changelogBytes = 4 << 20

func (s *Server) replicationCheckRoutes() []route {
	one := "/v1/replication/agreements/{id}"
	return []route{
		{method: http.MethodGet, path: "/v1/replication/hello", summary: "Replication works here, and where it stands", out: wire.ReplicationHello{}, needs: onAll(mdc.ActionRead, mdc.AreaReplication), handle: s.replicationHello},
		{method: http.MethodGet, path: "/v1/replication/changelog", summary: "Changes of replicated objects in order, without secrets", query: []string{"after", "limit"}, out: wire.Changelog{}, needs: onAll(mdc.ActionRead, mdc.EveryKind), handle: s.changelog},
		{method: http.MethodGet, path: "/v1/replication/divergences", summary: "Objects that this write-enabled clone holds otherwise than its master", query: []string{"limit", "cursor"}, out: wire.Page[wire.Divergence]{}, needs: onAll(mdc.ActionRead, mdc.AreaReplication), handle: s.listDivergences},
		{method: http.MethodDelete, path: "/v1/replication/divergences/{kind}/{name}", summary: "Discard what was changed here; the master's object counts again", status: http.StatusNoContent, needs: bySubject, handle: s.discardDivergence},
		{method: http.MethodPost, path: one + "/pull", summary: "Make the clone ask the master now; from either side", out: wire.AgreementStatus{}, needs: onAll(mdc.ActionOperate, mdc.AgreementKind().Name), handle: s.pullAgreement},
		{method: http.MethodPost, path: one + "/verify", summary: "Compare the clone's objects with the master's, and with repair=true fetch what differs; from either side", query: []string{"repair"}, out: wire.Verification{}, needs: onAll(mdc.ActionOperate, mdc.AgreementKind().Name), handle: s.verifyAgreement},
	}
}

func (s *Server) replicationHello(c *call) error {
	ctx := c.Request.Context()
	d, err := s.c.Model.DataCenter(ctx)
	if err != nil {
		return err
	}
	out := wire.ReplicationHello{OK: true, ClusterID: s.c.ClusterID, Role: d.Role, Time: s.c.Clock.Now()}
	err = s.c.Journal.View(ctx, func(v *journal.Snapshot) error {
		pos, err := v.Position()
		if err != nil {
			return err
		}
		out.Epoch, out.EpochHolder, out.Sequence, out.Digest = pos.Epoch.Number, pos.Epoch.ClusterID, pos.Sequence, pos.Digest
		out.JournalAfter, err = v.Base()
		return err
	})
	if err != nil {
		return err
	}
	return c.answer(out)
}

// changelog gives the journal to whoever wants to apply it elsewhere (OAM-54). Without after it begins with the oldest
// record; an after that the journal no longer continues is refused, since a gap must not go unnoticed.
func (s *Server) changelog(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	given := c.Query("after")
	after, err := strconv.ParseUint(given, 10, 64)
	if given != "" && err != nil {
		return fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/after", Detail: "must be a sequence: a number"}})
	}
	out := wire.Changelog{Items: []wire.ChangelogRecord{}}
	err = s.c.Journal.View(c.Request.Context(), func(v *journal.Snapshot) error {
		pos, err := v.Position()
		if err != nil {
			return err
		}
		if out.Oldest, err = v.Base(); err != nil {
			return err
		}
		out.Latest = pos.Sequence
		if given == "" {
			after = out.Oldest
		}
		if after < out.Oldest {
			return fault.New(fault.Conflict, "changelog_pruned", "The records up to sequence %d are no longer kept. Begin anew from the objects themselves, then ask with after=%d.", out.Oldest, out.Latest)
		}
		out.NextAfter = after
		records, err := v.Records(after, changelogBytes)
		if err != nil {
			return err
		}
		for _, rec := range records[:min(len(records), limit)] {
			r, err := changelogRecord(rec)
			if err != nil {
				return err
			}
			out.Items, out.NextAfter = append(out.Items, r), rec.Sequence
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.answer(out)
}

func changelogRecord(rec journal.Record) (wire.ChangelogRecord, error) {
	out := wire.ChangelogRecord{Sequence: rec.Sequence, Epoch: rec.Epoch.Number, EpochHolder: rec.Epoch.ClusterID, Time: rec.Time.UTC(), Actor: rec.Actor,
		Kind: rec.Kind, Name: rec.Name, Operation: rec.Operation, Digest: rec.Digest}
	if rec.Operation == journal.Delete {
		return out, nil
	}
	kind, ok := mdc.KindByName(rec.Kind)
	if !ok || kind.Secret {
		out.Redacted = true
		return out, nil
	}
	o, err := kind.Decode(rec.Body)
	if err != nil {
		return out, err
	}
	body, err := withoutSecrets(o)
	out.Object = json.RawMessage(body)
	return out, err
}

// pullAgreement asks now, at the clone or through the master (OAM-54). What came of it is in the status that it answers.
func (s *Server) pullAgreement(c *call) error {
	v, err := s.c.Agreements.Get(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	if err := s.c.Audit(c.Request.Context(), c.actor(), "pull", mdc.AgreementKind().Name+"/"+v.Identifier); err != nil {
		return err
	}
	var st wire.AgreementStatus
	if v.Side == mdc.SideMaster {
		st, err = s.c.Clones.Pull(c.Request.Context(), v.Target, v.Identifier)
	} else {
		st, err = s.pull(c.Request.Context(), v.Identifier)
	}
	if err != nil {
		return err
	}
	return c.answer(st)
}

// pull has this clone ask and gives its status then.
func (s *Server) pull(ctx context.Context, agreement string) (wire.AgreementStatus, error) {
	waiting, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	if err := s.c.Follower.PullNow(waiting, agreement); err != nil {
		return wire.AgreementStatus{}, err
	}
	all, err := s.c.Follower.Status(ctx)
	for _, st := range all {
		if st.Identifier == agreement {
			return s.agreementStatus(st), err
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, "not_found", "There is no replication agreement %q here.", clip(agreement))
	}
	return wire.AgreementStatus{}, err
}

func (s *Server) verifyAgreement(c *call) error {
	repair, err := c.flag("repair")
	if err != nil {
		return err
	}
	v, err := s.c.Agreements.Get(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	action := "verify"
	if repair {
		action = "verify_repair"
	}
	if err := s.c.Audit(c.Request.Context(), c.actor(), action, mdc.AgreementKind().Name+"/"+v.Identifier); err != nil {
		return err
	}
	var out wire.Verification
	if v.Side == mdc.SideMaster {
		out, err = s.c.Clones.Verify(c.Request.Context(), v.Target, v.Identifier, repair)
	} else {
		out, err = s.verify(c.Request.Context(), v.Identifier, repair)
	}
	if err != nil {
		return err
	}
	return c.answer(out)
}

func (s *Server) verify(ctx context.Context, agreement string, repair bool) (wire.Verification, error) {
	v, err := s.c.Follower.Verify(ctx, agreement, repair)
	return verification(agreement, v), err
}

func verification(agreement string, v replication.Verification) wire.Verification {
	out := wire.Verification{ID: agreement, Equal: v.Equal, Sequence: v.At.Sequence, Digest: v.At.Digest, Repaired: v.Repaired, Kinds: []wire.KindVerdict{}}
	for _, k := range v.Kinds {
		out.Kinds = append(out.Kinds, wire.KindVerdict{Kind: k.Kind, Equal: k.Equal, Objects: k.Objects, Differing: k.Differing, FirstDifference: k.First})
	}
	return out
}

// flag reads a query parameter that is true or false; absent is false.
func (c *call) flag(name string) (bool, error) {
	switch c.Query(name) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/" + name, Detail: "must be true or false"}})
}
