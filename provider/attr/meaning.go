package attr

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
)

// KeepMeaning plans no change where the configuration only spells the state's value in another way: "30m0s" for "30m", or
// other white space in a PEM text or a JSON object. It is for attributes of type Duration, PEM or JSON.
func KeepMeaning() planmodifier.String { return keepMeaning{} }

type keepMeaning struct{}

func (keepMeaning) Description(context.Context) string {
	return "Another spelling of the same value is no change."
}

func (k keepMeaning) MarkdownDescription(ctx context.Context) string { return k.Description(ctx) }

func (keepMeaning) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() {
		return
	}
	spans, _ := Duration{req.StateValue}.StringSemanticEquals(ctx, Duration{req.PlanValue})
	texts, _ := PEM{req.StateValue}.StringSemanticEquals(ctx, PEM{req.PlanValue})
	objects, _ := JSON{req.StateValue}.StringSemanticEquals(ctx, JSON{req.PlanValue})
	if spans || texts || objects {
		resp.PlanValue = req.StateValue
	}
}
