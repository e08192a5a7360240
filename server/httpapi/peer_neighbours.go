package httpapi

import (
	"crypto/x509"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// peerNeighbourRoutes are what nodes of one data center ask one another. They prove themselves by their own certificates: no partner is let in here,
// and no node of our own at what is for partners.
func (s *Server) peerNeighbourRoutes() []route {
	conflicts := "/peer/v1/neighbours/conflicts"
	return []route{
		{method: http.MethodGet, path: "/peer/v1/neighbours/blobs/{sha256}", public: true, among: inside, out: octets{}, also: map[int]any{http.StatusPartialContent: octets{}},
			summary: "The content of a package, or a range of it; for the other nodes of this data center, by their certificates", handle: s.neighbourBlob},
		{method: http.MethodGet, path: conflicts, public: true, among: nodes, out: wire.PeerConflicts{}, summary: "Conflict files that this node keeps; for the other nodes", handle: s.neighbourConflicts},
		{method: http.MethodGet, path: conflicts + "/{id}", public: true, among: nodes, query: []string{"after", "limit"}, out: wire.PeerConflict{},
			summary: "Records of a conflict file that this node keeps; for the other nodes", handle: s.neighbourConflict},
		{method: http.MethodDelete, path: conflicts + "/{id}", public: true, among: nodes, status: http.StatusNoContent,
			summary: "Remove a conflict file that this node keeps; for the other nodes", handle: s.dropNeighbourConflict},
		{method: http.MethodPost, path: "/peer/v1/neighbours/sign-in-attempts", public: true, among: nodes, in: wire.SignInAttempt{}, out: wire.SignInGrant{},
			summary: "Count one check of a password, or take one back; for the other nodes", handle: s.neighbourAttempts},
		{method: http.MethodPost, path: "/peer/v1/neighbours/password-turns", public: true, among: nodes, in: wire.PasswordTurns{}, status: http.StatusNoContent,
			summary: "Tell what passwords came to; for the other nodes", handle: s.neighbourTurns},
	}
}

// neighbour lets the other nodes in, before they take a place.
func (s *Server) neighbour(c *call) (string, error) {
	return s.c.Trust.VerifyNeighbour(c.Request.TLS, x509.ExtKeyUsageClientAuth)
}

func (s *Server) neighbourConflicts(c *call) error {
	own, err := s.c.Mastership.OwnConflicts()
	if err != nil {
		return err
	}
	return s.answerConflicts(c, topology.ConflictList{Files: own})
}

func (s *Server) neighbourConflict(c *call) error {
	after, limit, err := c.window()
	if err != nil {
		return err
	}
	p, err := s.c.Mastership.OwnConflict(c.Param("id"), after, limit)
	if err != nil {
		return err
	}
	return s.answerConflict(c, p)
}

// dropNeighbourConflict is for the node that was asked to, and that has written it into the audit before.
func (s *Server) dropNeighbourConflict(c *call) error {
	if err := s.c.Mastership.DropOwnConflict(c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// neighbourBlob gives a content to another node, also while no package refers to it: one that shall is perhaps declared there.
func (s *Server) neighbourBlob(c *call) error {
	still := func() error {
		_, err := s.neighbour(c)
		return err
	}
	node, err := s.neighbour(c)
	if err != nil {
		return err
	}
	return s.within(classCopies, "node/"+node, func() error { return s.sendNeighbour(c, still) })
}

func (s *Server) sendNeighbour(c *call, still func() error) error {
	digest := c.Param("sha256")
	if !mdc.ValidDigest(digest) {
		return fault.New(fault.Invalid, "invalid_input", "A content is named by the 64 lower-case hexadecimal digits of its SHA-256.")
	}
	info, found, err := s.c.Blobs.Claim(digest)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.NotFound, "not_found", "This node does not have the content %s.", digest)
	}
	f, _, err := s.c.Blobs.Open(digest, info.Size)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	c.Header("Cache-Control", "no-store")
	c.serveOctets(f, digest, still)
	return nil
}
