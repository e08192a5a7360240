package attr

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Moment accepts a time as RFC 3339, in whole seconds.
func Moment() validator.String { return aMoment{} }

type aMoment struct{}

func (aMoment) Description(context.Context) string {
	return "a time as RFC 3339, in whole seconds, such as 2027-01-31T00:00:00Z"
}

func (v aMoment) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v aMoment) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if at, err := time.Parse(time.RFC3339, req.ConfigValue.ValueString()); err != nil || at.Nanosecond() != 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a time", fmt.Sprintf("%q is not %s.", clip(req.ConfigValue.ValueString()), v.Description(ctx)))
	}
}
