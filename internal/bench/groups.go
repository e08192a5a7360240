package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	changeCount = 10_000
	bodyBytes   = 300  // of a group in JSON
	batchSize   = 2500 // what one transaction of the store surely holds
)

// group is the n-th one, about bodyBytes long in JSON. Its description begins with the mark and a dot.
func group(n int, mark string) wire.Group {
	g := wire.Group{Name: fmt.Sprintf("group-%06d", n), Description: mark + "."}
	g.Description += strings.Repeat("x", max(0, bodyBytes-len(`{"name":"","description":""}`)-len(g.Name)-len(g.Description)))
	return g
}

// load writes the first count groups by batches.
func (a *admin) load(ctx context.Context, count int, mark string) error {
	for at := 0; at < count; at += batchSize {
		var b wire.Batch
		for n := at; n < min(count, at+batchSize); n++ {
			body, err := json.Marshal(group(n, mark))
			if err != nil {
				return fmt.Errorf("encode group: %w", err)
			}
			b.Operations = append(b.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: mdc.GroupKind().Name, Name: group(n, mark).Name, Body: body})
		}
		if _, err := a.client.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/batch", In: b}); err != nil {
			return fmt.Errorf("load %d groups at %s: %w", count, a.center.ClusterID, err)
		}
	}
	return nil
}

// cell is one key with its value.
type cell struct{ key, value []byte }

// written are the cells that the n-th change puts into a clone's store: the object and its journal record. The position
// and the digest's lanes, once a transaction, are not counted.
func written(n int, mark string) ([]cell, error) {
	g := group(n, mark)
	body, err := mdc.Encode(&mdc.Group{Name: g.Name, Description: g.Description})
	if err != nil {
		return nil, fmt.Errorf("encode group: %w", err)
	}
	rec, err := json.Marshal(journal.Record{Sequence: uint64(n), Epoch: mdc.Epoch{Number: 1, ClusterID: "NYDC"}, Time: time.Now(), Actor: "token:bootstrap",
		Kind: mdc.GroupKind().Name, Name: g.Name, Operation: journal.Put, Body: body, Digest: strings.Repeat("0", 64)})
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return []cell{{fmt.Appendf(nil, "c/g/00000001group\x00%s", g.Name), body}, {fmt.Appendf(nil, "c/j/00000001%08d", n), rec}}, nil
}

// allWritten are the cells of each of the changes 0 to count-1.
func allWritten(count int, mark string) (out [][]cell, err error) {
	for n := range count {
		cells, err := written(n, mark)
		if err != nil {
			return nil, err
		}
		out = append(out, cells)
	}
	return out, nil
}
