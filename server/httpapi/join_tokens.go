package httpapi

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) joinTokenRoutes() []route {
	const all = "/v1/trust/join-tokens"
	return []route{
		{method: http.MethodGet, path: all, summary: "List the join tokens of this data center, never their secrets", query: []string{"limit", "cursor"}, out: wire.Page[wire.JoinTokenView]{}, needs: onAll(mdc.ActionRead, mdc.AreaJoinToken), handle: s.listJoinTokens},
		{method: http.MethodPost, path: all, summary: "Make a one-time join token; its text is answered this once", status: http.StatusCreated, in: wire.JoinTokenRequest{}, out: wire.JoinTokenMade{}, needs: onAll(mdc.ActionWrite, mdc.AreaJoinToken), handle: s.makeJoinToken},
		{method: http.MethodDelete, path: all + "/{id}", summary: "Withdraw a join token that was not used", status: http.StatusNoContent, needs: onAll(mdc.ActionWrite, mdc.AreaJoinToken), handle: s.withdrawJoinToken},
		{method: http.MethodPost, path: "/v1/trust/join", summary: "Join the data center that made a token: each then trusts the other, and has it as a partner", in: wire.Join{}, out: wire.Joined{}, needs: onAll(mdc.ActionWrite, mdc.PartnerKind().Name), handle: s.joinDataCenter},
	}
}

func (c *call) enroller() enrolment.Actor {
	a := c.actor()
	return enrolment.Actor{Name: a.Name, RequestID: a.RequestID, Address: a.Address}
}

func (s *Server) makeJoinToken(c *call) error {
	var in wire.JoinTokenRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	order, endpoints, err := s.joinOrder(in)
	if err != nil {
		return err
	}
	if err := s.mayInvite(c, in); err != nil {
		return err
	}
	if profile, ok := enrolProfile(in.Purpose); ok { // whoever held such a token would only spend it
		if err := s.c.Authority.MayEnrol(c.Request.Context(), profile, order.Name); err != nil {
			return err
		}
	}
	t, secret, err := s.c.Desk.Make(c.Request.Context(), c.enroller(), order)
	if err != nil {
		return err
	}
	token := wire.JoinToken{ID: t.ID, Secret: secret, Purpose: t.Purpose, Name: t.Name, Issuer: s.c.ClusterID, Endpoints: endpoints}
	for _, root := range s.c.Authority.Roots() {
		sum := sha256.Sum256(root.Raw)
		token.Roots = append(token.Roots, sum[:])
	}
	out := wire.JoinTokenMade{JoinTokenView: s.joinTokenView(t)}
	if out.Token, err = token.Text(); err != nil {
		return err
	}
	if _, err := wire.ParseJoinToken(out.Token); err != nil { // names and addresses together may be too long
		return fault.InvalidFields(noJoinToken, []fault.Field{{Pointer: "/endpoints", Detail: "are too long, or not host:port"}})
	}
	return c.answer(out)
}

// mayInvite refuses a token that would give its holder more than its maker has.
func (s *Server) mayInvite(c *call, in wire.JoinTokenRequest) error {
	if profile, ok := enrolProfile(in.Purpose); ok {
		return s.mayHaveIssued(c, profile, in.Name)
	}
	return mayLink(c)
}

// mayLink asks for what a joining data center becomes here.
func mayLink(c *call) error {
	for _, kind := range []mdc.Kind{mdc.PartnerKind(), mdc.TrustedCertificateKind()} {
		if !c.administrator().Rights.Allow(mdc.ActionWrite, kind.Name, "") {
			return configuration.Forbidden(mdc.ActionWrite, kind.Name)
		}
	}
	return nil
}

const noJoinToken = "The join token cannot be made."

// joinOrder reads a request; the desk looks at what is left.
func (s *Server) joinOrder(in wire.JoinTokenRequest) (o enrolment.Order, endpoints []string, err error) {
	var fields []fault.Field
	o = enrolment.Order{Purpose: in.Purpose, Name: in.Name}
	if in.Purpose == wire.JoinDataCenter {
		if err := s.joinable(); err != nil {
			return o, nil, err
		}
		if o.Name = in.ClusterID; in.Name != "" {
			fields = append(fields, fault.Field{Pointer: "/name", Detail: "is for nodes, agents and administrators; a data center is named by cluster_id"})
		}
		if strings.EqualFold(o.Name, s.c.ClusterID) {
			fields = append(fields, fault.Field{Pointer: "/cluster_id", Detail: "is this data center itself"})
		}
	} else if in.ClusterID != "" {
		fields = append(fields, fault.Field{Pointer: "/cluster_id", Detail: "is for data_center tokens; give name"})
	}
	if in.TTL != "" {
		if o.Life, err = time.ParseDuration(in.TTL); err != nil || o.Life <= 0 {
			fields = append(fields, fault.Field{Pointer: "/ttl", Detail: "is no duration above zero; write a number with a unit, such as \"15m\""})
		}
	}
	own, tls := strings.CutPrefix(s.c.Addresses().Peer, "https://")
	if !tls {
		return o, nil, fault.New(fault.Conflict, "no_tls", "The peer listener has no TLS, so nobody could recognise this data center by its root. Join tokens need a security mode with certificates.")
	}
	if endpoints = in.Endpoints; len(endpoints) == 0 {
		endpoints = []string{own}
	}
	for _, at := range endpoints {
		if !wire.HostPort(at) {
			fields = append(fields, fault.Field{Pointer: "/endpoints", Detail: "holds something that is not host:port"})
			break
		}
	}
	if len(endpoints) > wire.MaxJoinEndpoints {
		fields = append(fields, fault.Field{Pointer: "/endpoints", Detail: "has more than 8 entries"})
	}
	return o, endpoints, fault.InvalidFields(noJoinToken, fields)
}

func (s *Server) listJoinTokens(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := s.openCursor("join_token", c.Query("cursor"))
	if err != nil {
		return err
	}
	list, next, err := s.c.Desk.List(c.Request.Context(), after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.JoinTokenView]{Items: make([]wire.JoinTokenView, 0, len(list))}
	for _, t := range list {
		page.Items = append(page.Items, s.joinTokenView(t))
	}
	if page.NextCursor, err = s.sealCursor("join_token", next); err != nil {
		return err
	}
	return c.answer(page)
}

func (s *Server) withdrawJoinToken(c *call) error {
	if err := s.c.Desk.Withdraw(c.Request.Context(), c.enroller(), c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) joinTokenView(t enrolment.Token) wire.JoinTokenView {
	v := wire.JoinTokenView{ID: t.ID, Purpose: t.Purpose, Name: t.Name, State: t.State(s.c.Clock.Now()), CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy,
		ExpiresAt: t.ExpiresAt, UsedFrom: t.UsedFrom, Failures: t.Failures}
	if t.Purpose == enrolment.DataCenter {
		v.Name, v.ClusterID = "", t.Name
	}
	if !t.UsedAt.IsZero() {
		v.UsedAt = &t.UsedAt
	}
	return v
}
