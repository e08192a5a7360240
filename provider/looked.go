package provider

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// looked is what the refresh of this run saw. Terraform plans to destroy what has left the configuration with the state of before the
// refresh: an object that somebody else has changed could then not be deleted, however often it is planned anew. The ETag that the
// refresh saw takes the old one's place, so that what changes after the plan still stops the deletion.
type looked struct {
	mu   sync.Mutex // guards all below
	keys map[string]remembered
}

// remembered is an entry of the private state.
type remembered struct {
	key   string
	value any
}

// read notes what the private state of an object, such as "group staff", is since the refresh.
func (l *looked) read(object, key string, value any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[string]remembered{}
	}
	l.keys[object] = remembered{key, value}
}

// recall puts what the refresh noted into the plan of a deletion. Without a refresh the state's own counts.
func (l *looked) recall(ctx context.Context, kind string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.Plan.Raw.IsNull() || req.State.Raw.IsNull() || resp.Private == nil {
		return
	}
	var id types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	l.mu.Lock()
	seen, ok := l.keys[kind+" "+id.ValueString()]
	l.mu.Unlock()
	if b, err := json.Marshal(seen.value); ok && err == nil {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, seen.key, b)...)
	}
}
