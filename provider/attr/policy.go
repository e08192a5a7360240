package attr

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
	"github.com/concord-access/terraform-provider-concord/internal/schedule"
)

// The server checks the same things by the same packages when a policy is saved; here they are told at plan.

// Network takes a network of clients in its one spelling.
func Network() validator.String {
	return asked{"a network such as 10.0.0.0/8 or 2001:db8::/32", func(s string) error { _, err := condition.Network(s); return err }}
}

// Condition takes a CEL expression that is true or false.
func Condition() validator.String {
	return asked{"a CEL expression that is true or false", func(s string) error { _, err := condition.Condition(s); return err }}
}

// HeaderValue takes a CEL expression whose value a header can have.
func HeaderValue() validator.String {
	return asked{"a CEL expression for a header's value", func(s string) error { _, err := condition.Value(s); return err }}
}

// HeaderName takes the name of a header that a policy may set.
func HeaderName() validator.String {
	return asked{"the name of a header that a policy may set", condition.HeaderName}
}

// Clock takes a time of day, 00:00 to 24:00.
func Clock() validator.String {
	return asked{"a time of day, 00:00 to 24:00", func(s string) error { _, err := schedule.Clock(s); return err }}
}

// TimeZone takes a name of the IANA time zone database.
func TimeZone() validator.String {
	return asked{"a name of the IANA time zone database", func(s string) error { _, err := schedule.Zone(s); return err }}
}

// asked is a rule that says itself what is wrong.
type asked struct {
	what  string
	check func(string) error
}

func (a asked) Description(context.Context) string             { return "must be " + a.what }
func (a asked) MarkdownDescription(ctx context.Context) string { return a.Description(ctx) }

func (a asked) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := a.check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Value cannot be accepted", fmt.Sprintf("%s: the server would refuse it: %v.", req.Path, err))
	}
}
