package attr

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	_ basetypes.StringTypable                    = DurationType{}
	_ basetypes.StringValuableWithSemanticEquals = Duration{}
	_ xattr.ValidateableAttribute                = Duration{}
	_ validator.String                           = durationBetween{}
)

// DurationType is the type of a span of time with units: "30m", "1.5s".
type DurationType struct{ basetypes.StringType }

// Duration is such a span; "30m" and "30m0s" are the same.
type Duration struct{ basetypes.StringValue }

// DurationValue is the known duration s.
func DurationValue(s string) Duration { return Duration{basetypes.NewStringValue(s)} }

// Equal compares types.
func (t DurationType) Equal(o attr.Type) bool {
	_, ok := o.(DurationType)
	return ok
}

// String names the type.
func (DurationType) String() string { return "attr.DurationType" }

// ValueType is the zero value.
func (DurationType) ValueType(context.Context) attr.Value { return Duration{} }

// ValueFromString wraps in.
func (DurationType) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return Duration{in}, nil
}

// ValueFromTerraform reads a string.
func (t DurationType) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	v, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	s, ok := v.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("read duration: got a %T", v)
	}
	return Duration{s}, nil
}

// Type is DurationType.
func (Duration) Type(context.Context) attr.Type { return DurationType{} }

// Equal compares spellings; StringSemanticEquals compares spans.
func (d Duration) Equal(o attr.Value) bool {
	other, ok := o.(Duration)
	return ok && d.StringValue.Equal(other.StringValue)
}

// StringSemanticEquals says whether both are the same span.
func (d Duration) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(Duration)
	if !ok {
		return false, nil
	}
	a, errA := time.ParseDuration(d.ValueString())
	b, errB := time.ParseDuration(other.ValueString())
	return errA == nil && errB == nil && a == b, nil
}

// ValidateAttribute refuses what is no duration.
func (d Duration) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if d.IsNull() || d.IsUnknown() {
		return
	}
	if _, err := time.ParseDuration(d.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration",
			fmt.Sprintf("%q is no duration; write a number with a unit, such as \"30m\" or \"1.5s\".", clip(d.ValueString())))
	}
}

// Span is the duration, and whether it is known and well formed.
func (d Duration) Span() (time.Duration, bool) {
	v, err := time.ParseDuration(d.ValueString())
	return v, err == nil && !d.IsNull() && !d.IsUnknown()
}

// DurationBetween refuses durations outside of low to high; both ends are allowed.
func DurationBetween(low, high time.Duration) validator.String { return durationBetween{low, high} }

type durationBetween struct{ low, high time.Duration }

func (v durationBetween) Description(context.Context) string {
	return fmt.Sprintf("between %s and %s", short(v.low), short(v.high))
}

func (v durationBetween) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v durationBetween) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	d, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err == nil && (d < v.low || d > v.high) { // a malformed one is refused by its type
		resp.Diagnostics.AddAttributeError(req.Path, "Duration out of range",
			fmt.Sprintf("%s is not %s.", req.ConfigValue.ValueString(), v.Description(ctx)))
	}
}
