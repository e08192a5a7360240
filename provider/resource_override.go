package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState     = (*overrideResource)(nil)
	_ resource.ResourceWithIdentity        = (*overrideResource)(nil)
	_ resource.ResourceWithUpgradeIdentity = (*overrideResource)(nil)
)

type overrideResource struct {
	base[overrideModel, wire.OverrideView, *overrideModel]
}

func newOverride() resource.Resource {
	r := &overrideResource{}
	r.kind = kind{name: "override", noun: "override", path: []string{"v1", "overrides"}, nested: true}
	return r
}

// Schema describes the resource.
func (r *overrideResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Values of one data center that it lays over a replicated object, such as a sign-in address of its own. The object itself stays as it is everywhere, and the override is never replicated: declare it with the provider alias of its data center, also of a clone. An object that has an override cannot be deleted in that data center before it.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("Kind and name of the object with a slash between them; also what the override is imported by."),
			"kind": schema.StringAttribute{Required: true, PlanModifiers: replace, Validators: []validator.String{stringvalidator.OneOf("session_policy", "setting", "application", "agent", "authorization_policy", "identity_store", "authentication_scheme")},
				MarkdownDescription: "Kind of the object: `session_policy`, `setting`, `application`, `agent`, `authorization_policy`, `identity_store` or `authentication_scheme`."},
			"name": schema.StringAttribute{Required: true, PlanModifiers: replace, Validators: []validator.String{attr.Name()},
				MarkdownDescription: "Name of the object; `default` for the session policy, of which there is one."},
			"values": schema.StringAttribute{Required: true, CustomType: attr.JSONType{}, PlanModifiers: []planmodifier.String{attr.KeepMeaning()},
				MarkdownDescription: "The values, as a JSON object of the object's own fields, best written with `jsonencode({…})`. Objects inside are merged, lists are replaced, and null takes a field away, so that its default counts (RFC 7396). Names and secrets are the same in every data center and cannot be overridden."},
			"bind_password_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 1024)},
				MarkdownDescription: "Password of the identity store's `bind_dn`. It is needed where `values` give the store other `urls`, another `ca_certificate_pem`, or less of `start_tls` and `allow_plaintext`: who has the password sent elsewhere has to know it. It is compared when the override is written, and kept nowhere."},
			"applied": schema.BoolAttribute{Computed: true,
				MarkdownDescription: "Whether the override is in force. It is not while it does not fit the object, because that was changed at the master since; the object then counts as it is replicated."},
			"reason": schema.StringAttribute{Computed: true,
				MarkdownDescription: "Why the override is not in force; empty while it is."},
		},
	}
}

// IdentitySchema is of version 1: the first one had the id in one piece.
func (r *overrideResource) IdentitySchema(ctx context.Context, req resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	r.base.IdentitySchema(ctx, req, resp)
	resp.IdentitySchema.Version = 1
}

// UpgradeIdentity takes the id of version 0 apart.
func (r *overrideResource) UpgradeIdentity(context.Context) map[int64]resource.IdentityUpgrader {
	whole := identityschema.Schema{Attributes: map[string]identityschema.Attribute{"id": identityschema.StringAttribute{RequiredForImport: true}}}
	return map[int64]resource.IdentityUpgrader{0: {PriorSchema: &whole, IdentityUpgrader: func(ctx context.Context, req resource.UpgradeIdentityRequest, resp *resource.UpgradeIdentityResponse) {
		var id types.String
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &id)...)
		resp.Identity.Raw = tftypes.NewValue(resp.Identity.Schema.Type().TerraformType(ctx), nil)
		r.identify(ctx, resp.Identity, id.ValueString(), &resp.Diagnostics)
	}}}
}

type overrideModel struct {
	noSecret
	ID      types.String `tfsdk:"id"`
	Kind    types.String `tfsdk:"kind"`
	Name    types.String `tfsdk:"name"`
	Values  attr.JSON    `tfsdk:"values"`
	Proof   types.String `tfsdk:"bind_password_wo"`
	Applied types.Bool   `tfsdk:"applied"`
	Reason  types.String `tfsdk:"reason"`
}

// lies says that the object under the override is as it will be, and so is what has to fit it.
func (m *overrideModel) lies(on *foreseen) bool {
	fits := map[string]string{"session_policy": "agent", "agent": "session_policy"}[m.Kind.ValueString()]
	return !on.plans(m.Kind.ValueString(), m.Name.ValueString()) && (fits == "" || !on.plansAny(fits))
}

func (m *overrideModel) key() string          { return m.Kind.ValueString() + "/" + m.Name.ValueString() }
func (m *overrideModel) ident() *types.String { return &m.ID }

// body brings the password with every write: the server alone knows whether it is needed.
func (m *overrideModel) body(config *overrideModel, _ bool) any {
	o := wire.Override{Kind: m.Kind.ValueString(), Name: m.Name.ValueString(), Values: json.RawMessage(m.Values.ValueString())}
	if config != nil {
		o.BindPassword = config.Proof.ValueString()
	}
	return o
}

func (m *overrideModel) fill(v wire.OverrideView) {
	m.ID = keepName(m.ID, v.ID)
	m.Kind, m.Name = types.StringValue(v.Kind), types.StringValue(v.Name)
	m.Values = attr.JSONValue(string(v.Values))
	m.Applied, m.Reason = types.BoolValue(v.Applied), types.StringValue(v.Reason)
}
