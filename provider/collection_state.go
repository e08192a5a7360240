package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// etagsKey is where the private state keeps the members' ETags, by name: some 100 bytes a member.
const etagsKey = "etags"

// holding is what a collection is known to hold: while it is written, exactly what was written so far.
type holding[E any] struct {
	id      types.String
	entries map[string]E
	etags   map[string]string
}

func (c *collection[E, M, V, P]) held(id types.String, entries map[string]E, etags map[string]string) *holding[E] {
	if entries == nil {
		entries = map[string]E{}
	}
	if etags == nil {
		etags = map[string]string{}
	}
	return &holding[E]{id, entries, etags}
}

// attributed is a plan, a configuration or a state.
type attributed interface {
	GetAttribute(ctx context.Context, p path.Path, target any) diag.Diagnostics
}

// privately is the framework's private state, to be read.
type privately interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

func (c *collection[E, M, V, P]) entries(ctx context.Context, from attributed, diags *diag.Diagnostics) (entries map[string]E) {
	diags.Append(from.GetAttribute(ctx, path.Root(c.members), &entries)...)
	return entries
}

// remembered is what the state shows, with the ETags that came with it.
func (c *collection[E, M, V, P]) remembered(ctx context.Context, state attributed, private privately, diags *diag.Diagnostics) *holding[E] {
	var id types.String
	diags.Append(state.GetAttribute(ctx, path.Root("id"), &id)...)
	b, d := private.GetKey(ctx, etagsKey)
	diags.Append(d...)
	var etags map[string]string
	if len(b) > 0 && json.Unmarshal(b, &etags) != nil {
		etags = nil
	}
	return c.held(id, c.entries(ctx, state, diags), etags)
}

func (c *collection[E, M, V, P]) keep(ctx context.Context, now *holding[E], to kept, diags *diag.Diagnostics) {
	diags.Append(to.state.SetAttribute(ctx, path.Root("id"), now.id)...)
	diags.Append(to.state.SetAttribute(ctx, path.Root(c.members), now.entries)...)
	if to.identity != nil {
		diags.Append(to.identity.SetAttribute(ctx, path.Root("id"), now.id)...)
	}
	if b, err := json.Marshal(now.etags); err == nil && to.private != nil {
		diags.Append(to.private.SetKey(ctx, etagsKey, b)...)
	}
}

// owned are the names of what is held, folded.
func (c *collection[E, M, V, P]) owned(h *holding[E]) map[string]bool {
	names := make(map[string]bool, len(h.entries))
	for key := range h.entries {
		names[c.fold(key)] = true
	}
	return names
}
