package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// peerKeyRoutes answer data centers that met a cookie whose key they do not have.
func (s *Server) peerKeyRoutes() []route {
	return []route{{method: http.MethodPost, path: "/peer/v1/keys/fetch", summary: "Cookie keys of a purpose, sealed for the caller, which must be a member of the topology",
		in: wire.KeysFetch{}, out: wire.KeyBox{}, handle: s.peerKeysFetch}}
}

func (s *Server) peerKeysFetch(c *call) error {
	var in wire.KeysFetch
	if err := c.decode(&in); err != nil {
		return err
	}
	if !slices.Contains(mdc.Purposes(), in.Purpose) {
		return fault.New(fault.Invalid, "invalid_input", "Give a purpose: sign-in, agent, inactivity, flow or code.")
	}
	if err := s.c.Sessions.CheckPartner(c.partner()); err != nil {
		return err
	}
	if !s.fetches.allow(mdc.FoldName(c.partner()), s.c.Clock.Now()) {
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", RetryAfter: time.Second, Message: "Too many questions for cookie keys; one answer holds all keys of a purpose. Try again in a second."}
	}
	sealed, err := s.c.Feed.KeyBox(c.Request.Context(), c.partner(), in.Purpose)
	if err != nil {
		return err
	}
	s.c.Logger.Info("a partner was given cookie keys", "partner", c.partner(), "purpose", in.Purpose)
	return c.answer(wire.KeyBox{Sealed: sealed})
}
