package httpapi

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
)

// auditFilters are the parameters that choose records, at both listeners.
func auditFilters() []string {
	return []string{"from", "to", "actor", "action", "object", "user", "sso_id", "agent", "outcome", "request_id", "order", "limit"}
}

// maxAuditFilter is the longest filter, in bytes.
const maxAuditFilter = 256

// auditQuery reads the filters.
func (c *call) auditQuery() (q audit.Query, err error) {
	if q.Limit, err = c.limit(); err != nil {
		return q, err
	}
	var fields []fault.Field
	refuse := func(name, detail string) { fields = append(fields, fault.Field{Pointer: "/" + name, Detail: detail}) }
	for _, t := range []struct {
		name string
		to   *time.Time
	}{{"from", &q.From}, {"to", &q.To}} {
		if text := c.Query(t.name); text != "" {
			if *t.to, err = time.Parse(time.RFC3339, text); err != nil || t.to.UnixMilli() < 0 {
				refuse(t.name, "is no time such as 2026-01-31T09:00:00Z")
			}
		}
	}
	for _, t := range []struct {
		name string
		to   *string
	}{{"actor", &q.Actor}, {"action", &q.Action}, {"object", &q.Object}, {"user", &q.User}, {"sso_id", &q.SignOn}, {"agent", &q.Agent}, {"outcome", &q.Outcome}, {"request_id", &q.RequestID}} {
		if *t.to = c.Query(t.name); len(*t.to) > maxAuditFilter {
			refuse(t.name, "is longer than 256 bytes")
		}
	}
	if q.Outcome != "" && q.Outcome != audit.OK && q.Outcome != audit.Refused {
		refuse("outcome", "is neither ok nor refused")
	}
	switch c.Query("order") {
	case "", "newest":
	case "oldest":
		q.Oldest = true
	default:
		refuse("order", "is neither newest nor oldest")
	}
	return q, fault.InvalidFields("The query cannot be accepted.", fields)
}

// AuditValues writes a query as parameters for the route of another data center.
func AuditValues(q audit.Query, from audit.Place) url.Values {
	v := url.Values{"limit": {strconv.Itoa(q.Limit)}, "acts": {strconv.FormatUint(from.Acts, 10)}, "runtime": {strconv.FormatUint(from.Runtime, 10)}}
	for name, value := range map[string]string{"actor": q.Actor, "action": q.Action, "object": q.Object, "user": q.User, "sso_id": q.SignOn, "agent": q.Agent, "outcome": q.Outcome, "request_id": q.RequestID} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Oldest {
		v.Set("order", "oldest")
	}
	return v
}

func (c *call) auditPlace() (p audit.Place, err error) {
	var fields []fault.Field
	for _, t := range []struct {
		name string
		to   *uint64
	}{{"acts", &p.Acts}, {"runtime", &p.Runtime}} {
		if *t.to, err = strconv.ParseUint(c.Query(t.name), 10, 64); err != nil {
			fields = append(fields, fault.Field{Pointer: "/" + t.name, Detail: "is no number up to " + strconv.FormatUint(math.MaxUint64, 10)})
		}
	}
	return p, fault.InvalidFields("The query cannot be accepted.", fields)
}

func auditEvent(r *audit.Record) wire.AuditEvent {
	out := wire.AuditEvent{DataCenter: r.DataCenter, Chain: r.Chain, Sequence: r.Sequence, Time: r.Time.UTC(), Node: r.Node, Actor: r.Actor, Action: r.Action,
		User: r.User, IdentityStore: r.Store, SessionID: r.Session, SSOID: r.SignOn, ClientAddress: r.Address, Agent: r.Agent, Outcome: r.Outcome, Reason: r.Reason,
		Detail: r.Detail, Count: r.Count, RequestID: r.RequestID, PrevHash: r.PrevHash}
	out.Kind, out.Name, _ = strings.Cut(r.Target, "/")
	if out.Outcome == "" {
		out.Outcome = audit.OK
	}
	if !r.Since.IsZero() {
		at := r.Since.UTC()
		out.Since = &at
	}
	return out
}

// AuditFromWire reads what the data center clusterID says of its audit. It speaks for itself alone, and its texts are bounded.
func AuditFromWire(clusterID string, start audit.Place, in wire.PeerAudit) audit.Part {
	p := audit.Part{Start: start, End: audit.Place{Acts: in.Acts, Runtime: in.Runtime}, Done: in.Done, Bound: in.Bound}
	for _, w := range in.Records {
		r := audit.Record{Sequence: w.Sequence, Time: w.Time, DataCenter: clusterID, Node: w.Node, PrevHash: w.PrevHash, Chain: audit.Acts,
			Event: audit.Event{Actor: w.Actor, Action: w.Action, Target: w.Kind, User: w.User, Store: w.IdentityStore, Session: w.SessionID, SignOn: w.SSOID, Address: w.ClientAddress,
				Agent: w.Agent, Outcome: w.Outcome, Reason: w.Reason, Detail: w.Detail, Count: w.Count, RequestID: w.RequestID}}
		if w.Name != "" {
			r.Target += "/" + w.Name
		}
		if w.Chain == audit.Runtime {
			r.Chain = audit.Runtime
		}
		if w.Since != nil {
			r.Since = *w.Since
		}
		r.Event, r.Node, r.PrevHash = r.Event.Bounded(), clip(w.Node), clip(w.PrevHash)
		p.Records = append(p.Records, r)
	}
	return p
}
