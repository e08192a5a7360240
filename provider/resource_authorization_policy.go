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
	_ resource.ResourceWithImportState = (*policyResource)(nil)
	_ resource.ResourceWithIdentity    = (*policyResource)(nil)
)

type policyResource struct {
	base[policyModel, wire.AuthorizationPolicyView, *policyModel]
}

func newAuthorizationPolicy() resource.Resource {
	r := &policyResource{}
	r.kind = kind{name: "authorization_policy", noun: "authorization policy", path: []string{"v1", "authorization-policies"}, overridable: true}
	return r
}

// Schema describes the resource.
func (r *policyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	names := func(what string) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: what,
			Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeAtMost(1000), setvalidator.ValueStringsAre(attr.Name())}}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Who may use a resource of an application. A deny that fits wins over every allow; where no rule fits, the answer is deny. Authorization policies are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The policy's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the policy. A new name is a new policy."},
			"security_domain": securityDomainAttribute(),
			"rules": schema.ListNestedAttribute{Required: true,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeAtMost(1000)},
				MarkdownDescription: "Rules, in order, up to 1,000. An empty list denies everyone.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"effect": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("allow", "deny")},
						MarkdownDescription: "What the rule says to whom it fits: `allow` or `deny`."},
					"users":  names("Users it fits. A user named here need not exist yet. A rule that names neither users nor groups fits every signed-in user."),
					"groups": names("Groups whose members it fits; they must exist."),
				}}},
		},
	}
}

type policyModel struct {
	noSecret
	ID     types.String `tfsdk:"id"`
	Name   types.String `tfsdk:"name"`
	Rules  []ruleModel  `tfsdk:"rules"`
	Domain types.String `tfsdk:"security_domain"`
}

type ruleModel struct {
	Effect types.String `tfsdk:"effect"`
	Users  []string     `tfsdk:"users"`
	Groups []string     `tfsdk:"groups"`
}

func (m *policyModel) key() string          { return m.Name.ValueString() }
func (m *policyModel) ident() *types.String { return &m.ID }

func (m *policyModel) body(*policyModel, bool) any {
	p := wire.AuthorizationPolicy{Name: m.Name.ValueString(), Rules: []wire.Rule{}, SecurityDomain: m.Domain.ValueString()}
	for _, r := range m.Rules {
		p.Rules = append(p.Rules, wire.Rule{Effect: r.Effect.ValueString(), Users: r.Users, Groups: r.Groups})
	}
	return p
}

func (m *policyModel) fill(v wire.AuthorizationPolicyView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	now := []ruleModel{}
	for i, r := range v.Rules {
		var was ruleModel
		if i < len(m.Rules) {
			was = m.Rules[i]
		}
		now = append(now, ruleModel{Effect: types.StringValue(r.Effect), Users: keepSet(was.Users, r.Users), Groups: keepSet(was.Groups, r.Groups)})
	}
	m.Rules = now
	m.Domain = keepText(m.Domain, v.SecurityDomain)
}
