package provider

import (
	"context"
	"errors"
	"net/url"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// lookPage is how many objects one answer of the server has: as many as it gives at once.
const lookPage = "1000"

// sighting is an object as the server has it.
type sighting[V any] struct {
	name string
	view V
	etag string
}

var errSeenAll = errors.New("all were seen")

// look finds objects by their folded names, with one question for each thousand objects of the kind, and keeps only these.
func (c *collection[E, M, V, P]) look(ctx context.Context, names map[string]bool) (map[string]sighting[V], error) {
	seen := make(map[string]sighting[V], len(names))
	if len(names) == 0 {
		return seen, nil
	}
	err := c.every(ctx, func(s sighting[V]) error {
		if names[c.fold(s.name)] {
			seen[c.fold(s.name)] = s
		}
		if len(seen) == len(names) {
			return errSeenAll
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSeenAll) {
		return nil, err
	}
	return seen, nil
}

// every shows each object of the kind as it replicates, in the server's order.
func (c *collection[E, M, V, P]) every(ctx context.Context, visit func(sighting[V]) error) error {
	query := url.Values{"limit": {lookPage}, "etags": {"true"}}
	for name, value := range c.one.reading() {
		query[name] = value
	}
	return client.Pages(ctx, c.client, client.Path(c.path...), query, func(page wire.Page[V]) error {
		for i, view := range page.Items {
			var m M
			P(&m).fill(view)
			s := sighting[V]{name: P(&m).key(), view: view}
			if i < len(page.ETags) {
				s.etag = page.ETags[i]
			}
			if err := visit(s); err != nil {
				return err
			}
		}
		return nil
	})
}
