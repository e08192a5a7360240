package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ resource.ResourceWithModifyPlan = (*agreementResource)(nil)

// ModifyPlan refuses to replace an agreement that a promotion has turned round by one in the old direction: that would end the
// copy of the live master, to have the overtaken one copied.
func (r *agreementResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.Plan.Raw.IsNull() && !req.State.Raw.IsNull() {
		var is, will struct{ source, target types.String }
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("source"), &is.source)...)
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("target"), &is.target)...)
		resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("source"), &will.source)...)
		resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("target"), &will.target)...)
		source, target := is.source.ValueString(), is.target.ValueString()
		if source != "" && sameName(source, will.target.ValueString()) && sameName(target, will.source.ValueString()) {
			resp.Diagnostics.AddAttributeError(path.Root("source"), "A promotion has turned this agreement round",
				fmt.Sprintf("%s is the master now and %s its clone. Write source = %q and target = %q, and point this resource's provider alias at %s; the agreement keeps its identifier. "+
					"To make %s the master again, promote it: concord promote.", source, target, source, target, source, target))
			return
		}
	}
	r.base.ModifyPlan(ctx, req, resp)
}
