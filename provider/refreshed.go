package provider

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Terraform reads an object again before it destroys it, but some versions (1.11 is one) plan with what they had before that where its
// block is gone. The destroy would then carry an ETag of old, be refused because somebody changed the object, and be refused the same
// way after each new plan.

// saw notes the private state that a reading of an object brought in this run.
func (f *foreseen) saw(object string, private []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.read == nil {
		f.read = map[string][]byte{}
	}
	f.read[object] = private
}

func (f *foreseen) seen(object string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read[object]
}

// refreshed plans to destroy an object as it is now, and says where that is another one than the plan shows. read asks for the private
// state that belongs to what is there; nil for none.
func (k kind) refreshed(ctx context.Context, f *foreseen, key string, read func(id string) []byte, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.Plan.Raw.IsNull() || req.State.Raw.IsNull() || req.Private == nil || resp.Diagnostics.HasError() {
		return
	}
	var id types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	had, d := req.Private.GetKey(ctx, key)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() || had == nil {
		return
	}
	now := f.seen(k.name + " " + id.ValueString())
	if now == nil && !f.silent() {
		now = read(id.ValueString())
	}
	if now == nil || bytes.Equal(now, had) {
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, key, now)...)
	what := fmt.Sprintf("%s %q", k.noun, id.ValueString())
	if k.members != "" { // whose id says nothing to anybody
		what = "content of the " + k.noun
	}
	resp.Diagnostics.AddWarning(fmt.Sprintf("The %s was changed meanwhile", what),
		"Somebody changed it after the last apply, and this plan may show it as it was. It destroys it as it is now; what is changed after this plan stops the apply.")
}
