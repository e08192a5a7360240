package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// work is what is to be done.
type work[E any] struct {
	doing  operation // with the collection
	all    []*change[E]
	schema typed
}

// apply sends the changes in as few batches as take them, and notes in now what each has done. It stops at the first batch that is
// refused; written is how many changes were done by then.
func (c *collection[E, M, V, P]) apply(ctx context.Context, w work[E], now *holding[E], diags *diag.Diagnostics) (written int) {
	operations := batchOperations
	for left := w.all; len(left) > 0; {
		n := fitting(left, operations)
		batch := left[:n]
		results, res, err := c.send(ctx, batch, false)
		if fault.Is(err, fault.TooLarge) && n > 1 { // the store, or something between, takes less than a batch may have
			operations = (n + 1) / 2
			continue
		}
		if err != nil {
			results, res, err = c.settle(ctx, batch, err, diags)
		}
		if err != nil {
			c.refuse(w, err, written, diags)
			return written
		}
		c.behind(now.id.ValueString(), res, diags)
		for i, ch := range batch {
			ch.note(now, results[i].ETag)
		}
		written, left = written+n, left[n:]
		progress(ctx, "changes of the "+c.noun+" are written", map[string]any{"done": written, "of": len(w.all)})
	}
	return written
}

// note writes down that the change is done.
func (c *change[E]) note(now *holding[E], etag string) {
	if c.was != "" {
		delete(now.entries, c.was)
		delete(now.etags, c.was)
	}
	if c.op != deleting {
		now.entries[c.key], now.etags[c.key] = c.will, etag
	}
}

// send makes one batch of changes. A dry run is about what is there without its secrets.
func (c *collection[E, M, V, P]) send(ctx context.Context, batch []*change[E], dryRun bool) ([]wire.BatchResult, client.Response, error) {
	in := wire.Batch{Operations: make([]wire.BatchOperation, 0, len(batch))}
	for _, ch := range batch {
		in.Operations = append(in.Operations, ch.wire(c.one.name, dryRun))
	}
	var query url.Values
	if dryRun {
		query = url.Values{"dry_run": {"true"}}
	}
	var out wire.BatchAnswer
	res, err := c.client.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/batch", Query: query, In: in, Out: &out, Retry: true, Conditional: true})
	if err == nil && len(out.Results) != len(batch) {
		err = fmt.Errorf("the server answered %d results to a batch of %d operations", len(out.Results), len(batch))
	}
	place(c.members, batch, err)
	return out.Results, res, err
}
