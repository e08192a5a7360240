package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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
	_ resource.ResourceWithImportState = (*settingResource)(nil)
	_ resource.ResourceWithIdentity    = (*settingResource)(nil)
)

// maxSetting is the longest value of a setting in bytes, as the server has it.
const maxSetting = 64 << 10

type settingResource struct {
	base[settingModel, wire.SettingView, *settingModel]
}

func newSetting() resource.Resource {
	r := &settingResource{}
	r.kind = kind{name: "setting", noun: "setting", path: []string{"v1", "settings"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *settingResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A named text that is the same in every data center, unless a `concord_override` says otherwise for one of them. Concord keeps it for the programs around it and gives it no meaning. Settings are replicated: declare them on the master. A setting is no place for a secret: every administrator can read it, and so can who reads the state.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The setting's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the setting: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new setting."},
			"value": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthAtMost(maxSetting)},
				MarkdownDescription: "The text, up to 64 KiB, kept to the byte. Write `jsonencode({…})` where it shall have structure."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the setting is for, up to 1,024 characters."},
		},
	}
}

type settingModel struct {
	noSecret
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Value       types.String `tfsdk:"value"`
	Description types.String `tfsdk:"description"`
}

func (m *settingModel) key() string          { return m.Name.ValueString() }
func (m *settingModel) ident() *types.String { return &m.ID }

func (m *settingModel) body(*settingModel, bool) any {
	return wire.Setting{Name: m.Name.ValueString(), Value: m.Value.ValueString(), Description: m.Description.ValueString()}
}

func (m *settingModel) fill(v wire.SettingView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name, m.Value = types.StringValue(v.Name), types.StringValue(v.Value)
	m.Description = keepText(m.Description, v.Description)
}
