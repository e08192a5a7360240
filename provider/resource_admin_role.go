package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
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
	_ resource.ResourceWithImportState = (*adminRoleResource)(nil)
	_ resource.ResourceWithIdentity    = (*adminRoleResource)(nil)
)

type adminRoleResource struct {
	base[adminRoleModel, wire.AdminRoleView, *adminRoleModel]
}

func newAdminRole() resource.Resource {
	r := &adminRoleResource{}
	r.kind = kind{name: "admin_role", noun: "administrators' role", path: []string{"v1", "admin-roles"}, replicates: true}
	return r
}

// Schema describes the resource.
func (r *adminRoleResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	names := func(what string, each ...validator.String) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: what,
			Validators: append([]validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 1000)}, setvalidator.ValueStringsAre(each...))}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What some administrators may do, everywhere or in some security domains only. Whoever has a role has all of its permissions; who has several has those of all. " +
			"Nobody gives, or takes away, what he does not have himself. Roles are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The role's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the role: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new role."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the role is for, up to 1,024 characters."},
			"security_domain": securityDomainAttribute(),
			"permissions": schema.ListNestedAttribute{Required: true, Validators: []validator.List{listvalidator.SizeAtMost(100)},
				MarkdownDescription: "What the role allows.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"actions": schema.SetAttribute{Required: true, ElementType: types.StringType,
						Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf("read", "write", "operate"))},
						MarkdownDescription: "Some of `read`; `write`, which is to create, change and delete, and includes reading; and `operate`, which is what is neither, such as ending a session or promoting."},
					"kinds": schema.SetAttribute{Required: true, ElementType: types.StringType,
						Validators:          []validator.Set{setvalidator.SizeBetween(1, 100), setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 64))},
						MarkdownDescription: "Kinds as the resources are called without `concord_`, such as `user`; areas, such as `session` or `certificate`; or `*` for all of them. An override is permitted by the kind that it lies over."},
					"security_domains": names("Security domains whose objects the permission is for. By default it is for all of them, and for what belongs to none, as most kinds and all areas do.", attr.Name()),
				}}},
			"users":        names("Users of the local identity store who have the role; they sign in with their password.", attr.Name()),
			"groups":       names("Groups whose members have the role.", attr.Name()),
			"certificates": names("Administrators' certificates that have the role: each exactly `spiffe://CLUSTER/admin/NAME`, with the cluster id of the issuing data center in lower case.", stringvalidator.LengthBetween(1, 256)),
		},
	}
}

type adminRoleModel struct {
	noSecret
	ID           types.String      `tfsdk:"id"`
	Name         types.String      `tfsdk:"name"`
	Description  types.String      `tfsdk:"description"`
	Domain       types.String      `tfsdk:"security_domain"`
	Permissions  []permissionModel `tfsdk:"permissions"`
	Users        []string          `tfsdk:"users"`
	Groups       []string          `tfsdk:"groups"`
	Certificates []string          `tfsdk:"certificates"`
}

type permissionModel struct {
	Actions []string `tfsdk:"actions"`
	Kinds   []string `tfsdk:"kinds"`
	Domains []string `tfsdk:"security_domains"`
}

func (m *adminRoleModel) key() string          { return m.Name.ValueString() }
func (m *adminRoleModel) ident() *types.String { return &m.ID }

func (m *adminRoleModel) body(*adminRoleModel, bool) any {
	r := wire.AdminRole{Name: m.Name.ValueString(), Description: m.Description.ValueString(), SecurityDomain: m.Domain.ValueString(),
		Permissions: []wire.Permission{}, Users: m.Users, Groups: m.Groups, Certificates: m.Certificates}
	for _, p := range m.Permissions {
		r.Permissions = append(r.Permissions, wire.Permission{Actions: p.Actions, Kinds: p.Kinds, SecurityDomains: p.Domains})
	}
	return r
}

func (m *adminRoleModel) fill(v wire.AdminRoleView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description = keepText(m.Description, v.Description)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
	m.Users, m.Groups, m.Certificates = keepSet(m.Users, v.Users), keepSet(m.Groups, v.Groups), keepSet(m.Certificates, v.Certificates)
	was := m.Permissions
	m.Permissions = make([]permissionModel, len(v.Permissions))
	for i, p := range v.Permissions {
		var before permissionModel
		if i < len(was) {
			before = was[i]
		}
		m.Permissions[i] = permissionModel{Actions: keepSet(before.Actions, p.Actions), Kinds: keepSet(before.Kinds, p.Kinds), Domains: keepSet(before.Domains, p.SecurityDomains)}
	}
}
