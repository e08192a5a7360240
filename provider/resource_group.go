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
	_ resource.ResourceWithImportState = (*groupResource)(nil)
	_ resource.ResourceWithIdentity    = (*groupResource)(nil)
)

type groupResource struct {
	base[groupModel, wire.GroupView, *groupModel]
}

func newGroup() resource.Resource {
	r := &groupResource{}
	r.kind = kind{name: "group", noun: "group", path: []string{"v1", "groups"}, replicates: true}
	return r
}

// Schema describes the resource.
func (r *groupResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A group of users. Who belongs to it is said by each `concord_user`, and nowhere else. Groups are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The group's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the group: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new group."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the group is for, up to 1,024 characters."},
			"security_domain": securityDomainAttribute(),
		},
	}
}

type groupModel struct {
	noSecret
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	groupEntry
}

// groupEntry is what a collection says of a group.
type groupEntry struct {
	Description types.String `tfsdk:"description"`
	Domain      types.String `tfsdk:"security_domain"`
}

func (m *groupModel) key() string           { return m.Name.ValueString() }
func (m *groupModel) ident() *types.String  { return &m.ID }
func (m *groupModel) called() *types.String { return &m.Name }
func (m *groupModel) entry() *groupEntry    { return &m.groupEntry }

func (m *groupModel) body(*groupModel, bool) any {
	return wire.Group{Name: m.Name.ValueString(), Description: m.Description.ValueString(), SecurityDomain: m.Domain.ValueString()}
}

func (m *groupModel) fill(v wire.GroupView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description = keepText(m.Description, v.Description)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
}
