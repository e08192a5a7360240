package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// AuditPeers reads the audit of other data centers.
type AuditPeers interface {
	// List gives the registered partners.
	List() []string
	// Search reads the next part of a partner's audit.
	Search(ctx context.Context, clusterID string, q audit.Query, from audit.Place) (audit.Part, error)
}

const (
	auditRounds  = 10               // so often a page is looked for while nothing fits
	auditPart    = 500              // records that a partner is asked for at once
	verifyAnswer = 10 * time.Minute // for a verification of the chains
)

func (s *Server) auditRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/v1/audit-events", summary: "What administrators did and what happened to sign-ons; as JSON lines with format=jsonl",
			query: append(auditFilters(), "data_center", "scope", "format", "cursor"), out: wire.AuditPage{}, needs: onAll(mdc.ActionRead, mdc.AreaAudit), handle: s.auditEvents},
		{method: http.MethodGet, path: "/v1/audit-events/verify", summary: "Whether the audit of this data center is as it was written, or the first record that is not", out: wire.AuditVerification{}, needs: onAll(mdc.ActionRead, mdc.AreaAudit), handle: s.verifyAudit},
	}
}

// search is one question about the audit of one or more data centers.
type search struct {
	q      audit.Query
	filter string                 // what a cursor is good for
	places map[string]audit.Place // where each data center goes on, by cluster id
	silent []string
}

func (s *Server) auditEvents(c *call) error {
	look, err := s.auditSearch(c)
	if err != nil {
		return err
	}
	lines, err := wantsLines(c)
	if err != nil {
		return err
	}
	if lines {
		return s.auditLines(c, look)
	}
	page := wire.AuditPage{Items: []wire.AuditEvent{}}
	more := true
	for range auditRounds {
		var all []audit.Record
		if all, more, err = s.searchOn(c.Request.Context(), look); err != nil {
			return err
		}
		for i := range all {
			page.Items = append(page.Items, auditEvent(&all[i]))
		}
		if !more || len(all) > 0 {
			break
		}
	}
	page.Silent = look.silent
	if more {
		if page.NextCursor, err = s.auditCursor(look); err != nil {
			return err
		}
	}
	return c.answer(page)
}

func wantsLines(c *call) (bool, error) {
	switch c.Query("format") {
	case "jsonl":
		return true, nil
	case "json":
		return false, nil
	case "":
		return strings.Contains(c.GetHeader("Accept"), wire.AuditLinesType), nil
	}
	return false, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/format", Detail: "is neither json nor jsonl"}})
}

// auditSearch reads the query, and goes on where a cursor says.
func (s *Server) auditSearch(c *call) (*search, error) {
	q, err := c.auditQuery()
	if err != nil {
		return nil, err
	}
	scope, center := c.Query("scope"), c.Query("data_center")
	if scope != "" && scope != "local" && scope != "all" {
		return nil, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/scope", Detail: "is neither local nor all"}})
	}
	if center != "" && !mdc.ValidClusterID(center) {
		return nil, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/data_center", Detail: "is no cluster id"}})
	}
	filter := AuditValues(q, audit.Place{})
	filter.Del("limit")
	look := &search{q: q, filter: "audit\x00" + filter.Encode() + "\x00" + scope + "\x00" + mdc.FoldName(center), places: map[string]audit.Place{}}
	after, err := s.openCursor(look.filter, c.Query("cursor"))
	if err != nil {
		return nil, err
	}
	if after != "" {
		return look, json.Unmarshal([]byte(after), &look.places)
	}
	sources := []string{s.c.ClusterID}
	if scope == "all" {
		sources = append(sources, s.c.AuditPeers.List()...)
	}
	for _, id := range sources {
		if center == "" || mdc.SameName(center, id) {
			look.places[id] = q.Start()
		}
	}
	return look, nil
}

func (s *Server) auditCursor(look *search) (string, error) {
	b, err := json.Marshal(look.places)
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return s.sealCursor(look.filter, string(b))
}

// searchOn asks every data center for its next part and puts them into the order of time. Who does not answer is silent from then
// on: what it has would come in the wrong order later.
func (s *Server) searchOn(ctx context.Context, look *search) (all []audit.Record, more bool, err error) {
	var mu sync.Mutex // guards parts and failed
	parts, failed := map[string]audit.Part{}, map[string]error{}
	var wait sync.WaitGroup
	for id, from := range look.places {
		wait.Go(func() {
			p, err := s.searchAt(ctx, id, look.q, from)
			mu.Lock()
			defer mu.Unlock()
			if parts[id] = p; err != nil {
				delete(parts, id)
				failed[id] = err
			}
		})
	}
	wait.Wait()
	if err := failed[s.c.ClusterID]; err != nil {
		return nil, false, err
	}
	for id, err := range failed {
		s.c.Logger.Info("data center does not tell of its audit", "partner", id, "error", err)
		look.silent = append(look.silent, id)
	}
	slices.Sort(look.silent)
	all, look.places, more = audit.Merge(look.q, parts)
	return all, more, ctx.Err()
}

func (s *Server) searchAt(ctx context.Context, id string, q audit.Query, from audit.Place) (audit.Part, error) {
	if mdc.SameName(id, s.c.ClusterID) {
		return s.c.Trail.Search(ctx, q, from)
	}
	q.Limit = min(q.Limit, auditPart)
	return s.c.AuditPeers.Search(ctx, id, q, from)
}

// auditLines writes all that fits, a record a line, part by part: the memory that it takes does not grow with the audit. A data
// center that does not answer at first is named in a header; when one falls silent later the answer is broken off, since nothing
// else would tell the reader that something is missing.
func (s *Server) auditLines(c *call, look *search) error {
	left := math.MaxInt
	if c.Query("limit") != "" {
		left = look.q.Limit
	}
	look.q.Limit = min(left, auditPart)
	var out bytes.Buffer
	for begun, more := false, true; more; begun = true {
		known := len(look.silent)
		all, next, err := s.searchOn(c.Request.Context(), look)
		if err == nil && begun && len(look.silent) > known {
			err = fmt.Errorf("%s fell silent", strings.Join(look.silent[known:], ", "))
		}
		if err != nil {
			if begun {
				c.logger().Warn("audit broken off", "error", err)
				panic(http.ErrAbortHandler) // the only way to tell the caller that this is not the end
			}
			return err
		}
		if !begun {
			c.Header("Cache-Control", "no-store")
			c.Header("Content-Type", wire.AuditLinesType)
			if len(look.silent) > 0 {
				c.Header(wire.HeaderSilent, strings.Join(look.silent, ", "))
			}
		}
		out.Reset()
		lines := json.NewEncoder(&out)
		for i := range all {
			if err := lines.Encode(auditEvent(&all[i])); err != nil {
				return fmt.Errorf("encode audit record: %w", err)
			}
		}
		limitAnswerTime(c.Writer, time.Now().Add(streamPause))
		if _, err := c.Writer.Write(out.Bytes()); err != nil {
			return fmt.Errorf("write audit: %w", err)
		}
		c.Writer.Flush()
		left -= len(all)
		look.q.Limit = min(left, auditPart)
		more = next && left > 0
	}
	return nil
}

// verifyAudit reads the whole audit; one at a time is enough.
func (s *Server) verifyAudit(c *call) error {
	if !s.verifying.TryLock() {
		return &fault.Error{Kind: fault.Unavailable, Code: "verification_under_way", Message: "The audit is being verified for somebody else. Try again.", RetryAfter: time.Second}
	}
	defer s.verifying.Unlock()
	limitAnswerTime(c.Writer, time.Now().Add(verifyAnswer))
	out := wire.AuditVerification{ID: s.c.ClusterID, Result: wire.ResultPass}
	for _, k := range s.c.Trail.Chains() {
		r, err := k.Log.Examine(c.Request.Context(), k.Store)
		v, err := AuditChain(k.Log.Chain(), r, err)
		if err != nil {
			return err
		}
		if v.Result != wire.ResultPass {
			out.Result = wire.ResultFail
			c.logger().Error("audit is broken", "chain", v.Chain, "record", v.BrokenAt, "reason", v.Reason)
		}
		out.Chains = append(out.Chains, v)
	}
	return c.answer(out)
}

// AuditChain says what a verification found; err stays when it could not be made.
func AuditChain(chain string, r audit.Report, err error) (wire.AuditChain, error) {
	v := wire.AuditChain{Chain: chain, Result: wire.ResultPass, Records: r.Records, First: r.First, Last: r.Last, LastHash: r.Hash}
	if broken, ok := errors.AsType[*audit.Broken](err); ok {
		v.Result, v.BrokenAt, v.Reason = wire.ResultFail, broken.Sequence, broken.Why
		return v, nil
	}
	return v, err
}
