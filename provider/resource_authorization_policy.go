package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/schedule"
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
	r.kind = kind{name: "authorization_policy", noun: "authorization policy", path: []string{"v1", "authorization-policies"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *policyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Who may use a resource of an application, and what the application is told. A deny that fits wins over every allow; where no rule fits, the answer is deny. `concord policy test` shows what somebody would get, and why. Authorization policies are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The policy's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the policy. A new name is a new policy."},
			"security_domain": securityDomainAttribute(),
			"rules": schema.ListNestedAttribute{Required: true,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeAtMost(1000)},
				MarkdownDescription: "Rules, in order, up to 1,000. A rule fits where all that it says fits; one that says nothing but its effect fits every signed-in user. The order decides which of several rules that fit is named as the reason. An empty list denies everyone.",
				NestedObject:        schema.NestedAttributeObject{Attributes: ruleAttributes()}},
			"responses": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "What the application is told when the policy allows.",
				Attributes: map[string]schema.Attribute{
					"headers": schema.MapAttribute{Required: true, ElementType: types.StringType,
						Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.SizeBetween(1, 32), mapvalidator.KeysAre(attr.HeaderName()), mapvalidator.ValueStringsAre(attr.HeaderValue())},
						MarkdownDescription: "Headers by name, each with a CEL expression over the variables of `condition` for its value: text, a whole number, true or false, or a list of texts. A value that cannot be computed is empty. A browser cannot send these headers to any host of an application that uses the policy. Headers that steer the connection, cookies, `Authorization`, `X-Concord-*` and `X-Forwarded-*` are refused."},
				}},
		},
	}
}

func ruleAttributes() map[string]schema.Attribute {
	set := func(what string, limit int, is validator.String) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: what,
			Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeAtMost(limit), setvalidator.ValueStringsAre(is)}}
	}
	text := func(what string, is validator.String) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: what, Validators: []validator.String{is}}
	}
	zone := text("Time zone of `from`, `to` and `days`, by its name in the IANA database, such as `Europe/Berlin` or `UTC`. What a clock there shows counts, also when summer time begins and ends.", attr.TimeZone())
	zone.Optional, zone.Required = false, true
	return map[string]schema.Attribute{
		"effect": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("allow", "deny")},
			MarkdownDescription: "What the rule says to whom it fits: `allow` or `deny`."},
		"users":    set("Users it fits. A user named here need not exist yet. A rule fits a user who is named or is in one of the groups.", 1000, attr.Name()),
		"groups":   set("Groups whose members it fits; they must exist.", 1000, attr.Name()),
		"networks": set("Networks of the client, such as `10.0.0.0/8` or `2001:db8::/32`, of which one has to fit. An address that is not known fits a `deny` and no `allow`.", 100, attr.Network()),
		"times": schema.ListNestedAttribute{Optional: true, Validators: []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 20)},
			MarkdownDescription: "Windows of time, of which one has to fit.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"days":      set("Days on which the window begins: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`; by default all.", 7, stringvalidator.OneOf(schedule.Days()...)),
				"from":      text("Beginning, `HH:MM`; by default that of the day.", attr.Clock()),
				"to":        text("End, `HH:MM`, which is no more inside; by default that of the day. One that is not later than `from` is on the next day.", attr.Clock()),
				"time_zone": zone,
			}}},
		"condition": text("CEL expression that has to be true. Variables: `user`, `groups`, `attributes`, `level`, `identity_store`, `authenticated_at`, `client_address`, `method`, `scheme`, `host`, `path`, `now`. It is compiled at plan. An evaluation that ends in an error or costs too much counts for a `deny` and not for an `allow`.", attr.Condition()),
	}
}

type policyModel struct {
	noSecret
	ID        types.String    `tfsdk:"id"`
	Name      types.String    `tfsdk:"name"`
	Rules     []ruleModel     `tfsdk:"rules"`
	Responses *responsesModel `tfsdk:"responses"`
	Domain    types.String    `tfsdk:"security_domain"`
}

type ruleModel struct {
	Effect    types.String  `tfsdk:"effect"`
	Users     []string      `tfsdk:"users"`
	Groups    []string      `tfsdk:"groups"`
	Networks  []string      `tfsdk:"networks"`
	Times     []windowModel `tfsdk:"times"`
	Condition types.String  `tfsdk:"condition"`
}

type windowModel struct {
	Days     []string     `tfsdk:"days"`
	From     types.String `tfsdk:"from"`
	To       types.String `tfsdk:"to"`
	TimeZone types.String `tfsdk:"time_zone"`
}

type responsesModel struct {
	Headers map[string]string `tfsdk:"headers"`
}

func (m *policyModel) key() string          { return m.Name.ValueString() }
func (m *policyModel) ident() *types.String { return &m.ID }

func (m *policyModel) body(*policyModel, bool) any {
	p := wire.AuthorizationPolicy{Name: m.Name.ValueString(), Rules: []wire.Rule{}, SecurityDomain: m.Domain.ValueString()}
	for _, r := range m.Rules {
		rule := wire.Rule{Effect: r.Effect.ValueString(), Users: r.Users, Groups: r.Groups, Networks: r.Networks, Condition: r.Condition.ValueString()}
		for _, w := range r.Times {
			rule.Times = append(rule.Times, wire.TimeWindow{Days: w.Days, From: w.From.ValueString(), To: w.To.ValueString(), TimeZone: w.TimeZone.ValueString()})
		}
		p.Rules = append(p.Rules, rule)
	}
	if m.Responses != nil {
		p.Responses = &wire.Responses{Headers: m.Responses.Headers}
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
		now = append(now, was.filled(r))
	}
	m.Rules = now
	m.Responses = nil
	if v.Responses != nil {
		m.Responses = &responsesModel{Headers: v.Responses.Headers}
	}
	m.Domain = keepText(m.Domain, v.SecurityDomain)
}

// filled is the rule as the server has it, in the spelling of r.
func (r *ruleModel) filled(v wire.Rule) ruleModel {
	out := ruleModel{Effect: types.StringValue(v.Effect), Users: keepSet(r.Users, v.Users), Groups: keepSet(r.Groups, v.Groups), Networks: keepSet(r.Networks, v.Networks), Condition: keepText(r.Condition, v.Condition)}
	for i, w := range v.Times {
		var was windowModel
		if i < len(r.Times) {
			was = r.Times[i]
		}
		out.Times = append(out.Times, windowModel{Days: keepSet(was.Days, w.Days), From: keepText(was.From, w.From), To: keepText(was.To, w.To), TimeZone: types.StringValue(w.TimeZone)})
	}
	return out
}
