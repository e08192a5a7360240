package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// ModifyPlan plans no change where nothing is left of it: the framework marks computed values as unknown as soon as the
// configuration differs from the state, also where it only spells the same value in another way.
func (b *base[M, V, P]) ModifyPlan(_ context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() || len(resp.RequiresReplace) > 0 {
		return
	}
	var plan, state, config map[string]tftypes.Value
	for raw, into := range map[*tftypes.Value]*map[string]tftypes.Value{&resp.Plan.Raw: &plan, &req.State.Raw: &state, &req.Config.Raw: &config} {
		if err := raw.As(into); err != nil {
			return // not an object: nothing to settle, and the framework will say so
		}
	}
	for name, will := range plan {
		computed := !will.IsKnown() && config[name].IsNull()
		if !computed && !will.Equal(state[name]) {
			return
		}
	}
	resp.Plan.Raw = req.State.Raw
}
