package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Bounds of one batch, below those of the server. Its store may take less, and says so.
const (
	batchOperations = 10_000
	batchBytes      = 7 << 20
	batchSecrets    = 100 // each costs a server some 40 ms of a processor before it can answer
)

// change is one write of a member.
type change[E any] struct {
	op     operation
	key    string // in the plan; of what is deleted, in the state
	was    string // in the state, which may spell it otherwise; "" = it is new
	will   E
	etag   string
	body   json.RawMessage
	plain  json.RawMessage // body without secrets
	secret bool            // body has one
}

// wire is the operation; plain leaves secrets out.
func (c *change[E]) wire(kind string, plain bool) wire.BatchOperation {
	o := wire.BatchOperation{Method: http.MethodPut, Kind: kind, Name: c.key, IfMatch: c.etag, IfNoneMatch: c.op == creating, Body: c.body}
	switch {
	case c.op == deleting:
		o.Method, o.Body = http.MethodDelete, nil
	case plain:
		o.Body = c.plain
	}
	return o
}

// size is about how many bytes of a batch it takes.
func (c *change[E]) size() int { return len(c.body) + len(c.key) + len(c.etag) + 128 }

// changes are the writes from what is held to what is planned, only of what differs: deletions first, then by name.
func (c *collection[E, M, V, P]) changes(now *holding[E], plan map[string]E, secrets secretsOf, diags *diag.Diagnostics) (all []*change[E]) {
	held := make(map[string]string, len(now.entries))
	for key := range now.entries {
		held[c.fold(key)] = key
	}
	kept := make(map[string]bool, len(plan))
	for _, key := range slices.Sorted(maps.Keys(plan)) {
		was := held[c.fold(key)]
		kept[was] = true
		if was == key && reflect.DeepEqual(now.entries[was], plan[key]) {
			continue
		}
		ch, err := c.writing(key, was, now, plan[key], secrets)
		if err != nil {
			diags.AddError("Cannot write "+c.noun, sentence(err.Error()))
			return nil
		}
		all = append(all, ch)
	}
	var gone []*change[E]
	for _, key := range slices.Sorted(maps.Keys(now.entries)) {
		if !kept[key] {
			gone = append(gone, &change[E]{op: deleting, key: key, was: key, etag: now.etags[key]})
		}
	}
	return append(gone, all...)
}

// writing is the change that makes a member what is planned.
func (c *collection[E, M, V, P]) writing(key, was string, now *holding[E], will E, secrets secretsOf) (*change[E], error) {
	ch := &change[E]{op: creating, key: key, was: was, will: will, secret: true}
	if was != "" {
		ch.op, ch.etag = updating, now.etags[was]
		before := now.entries[was]
		ch.secret = !P(c.model(key, will)).secretVersion().Equal(P(c.model(was, before)).secretVersion())
	}
	m, given := c.model(key, will), c.model(key, will)
	c.fillSecrets(given, key, secrets)
	var err error
	if ch.plain, err = json.Marshal(P(m).body(given, false)); err != nil {
		return nil, fmt.Errorf("encode %s %q: %w", c.one.noun, key, err)
	}
	if ch.body, err = json.Marshal(P(m).body(given, ch.secret)); err != nil {
		return nil, fmt.Errorf("encode %s %q: %w", c.one.noun, key, err)
	}
	ch.secret = len(ch.body) != len(ch.plain)
	return ch, nil
}

// fitting is how many of the changes go into one batch of at most so many operations: one at least.
func fitting[E any](all []*change[E], operations int) (n int) {
	bytes, secrets := 0, 0
	for _, ch := range all {
		if bytes += ch.size(); ch.secret {
			secrets++
		}
		if n == operations || n > 0 && (bytes > batchBytes || secrets > batchSecrets) {
			break
		}
		n++
	}
	return n
}
