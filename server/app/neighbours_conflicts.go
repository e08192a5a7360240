package app

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// shelf reads the conflict files that lie in the data directories of other nodes (SEC-50). All of them are asked at once.
type shelf struct{ near *neighbours }

var _ topology.Shelf = shelf{}

func (n *Node) shelf() topology.Shelf {
	if !n.shared() {
		return nil
	}
	return shelf{n.neighbours}
}

const (
	neighbourConflicts = "/peer/v1/neighbours/conflicts"
	shelfTime          = 2 * time.Second // for one answer: whoever asks this node, perhaps a master over its link, waits for all of them
)

// Conflicts gives those of the nodes that answer, and names the others.
func (s shelf) Conflicts(ctx context.Context) (out topology.ConflictList, err error) {
	var mu sync.Mutex // guards out.Files
	out.Silent, err = s.near.each(ctx, func(ctx context.Context, node string) error {
		var in wire.PeerConflicts
		if err := s.near.ask(ctx, node, client.Request{Method: http.MethodGet, Path: neighbourConflicts, Out: &in}); err != nil {
			return err
		}
		files, err := httpapi.ConflictList(in)
		mu.Lock()
		defer mu.Unlock()
		out.Files = append(out.Files, files.Files...)
		return err
	})
	return out, err
}

// Conflict gives the file of the node that has it.
func (s shelf) Conflict(ctx context.Context, id string, after uint64, limit int) (topology.ConflictPage, error) {
	var mu sync.Mutex // guards found
	var found []topology.ConflictPage
	silent, err := s.near.each(ctx, func(ctx context.Context, node string) error {
		var in wire.PeerConflict
		err := s.near.ask(ctx, node, client.Request{Method: http.MethodGet, Path: client.Path("peer", "v1", "neighbours", "conflicts", id), Query: fromTo(after, limit), Out: &in})
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := httpapi.ConflictPage(in)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			found = append(found, p)
		}
		return err
	})
	switch {
	case err != nil:
		return topology.ConflictPage{}, err
	case len(found) > 0:
		return found[0], nil
	case len(silent) > 0:
		return topology.ConflictPage{}, nodeSilent(id, silent[0])
	}
	return topology.ConflictPage{}, fault.New(fault.NotFound, "not_found", "There is no conflict file %q here. One that a node kept which is not alive is in its data_dir.", id)
}

// DropConflict removes it wherever it lies.
func (s shelf) DropConflict(ctx context.Context, id string) error {
	silent, err := s.near.each(ctx, func(ctx context.Context, node string) error {
		return s.near.ask(ctx, node, client.Request{Method: http.MethodDelete, Path: client.Path("peer", "v1", "neighbours", "conflicts", id)})
	})
	if err == nil && len(silent) > 0 {
		err = nodeSilent(id, silent[0])
	}
	return err
}

func nodeSilent(id, node string) error {
	return fault.New(fault.Unavailable, "node_silent", "The node %s of this data center does not say whether it keeps the conflict file %q. Try again, or ask that node at its own address.", node, id)
}

// each asks every other node that is alive, and names those that gave an error.
func (s *neighbours) each(ctx context.Context, ask func(ctx context.Context, node string) error) (silent []string, err error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex // guards silent
	var asking sync.WaitGroup
	for _, name := range names {
		asking.Go(func() {
			if err := ask(ctx, name); err != nil {
				s.logger.Warn("another node does not answer", "node", name, "error", err)
				mu.Lock()
				defer mu.Unlock()
				silent = append(silent, name)
			}
		})
	}
	asking.Wait()
	slices.Sort(silent)
	return silent, nil
}

// ask asks one node. Its connection ends with the answer.
func (s *neighbours) ask(ctx context.Context, node string, r client.Request) error {
	ctx, cancel := context.WithTimeout(ctx, shelfTime)
	defer cancel()
	c, err := s.client(ctx, node)
	if err != nil {
		return err
	}
	defer c.Close()
	r.Header = s.label.on(r.Header)
	_, err = c.Do(ctx, r)
	return err
}
