package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
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
	_ resource.ResourceWithImportState = (*agentResource)(nil)
	_ resource.ResourceWithIdentity    = (*agentResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*agentResource)(nil)
)

type agentResource struct {
	base[agentModel, wire.AgentView, *agentModel]
}

func newAgent() resource.Resource {
	r := &agentResource{}
	r.kind = kind{name: "agent", noun: "agent", path: []string{"v1", "agents"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *agentResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An agent: what asks Concord, on behalf of web servers, whether a request may pass. The same registration holds in every data center. Agents are replicated: declare them on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The agent's name; also what it is imported by."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.AgentName()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the agent, with which it signs in: 1 to 64 letters, digits and `-`. A new name is a new agent."},
			"hosts": schema.SetAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 100), setvalidator.ValueStringsAre(attr.Origin())},
				MarkdownDescription: "Origins that the agent stands before, each exactly `scheme://host` or `scheme://host:port` in lower case. Browsers are sent back to these only."},
			"start_page": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(2048)},
				MarkdownDescription: "Address on one of `hosts` where a person goes who signed in without having asked for a page."},
			"cookie_lifetime": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(0, 30*24*time.Hour)},
				PlanModifiers:       []planmodifier.String{attr.KeepMeaning()},
				MarkdownDescription: "How long the agent's cookie lasts before it is renewed, up to `720h`; by default half the session policy's `idle_timeout`."},
			"certificate_identities": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeBetween(1, 64), setvalidator.ValueStringsAre(attr.AgentIdentity())},
				MarkdownDescription: "Certificates that may ask as this agent, instead of its secret: each exactly `spiffe://CLUSTER/agent/NAME`, with the issuing data center's cluster id in lower case and this agent's name. One that is listed is accepted in every data center that trusts the issuing one; one that is taken off is refused at its next request."},
			"security_domain": securityDomainAttribute(),
			"primary": schema.ListAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 64), listvalidator.ValueStringsAre(attr.AgentServer(false))},
				MarkdownDescription: "Concord servers of the agent's own data center that its gates ask, in order: each `NODE=https://host:port`, with the `node_name` that its answers carry and its runtime listener. Gates take the list over without a restart; without it the servers of their own files count. Where data centers differ, use `concord_override`."},
			"secondary": schema.ListAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 63), listvalidator.ValueStringsAre(attr.AgentServer(true)), listvalidator.AlsoRequires(path.MatchRoot("primary"))},
				MarkdownDescription: "Servers of other data centers, in order, asked while no primary one answers: each `NODE=https://host:port`, or `CLUSTER/NODE=https://host:port` where the answer has to come from that data center."},
			"backchannel_logout_url": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(2048), attr.CallURL()},
				MarkdownDescription: "Address that is told when a sign-on ends that used the agent: a signed logout token in the form of OpenID Connect Back-Channel Logout. Of a gate it is `https://HOST/.concord/backchannel-logout`. `https`, without user name and password; `http` on loopback only. The data centers connect only where `outbound` of their nodes' files allows."},
			"cache_lifetime": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(0, 20*time.Second)},
				PlanModifiers:       []planmodifier.String{attr.KeepMeaning()},
				MarkdownDescription: "For how long a gate may answer the same request with the same cookies again without asking, in whole seconds up to `20s`; by default it asks each time. A sign-out counts at once where `backchannel_logout_url` is the gate's, otherwise after this time at the latest, as a change of a policy or of a user does."},
			"secret_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
				Validators:          []validator.String{stringvalidator.LengthBetween(16, 1024), stringvalidator.AlsoRequires(path.MatchRoot("secret_wo_version"))},
				MarkdownDescription: "Secret with which the agent signs in, 16 to 1,024 characters. It is sent when the agent is created and when `secret_wo_version` changes, and is kept nowhere in Terraform."},
			"secret_wo_version": schema.Int64Attribute{Optional: true,
				Validators:          []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("secret_wo"))},
				MarkdownDescription: "Any number; change it to send `secret_wo` again."},
		},
	}
}

// ModifyPlan refuses a cookie that outlives the idle time-out, where no common domain carries the last access.
func (r *agentResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.client != nil {
		r.plan(ctx, req, resp)
	}
	r.base.ModifyPlan(ctx, req, resp)
}

func (r *agentResource) plan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var name types.String
	if req.Plan.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &name)...)
		r.planned.setAgent(name.ValueString(), nil)
		return
	}
	var hosts types.Set
	var lifetime attr.Duration
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("hosts"), &hosts)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("cookie_lifetime"), &lifetime)...)
	if resp.Diagnostics.HasError() || name.IsUnknown() {
		return
	}
	a := &plannedAgent{lifetime: lifetime}
	for _, h := range hosts.Elements() {
		if s, ok := h.(types.String); ok {
			a.hosts = append(a.hosts, s.ValueString())
		}
	}
	r.planned.setAgent(name.ValueString(), a)
	if lifetime.IsNull() || lifetime.IsUnknown() {
		return
	}
	if p, known := r.planned.policyOf(ctx, r.client); known && p.domain == "" && outlives(lifetime, p.idle) {
		resp.Diagnostics.AddAttributeError(path.Root("cookie_lifetime"), "The agent's cookie outlives the idle time-out",
			fmt.Sprintf("cookie_lifetime (%s) is not below the session policy's idle_timeout (%s), and without gito_cookie_domain a user in use would be idle at the sign-in host before this cookie ends. "+
				"Shorten it, or leave it out for half of idle_timeout; where this configuration raises idle_timeout, let the agent depend on the session policy: depends_on.", lifetime.ValueString(), p.idle.ValueString()))
	}
}

type agentModel struct {
	ID             types.String  `tfsdk:"id"`
	Name           types.String  `tfsdk:"name"`
	Hosts          []string      `tfsdk:"hosts"`
	StartPage      types.String  `tfsdk:"start_page"`
	CookieLifetime attr.Duration `tfsdk:"cookie_lifetime"`
	Identities     []string      `tfsdk:"certificate_identities"`
	Domain         types.String  `tfsdk:"security_domain"`
	Primary        []string      `tfsdk:"primary"`
	Secondary      []string      `tfsdk:"secondary"`
	LogoutURL      types.String  `tfsdk:"backchannel_logout_url"`
	CacheLifetime  attr.Duration `tfsdk:"cache_lifetime"`
	Secret         types.String  `tfsdk:"secret_wo"`
	SecretVersion  types.Int64   `tfsdk:"secret_wo_version"`
}

func (m *agentModel) key() string                { return m.Name.ValueString() }
func (m *agentModel) ident() *types.String       { return &m.ID }
func (m *agentModel) secretVersion() types.Int64 { return m.SecretVersion }

func (m *agentModel) body(config *agentModel, secrets bool) any {
	a := wire.Agent{Name: m.Name.ValueString(), Hosts: m.Hosts, StartPage: m.StartPage.ValueString(), CookieLifetime: m.CookieLifetime.ValueString(),
		CertificateIdentities: m.Identities, SecurityDomain: m.Domain.ValueString(), Primary: m.Primary, Secondary: m.Secondary, BackchannelLogoutURL: m.LogoutURL.ValueString(), CacheLifetime: m.CacheLifetime.ValueString()}
	if secrets {
		a.Secret = config.Secret.ValueString()
	}
	return a
}

func (m *agentModel) fill(v wire.AgentView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Hosts = keepSet(m.Hosts, v.Hosts)
	m.Identities = keepSet(m.Identities, v.CertificateIdentities)
	m.Domain = keepText(m.Domain, v.SecurityDomain)
	m.StartPage = keepText(m.StartPage, v.StartPage)
	m.CookieLifetime = keepSpan(m.CookieLifetime, v.CookieLifetime)
	m.Primary, m.Secondary = keepSet(m.Primary, v.Primary), keepSet(m.Secondary, v.Secondary)
	m.LogoutURL = keepText(m.LogoutURL, v.BackchannelLogoutURL)
	m.CacheLifetime = keepSpan(m.CacheLifetime, v.CacheLifetime)
}
