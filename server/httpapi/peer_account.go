package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// peerAccountRoutes answer partners on whose page a person looks at their own sign-ons.
func (s *Server) peerAccountRoutes() []route {
	return []route{{method: http.MethodPost, path: "/peer/v1/sessions/of-user", summary: "Which sign-ons of a person are known here", in: wire.SignOnsOf{}, out: wire.SignOns{}, handle: s.peerSignOns}}
}

func (s *Server) peerSignOns(c *call) error {
	var in wire.SignOnsOf
	if err := c.decode(&in); err != nil {
		return err
	}
	list, more, err := s.c.Sessions.SignOnsFor(c.Request.Context(), c.partner(), in.IdentityStore, in.User)
	if err != nil {
		return err
	}
	out := wire.SignOns{SignOns: []wire.SignOn{}, More: more}
	for _, v := range list {
		out.SignOns = append(out.SignOns, wire.SignOn{SSOID: string(v.SSOID), ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, LastAccess: v.LastAccess, ExpiresAt: v.ExpiresAt})
	}
	return c.answer(out)
}
