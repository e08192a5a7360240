package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var (
	_ resource.ResourceWithImportState = (*passwordPolicyResource)(nil)
	_ resource.ResourceWithIdentity    = (*passwordPolicyResource)(nil)
)

type passwordPolicyResource struct {
	base[passwordPolicyModel, wire.PasswordPolicyView, *passwordPolicyModel]
}

func newPasswordPolicy() resource.Resource {
	r := &passwordPolicyResource{}
	r.kind = kind{name: "password_policy", noun: "password policy", path: []string{"v1", "password-policy"}, replicates: true, singleton: true}
	return r
}

// Schema describes the resource.
func (r *passwordPolicyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a new password of the local identity store must be, whoever sets it. Passwords that exist stay. There is exactly one policy, the same in every data center: creating the resource adopts it, destroying it puts the defaults back. It is replicated: declare it on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("Always `default`; also what the policy is imported by."),
			"min_length": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(8),
				Validators:          []validator.Int64{int64validator.Between(8, 128)},
				MarkdownDescription: "Characters of a password at least, 8 to 128. Default `8`."},
			"min_strength": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(0),
				Validators:          []validator.Int64{int64validator.Between(0, 4)},
				MarkdownDescription: "How hard a password must be to guess, as zxcvbn estimates it from its first 64 bytes: `1` more than 10^3 guesses, `2` 10^6, `3` 10^8, `4` 10^10. Words of dictionaries, common passwords and the user's own names count little. Default `0`: not looked at."},
		},
	}
}

type passwordPolicyModel struct {
	noSecret
	ID          types.String `tfsdk:"id"`
	MinLength   types.Int64  `tfsdk:"min_length"`
	MinStrength types.Int64  `tfsdk:"min_strength"`
}

func (m *passwordPolicyModel) key() string          { return "default" }
func (m *passwordPolicyModel) ident() *types.String { return &m.ID }

func (m *passwordPolicyModel) body(*passwordPolicyModel, bool) any {
	length, strength := int(m.MinLength.ValueInt64()), int(m.MinStrength.ValueInt64())
	return wire.PasswordPolicy{MinLength: &length, MinStrength: &strength}
}

func (m *passwordPolicyModel) fill(v wire.PasswordPolicyView) {
	m.ID = types.StringValue(v.ID)
	m.MinLength, m.MinStrength = numberOf(v.MinLength), numberOf(v.MinStrength)
}

func numberOf(n *int) types.Int64 {
	if n == nil {
		return types.Int64Value(0)
	}
	return types.Int64Value(int64(*n))
}
