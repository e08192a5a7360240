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
	_ resource.ResourceWithImportState = (*domainResource)(nil)
	_ resource.ResourceWithIdentity    = (*domainResource)(nil)
)

type domainResource struct {
	base[domainModel, wire.SecurityDomainView, *domainModel]
}

func newSecurityDomain() resource.Resource {
	r := &domainResource{}
	r.kind = kind{name: "security_domain", noun: "security domain", path: []string{"v1", "security-domains"}, replicates: true}
	return r
}

// Schema describes the resource.
func (r *domainResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A part of the configuration that administrators of its own may manage. Applications, authentication schemes, authorization policies, identity stores, users, groups, agents and administrators' roles name the domain that they belong to; " +
			"what belongs to a domain may be used within that domain only. Security domains are replicated: declare them on the master, and every data center has the same.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The domain's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the domain: 1 to 128 of letters, digits and `. _ @ + -`. A new name is a new domain."},
			"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
				MarkdownDescription: "What the domain is for, up to 1,024 characters."},
		},
	}
}

type domainModel struct {
	noSecret
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	Description types.String `tfsdk:"description"`
}

func (m *domainModel) key() string          { return m.Name.ValueString() }
func (m *domainModel) ident() *types.String { return &m.ID }

func (m *domainModel) body(*domainModel, bool) any {
	return wire.SecurityDomain{Name: m.Name.ValueString(), Description: m.Description.ValueString()}
}

func (m *domainModel) fill(v wire.SecurityDomainView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description = keepText(m.Description, v.Description)
}
