package httpapi

import (
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

func (s *Server) listSessions(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := s.openCursor("session", c.Query("cursor"))
	if err != nil {
		return err
	}
	filter, err := sessionFilter(c)
	if err != nil {
		return err
	}
	list, next, err := s.c.Sessions.List(c.Request.Context(), filter, after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.SessionView]{Items: make([]wire.SessionView, 0, len(list))}
	for _, v := range list {
		page.Items = append(page.Items, sessionView(v))
	}
	if page.NextCursor, err = s.sealCursor("session", next); err != nil {
		return err
	}
	return c.answer(page)
}

func sessionFilter(c *call) (session.ListFilter, error) {
	f := session.ListFilter{User: c.Query("user"), SSOID: mdc.SSOID(c.Query("sso_id")), Origin: c.Query("origin")}
	if f.Origin != "" && !mdc.ValidClusterID(f.Origin) {
		return f, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/origin", Detail: "is no cluster id"}})
	}
	switch text := c.Query("degraded"); text {
	case "":
	case "true", "false":
		wanted := text == "true"
		f.Degraded = &wanted
	default:
		return f, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/degraded", Detail: "is neither true nor false"}})
	}
	return f, nil
}

func (s *Server) getSession(c *call) error {
	v, err := s.c.Sessions.Get(c.Request.Context(), mdc.SessionID(c.Param("id")))
	if err != nil {
		return err
	}
	return c.answer(sessionView(v))
}

// endSession is an administrator's act: its audit record is durable first (SEC-75), also when there was no such session.
func (s *Server) endSession(c *call) error {
	if err := s.c.Audit(c.Request.Context(), c.actor(), "end", "session/"+clip(c.Param("id"))); err != nil {
		return err
	}
	r, err := s.c.Sessions.SignOutSession(s.traced(c, ""), mdc.SessionID(c.Param("id")))
	if err != nil {
		return err
	}
	return c.answer(receipt(r))
}

func receipt(r session.Receipt) wire.Receipt {
	out := wire.Receipt{SSOID: string(r.SSOID), DataCenters: r.DataCenters}
	if out.DataCenters == nil { // there was nothing to end
		out.DataCenters = map[string]string{}
	}
	return out
}

func sessionView(v *mdc.Session) wire.SessionView {
	out := wire.SessionView{ID: string(v.ID), SSOID: string(v.SSOID), User: v.User, IdentityStore: v.Store, Level: v.Level, LevelDomain: v.LevelDomain, Scheme: v.Scheme, Methods: append([]string{}, v.Methods...), ClientAddress: v.ClientAddress,
		CreatedAt: v.CreatedAt, AuthenticatedAt: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt, LastAccess: v.LastAccess, Index: []string{},
		Members: append([]string{}, v.Members...), Degraded: v.DegradedSince != nil, Rule: v.Rule, Chain: append([]string{}, v.Chain...)}
	for _, id := range v.Index {
		out.Index = append(out.Index, string(id))
	}
	if v.Origin != nil {
		out.Origin = &wire.OriginRef{ClusterID: v.Origin.ClusterID, SessionID: string(v.Origin.SessionID)}
	}
	return out
}
