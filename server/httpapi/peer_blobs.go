package httpapi

import "github.com/concord-access/terraform-provider-concord/internal/fault"

// peerBlob gives the content of a package to a data center that this one replicates with, as long as it does. An upload that no package refers to
// is nobody's yet.
func (s *Server) peerBlob(c *call) error {
	ctx, digest := c.Request.Context(), c.Param("sha256")
	by, _, err := c.counterpart()
	if err != nil {
		return err
	}
	if err := s.c.Feed.AdmitCounterpart(ctx, by); err != nil {
		return err
	}
	size, known, err := s.c.Model.Refers(ctx, digest)
	if err != nil {
		return err
	}
	if !known {
		return fault.New(fault.NotFound, "not_found", "No package here has the content %q.", clip(digest))
	}
	f, _, err := s.c.Blobs.Open(digest, size)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	c.Header("Cache-Control", "no-store")
	c.serveOctets(f, digest, func() error {
		if err := s.stillPartner(c); err != nil {
			return err
		}
		return s.c.Feed.AdmitCounterpart(ctx, by)
	})
	return nil
}
