package httpapi

import (
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) contextRoutes() []route {
	const base = "/v1/security-contexts"
	return []route{
		{method: http.MethodPost, path: base, summary: "Sign in as an administrator with a user's name and password; the answer has a token that lives shortly", public: true, status: http.StatusCreated,
			in: wire.SecurityContextRequest{}, out: wire.SecurityContextOpened{}, handle: s.openContext},
		{method: http.MethodGet, path: base, summary: "List the security contexts that are open in this data center, never their tokens", query: []string{"limit", "cursor"},
			out: wire.Page[wire.SecurityContextView]{}, needs: onAll(mdc.ActionRead, mdc.AreaSecurityContext), handle: s.listContexts},
		{method: http.MethodPost, path: base + "/{id}/renew", summary: "Give the security context of this request more time", out: wire.SecurityContextView{}, needs: anyAdministrator, handle: s.renewContext},
		{method: http.MethodDelete, path: base + "/{id}", summary: "Close a security context: one's own, or with the permission to operate anybody's", status: http.StatusNoContent,
			needs: anyAdministrator, handle: s.closeContext},
	}
}

// openContext needs no credential: it is how one is got. The check of passwords bounds how often it can be tried (SEC-30).
func (s *Server) openContext(c *call) error {
	var in wire.SecurityContextRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	o := administration.Opening{User: in.User, Password: in.Password, From: connectionAddress(c), RequestID: c.GetString(requestIDKey)}
	var fields []fault.Field
	if in.User == "" || len(in.User) > maxPrincipal {
		fields = append(fields, fault.Field{Pointer: "/user", Detail: "has to be a user's name"})
	}
	if in.TTL != "" {
		life, err := time.ParseDuration(in.TTL)
		if o.Life = life; err != nil || life < administration.MinLife || life > administration.MaxLife {
			fields = append(fields, fault.Field{Pointer: "/ttl", Detail: "has to be a duration from 1m to 1h"})
		}
	}
	if err := fault.InvalidFields("The security context cannot be opened.", fields); err != nil {
		return err
	}
	opened, token, err := s.c.Administrators.Open(c.Request.Context(), o)
	if err != nil {
		return err
	}
	return c.answer(wire.SecurityContextOpened{SecurityContextView: contextView(opened, opened.ID), ClusterID: s.c.ClusterID, Token: token})
}

// maxPrincipal is the longest name that somebody may sign in with, in bytes.
const maxPrincipal = 128

func (s *Server) renewContext(c *call) error {
	who := c.administrator()
	if id := c.Param("id"); id != who.Context {
		return fault.New(fault.Conflict, "other_security_context", "A security context is renewed with its own token; this request was not made in it.")
	}
	renewed, err := s.c.Administrators.Renew(c.Request.Context(), who)
	if err != nil {
		return err
	}
	return c.answer(contextView(renewed, renewed.ID))
}

func (s *Server) closeContext(c *call) error {
	ctx, who, id := c.Request.Context(), c.administrator(), c.Param("id")
	if id != who.Context || id == "" {
		other, err := s.c.Administrators.Context(ctx, id)
		own := err == nil && who.User != "" && mdc.SameName(other.User, who.User)
		if !own && !who.Rights.Allow(mdc.ActionOperate, mdc.AreaSecurityContext, "") { // whether there is one is not told either
			return configuration.Forbidden(mdc.ActionOperate, mdc.AreaSecurityContext)
		}
	}
	if err := s.c.Administrators.Close(ctx, who, id, c.GetString(requestIDKey)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) listContexts(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := s.openCursor("security_context", c.Query("cursor"))
	if err != nil {
		return err
	}
	list, next, err := s.c.Administrators.Contexts(c.Request.Context(), after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.SecurityContextView]{Items: make([]wire.SecurityContextView, 0, len(list))}
	for _, one := range list {
		page.Items = append(page.Items, contextView(one, c.administrator().Context))
	}
	if page.NextCursor, err = s.sealCursor("security_context", next); err != nil {
		return err
	}
	return c.answer(page)
}

func contextView(c administration.Context, current string) wire.SecurityContextView {
	return wire.SecurityContextView{ID: c.ID, User: c.User, ClientAddress: c.From, OpenedAt: c.OpenedAt.UTC(), ExpiresAt: c.Expires.UTC(),
		RenewableUntil: c.RenewableUntil().UTC(), Current: c.ID == current}
}
