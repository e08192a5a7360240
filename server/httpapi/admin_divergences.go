package httpapi

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// listDivergences gives what administrators changed on this clone (OAM-04), by kind and name.
func (s *Server) listDivergences(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := s.openCursor("divergence", c.Query("cursor"))
	if err != nil {
		return err
	}
	edits, next, err := s.c.Configuration.Divergences(c.Request.Context(), after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.Divergence]{Items: make([]wire.Divergence, 0, len(edits))}
	for _, e := range edits {
		page.Items = append(page.Items, wire.Divergence{ID: e.Kind + "/" + e.Name, Kind: e.Kind, Name: e.Name, Operation: e.Operation, Actor: e.Actor,
			Time: e.Time.UTC(), MasterChanged: e.Moved})
	}
	if page.NextCursor, err = s.sealCursor("divergence", next); err != nil {
		return err
	}
	return c.answer(page)
}

func (s *Server) discardDivergence(c *call) error {
	kind, name, err := s.lockable(c)
	if err != nil {
		return err
	}
	if err := s.c.Configuration.Discard(c.Request.Context(), c.actor(), kind, name); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) editCount(ctx context.Context) (n int, err error) {
	err = s.c.Journal.View(ctx, func(v *journal.Snapshot) error {
		n, err = v.EditCount()
		return err
	})
	return n, err
}
