package provider

import (
	"context"
	"time"

	fwattr "github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

// keepText takes an optional text over. The server leaves "" out, so an empty answer stays null or "" as it was written.
func keepText(was types.String, now string) types.String {
	if now == "" && (was.IsNull() || was.IsUnknown()) {
		return types.StringNull()
	}
	return types.StringValue(now)
}

// keepName takes over a name that compares without case, in the spelling that was written.
func keepName(was types.String, now string) types.String {
	if sameName(was.ValueString(), now) && !was.IsNull() && !was.IsUnknown() {
		return was
	}
	return types.StringValue(now)
}

// keepSet takes a set or list over. The server leaves an empty one out, so it stays null or empty as it was written.
func keepSet(was, now []string) []string {
	if len(now) == 0 && was != nil {
		return []string{}
	}
	if len(now) == 0 {
		return nil
	}
	return now
}

// textSet is a set of texts, for a computed attribute: it may be unknown at plan, which a Go slice cannot.
func textSet(texts []string) types.Set {
	values := make([]fwattr.Value, 0, len(texts))
	for _, t := range texts {
		values = append(values, types.StringValue(t))
	}
	return types.SetValueMust(types.StringType, values)
}

// keepMap is keepSet for maps.
func keepMap[V any](was, now map[string]V) map[string]V {
	if len(now) == 0 && was != nil {
		return map[string]V{}
	}
	if len(now) == 0 {
		return nil
	}
	return now
}

// orFalse reads an optional boolean of an answer.
func orFalse(b *bool) types.Bool { return types.BoolValue(b != nil && *b) }

// newObject makes a change of a name replace the object, but not one of case alone, where names compare without case.
func newObject() planmodifier.String {
	what := "A new name is a new object; upper and lower case do not count."
	return stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = !sameName(req.StateValue.ValueString(), req.PlanValue.ValueString())
	}, what, what)
}

// keepSpan takes an optional duration over. For the server "" and "0s" are the same: not said.
func keepSpan(was attr.Duration, now string) attr.Duration {
	if d, err := time.ParseDuration(now); now == "" || err == nil && d == 0 {
		if span, ok := was.Span(); ok && span == 0 {
			return was
		}
		return attr.Duration{StringValue: types.StringNull()}
	}
	return attr.DurationValue(now)
}

// keepFoldedText is keepText for an optional name that compares without case.
func keepFoldedText(was types.String, now string) types.String {
	if now == "" {
		return keepText(was, now)
	}
	return keepName(was, now)
}
