package attr

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// These rules look at attributes beside the one that they stand at, at the top of a resource and in an entry of a map alike. They ask
// for one path: to search a configuration of thousands of entries once for each of them would take its square.

// With wants the text only together with the attribute beside it of this name.
func With(other string) validator.String { return beside{other: other, wanted: true} }

// Without refuses the text where the attribute beside it of this name is given.
func Without(other string) validator.String { return beside{other: other} }

// VersionOf wants the number only where one of the attributes beside it is given, whose sending it decides.
func VersionOf(secrets ...string) validator.Int64 { return versionOf(secrets) }

type beside struct {
	other  string
	wanted bool
}

// Description says the rule.
func (b beside) Description(context.Context) string {
	if b.wanted {
		return "only together with " + b.other
	}
	return "not together with " + b.other
}

// MarkdownDescription says the rule.
func (b beside) MarkdownDescription(ctx context.Context) string { return b.Description(ctx) }

// ValidateString looks at the other attribute.
func (b beside) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	given, known := sibling(req.Config, req.Path, b.other)
	if req.ConfigValue.IsNull() || !known || given == b.wanted {
		return
	}
	summary, must := "Invalid Attribute Combination", "cannot be specified when"
	if b.wanted {
		must = "must be specified when"
	}
	resp.Diagnostics.Append(diag.NewAttributeErrorDiagnostic(req.Path, summary, fmt.Sprintf("Attribute %q %s %q is specified.", req.Path.ParentPath().AtName(b.other), must, req.Path)))
}

type versionOf []string

// Description says the rule.
func (v versionOf) Description(context.Context) string {
	return "only together with " + strings.Join(v, " or ")
}

// MarkdownDescription says the rule.
func (v versionOf) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateInt64 looks at the secrets.
func (v versionOf) ValidateInt64(_ context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	if req.ConfigValue.IsNull() {
		return
	}
	for _, secret := range v {
		if given, known := sibling(req.Config, req.Path, secret); given || !known {
			return
		}
	}
	names := strings.Join(v, " or ")
	resp.Diagnostics.AddAttributeError(req.Path, "Nothing to send", fmt.Sprintf("%s%s says when %s is sent; give one of them, or leave it out.", inMap(req.Path), lastStep(req.Path), names))
}

func lastStep(p path.Path) string {
	steps := p.Steps()
	return fmt.Sprint(steps[len(steps)-1])
}

// sibling says whether the attribute beside at of this name is given, and whether that is known yet.
func sibling(config tfsdk.Config, at path.Path, name string) (given, known bool) {
	raw := config.Raw
	for _, step := range at.ParentPath().AtName(name).Steps() {
		var key string
		switch s := step.(type) {
		case path.PathStepAttributeName:
			key = string(s)
		case path.PathStepElementKeyString:
			key = string(s)
		default:
			return false, false
		}
		var fields map[string]tftypes.Value
		if !raw.IsKnown() || raw.As(&fields) != nil {
			return false, false
		}
		raw = fields[key]
	}
	return raw.Type() != nil && !raw.IsNull(), raw.Type() == nil || raw.IsKnown()
}
