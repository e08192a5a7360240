package httpapi

import (
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (c *call) topologyActor() topology.Actor {
	return topology.Actor{Name: c.GetString(actorKey), RequestID: c.GetString(requestIDKey), Address: connectionAddress(c)}
}

func (s *Server) createAgreement(c *call) error {
	var in wire.Agreement
	if err := c.decode(&in); err != nil {
		return err
	}
	k := kindRoutes{kind: mdc.AgreementKind()}
	o, err := k.object(in)
	if err != nil {
		return err
	}
	a, _ := o.(*mdc.Agreement)
	if c.Query("dry_run") == "true" {
		v, err := s.c.Agreements.Rehearse(c.Request.Context(), *a)
		if err != nil {
			return err
		}
		return c.answerStatus(http.StatusOK, agreementView(v))
	}
	v, err := s.c.Agreements.Create(c.Request.Context(), c.topologyActor(), *a)
	if err != nil {
		return err
	}
	return s.answerAgreement(c, http.StatusCreated, v)
}

func (s *Server) getAgreement(c *call) error {
	v, err := s.c.Agreements.Get(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.answerAgreement(c, http.StatusOK, v)
}

func (s *Server) answerAgreement(c *call, status int, v topology.View) error {
	tag, err := configuration.ETag(mdc.AgreementKind(), &v.Agreement)
	if err != nil {
		return err
	}
	return c.answerObject(status, tag, agreementView(v))
}

// unchanged refuses when If-Match names another state of the agreement than a.
func unchanged(pre configuration.Precondition, a *mdc.Agreement) error {
	tag, err := configuration.ETag(mdc.AgreementKind(), a)
	if err != nil || pre.IfMatch == "" || pre.IfMatch == "*" || pre.IfMatch == tag {
		return err
	}
	return fault.New(fault.Precondition, "changed", "The replication agreement %q was changed by somebody else; read it again and repeat the change.", a.Identifier)
}

// listAgreements takes ?type=clone or master, or Oracle's words for them (X5), to give one side only (OAM-51).
func (s *Server) listAgreements(c *call) error {
	wanted, err := replica(c.Query("type"))
	if err != nil {
		return fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/type", Detail: "must be clone or master"}})
	}
	all, err := s.c.Agreements.List(c.Request.Context())
	if err != nil {
		return err
	}
	page := wire.Page[wire.AgreementView]{Items: []wire.AgreementView{}}
	for _, v := range all {
		if c.Query("type") == "" || wanted == v.Side {
			page.Items = append(page.Items, agreementView(v))
		}
	}
	return c.answer(page)
}

func (s *Server) changeAgreement(c *call) error {
	pre, err := c.precondition()
	if err != nil {
		return err
	}
	var in wire.AgreementChange
	if err := c.decode(&in); err != nil {
		return err
	}
	v, err := s.c.Agreements.Update(c.Request.Context(), c.topologyActor(), c.Param("id"), func(a *mdc.Agreement) error {
		if err := unchanged(pre, a); err != nil {
			return err
		}
		if in.Enabled != nil {
			a.Enabled = *in.Enabled
		}
		if in.Follow != nil {
			a.Follow = *in.Follow
		}
		if in.WaitForSync != nil {
			a.WaitForSync = *in.WaitForSync
		}
		if in.PollInterval != "" {
			d, err := time.ParseDuration(in.PollInterval)
			if err != nil {
				return fault.InvalidFields("The agreement cannot be changed.", []fault.Field{{Pointer: "/poll_interval", Detail: `must be a duration such as "15m"`}})
			}
			a.PollInterval = mdc.Duration(d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.answerAgreement(c, http.StatusOK, v)
}

func (s *Server) deleteAgreement(c *call) error {
	pre, err := c.precondition()
	if err != nil {
		return err
	}
	if pre.IfMatch != "" {
		v, err := s.c.Agreements.Get(c.Request.Context(), c.Param("id"))
		if err != nil {
			return err
		}
		if err := unchanged(pre, &v.Agreement); err != nil {
			return err
		}
	}
	if err := s.c.Agreements.Delete(c.Request.Context(), c.topologyActor(), c.Param("id"), c.Query("force") == "true"); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func agreementView(v topology.View) wire.AgreementView {
	enabled, follow := v.Enabled, v.Follow
	return wire.AgreementView{
		Agreement: wire.Agreement{Name: v.Name, Source: v.Source, Target: v.Target, DocumentType: v.DocumentType, Enabled: &enabled,
			PollInterval: v.PollInterval.String(), Follow: &follow, WaitForSync: v.WaitForSync, Overwrite: v.Overwrite},
		ID: v.Identifier, Identifier: v.Identifier, Side: v.Side, State: v.State, StartingSequence: v.StartingSequence,
		LastSequence: v.LastSequence, LagEntries: v.LagEntries, ReplicationIdentity: mdc.ReplicationIdentity(v.Identifier), KeptConflict: v.Kept,
	}
}

func (s *Server) replicationStatus(c *call) error {
	out, err := s.verdict(c.Request.Context())
	if err != nil {
		return err
	}
	return c.answer(out)
}

// agreementStatus adds what the probes of the other side know: its clock, how far a clone was changed by itself, whether it
// answers at all, and, where the agreement itself has met no error, the last one of the link.
func (s *Server) agreementStatus(st replication.Status) wire.AgreementStatus {
	other := st.Target
	if st.Side == mdc.SideClone {
		other = st.Source
	}
	seen := s.c.Partners.State(other)
	var skew, lag *float64
	if seen.Reachable {
		seconds := seen.Skew.Seconds()
		skew = &seconds
	}
	if st.Side == mdc.SideClone || st.DigestEqual != nil {
		lag = &st.LagSeconds
	}
	if st.Side == mdc.SideMaster {
		judgeSilence(&st, seen)
		st.Diverge(seen.Hello.Edits)
	}
	if st.LastError == "" {
		st.LastError, st.LastErrorAt = seen.LastError, seen.LastErrorAt
	}
	return wire.AgreementStatus{Identifier: st.Identifier, Name: st.Name, Side: st.Side, Source: st.Source, Target: st.Target, State: st.State,
		AppliedSequence: st.AppliedSequence, LatestSequence: st.LatestSequence, LagEntries: st.LagEntries, LagSeconds: lag,
		DigestEqual: st.DigestEqual, Diverged: st.Diverged, LastSuccess: instant(st.LastSuccess), LastError: st.LastError, LastErrorAt: instant(st.LastErrorAt), ClockSkew: skew,
		Healthy: st.Healthy, Reason: st.Reason}
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
