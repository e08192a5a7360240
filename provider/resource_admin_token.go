package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*adminTokenResource)(nil)
	_ resource.ResourceWithIdentity    = (*adminTokenResource)(nil)
)

type adminTokenResource struct {
	base[adminTokenModel, wire.AdminTokenView, *adminTokenModel]
}

func newAdminToken() resource.Resource {
	r := &adminTokenResource{}
	r.kind = kind{name: "admin_token", noun: "administrator's token", path: []string{"v1", "admin-tokens"}}
	return r
}

// Schema describes the resource.
func (r *adminTokenResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A token with which a program administers this data center, with the permissions of its roles. It belongs to this data center alone, and can be declared on a clone. " +
			"For a token that the server makes and shows once, use `concord admin token create`.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The token's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the token, as the audit record shows it: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new token."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the token is for, up to 1,024 characters."},
			"roles": schema.SetAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 100), setvalidator.ValueStringsAre(attr.Name())},
				MarkdownDescription: "Names of the `concord_admin_role` whose permissions it has."},
			"expires_at": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Moment()},
				MarkdownDescription: "When the token ends, as RFC 3339, such as `2027-01-31T00:00:00Z`; by default it does not."},
			"token_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
				Validators:          []validator.String{stringvalidator.LengthBetween(32, 512), stringvalidator.AlsoRequires(path.MatchRoot("token_wo_version"))},
				MarkdownDescription: "Text of the token, 32 to 512 characters made at random. It is sent when the token is created, where it is needed, and when `token_wo_version` changes, and is kept nowhere in Terraform."},
			"token_wo_version": schema.Int64Attribute{Optional: true,
				Validators:          []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("token_wo"))},
				MarkdownDescription: "Any number; change it to send `token_wo` again."},
		},
	}
}

type adminTokenModel struct {
	ID           types.String `tfsdk:"id"`
	Name         types.String `tfsdk:"name"`
	Description  types.String `tfsdk:"description"`
	Roles        []string     `tfsdk:"roles"`
	ExpiresAt    types.String `tfsdk:"expires_at"`
	Token        types.String `tfsdk:"token_wo"`
	TokenVersion types.Int64  `tfsdk:"token_wo_version"`
}

func (m *adminTokenModel) key() string                { return m.Name.ValueString() }
func (m *adminTokenModel) ident() *types.String       { return &m.ID }
func (m *adminTokenModel) secretVersion() types.Int64 { return m.TokenVersion }

func (m *adminTokenModel) body(config *adminTokenModel, secrets bool) any {
	t := wire.AdminToken{Name: m.Name.ValueString(), Description: m.Description.ValueString(), Roles: m.Roles}
	if at, err := time.Parse(time.RFC3339, m.ExpiresAt.ValueString()); err == nil {
		t.ExpiresAt = &at
	}
	if secrets {
		t.Token = config.Token.ValueString()
	}
	return t
}

func (m *adminTokenModel) fill(v wire.AdminTokenView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description = keepText(m.Description, v.Description)
	m.Roles = keepSet(m.Roles, v.Roles)
	if was, err := time.Parse(time.RFC3339, m.ExpiresAt.ValueString()); err != nil || v.ExpiresAt == nil || !was.Equal(*v.ExpiresAt) {
		m.ExpiresAt = moment(v.ExpiresAt) // otherwise it keeps its zone
	}
}
