package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

func (s *Server) peerTrustRoutes() []route {
	return []route{{method: http.MethodGet, path: "/peer/v1/trust", summary: "This data center's roots and revocation lists, when they are newer than what the caller has (long poll)",
		query: []string{"after", "crl", "wait"}, out: wire.PeerTrust{}, handle: s.peerTrust}}
}

// peerTrust answers a partner's question for what is newer than what it has. What it says to have, it has durably: that is its
// acknowledgement, which the rotation of the root waits for.
func (s *Server) peerTrust(c *call) error {
	if c.Request.TLS == nil {
		return fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s, in which nobody is told of roots, or believed about what he has.", s.c.ClusterID, s.c.Mode())
	}
	var faults []fault.Field
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(c.Query(name), 10, 64)
		if err != nil {
			faults = append(faults, fault.Field{Pointer: "/" + name, Detail: "must be a number"})
		}
		return n
	}
	after, crl := number("after"), number("crl")
	wait, err := time.ParseDuration(c.Query("wait"))
	if err != nil {
		faults = append(faults, fault.Field{Pointer: "/wait", Detail: "must be a duration"})
	}
	if err := fault.InvalidFields("The query cannot be accepted.", faults); err != nil {
		return err
	}
	d, err := s.c.Publisher.Offer(c.Request.Context(), c.partner(), after, crl, wait)
	if err != nil {
		return err
	}
	if err := s.stillPartner(c); err != nil {
		return err
	}
	out := wire.PeerTrust{Sequence: d.Sequence, Bundle: d.Bundle, Number: d.Number}
	for _, l := range d.Lists {
		out.Lists = append(out.Lists, wire.PeerRevocationList{Issuer: l.Issuer, List: l.List})
	}
	return c.answer(out)
}
