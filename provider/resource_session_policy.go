package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*sessionPolicyResource)(nil)
	_ resource.ResourceWithIdentity       = (*sessionPolicyResource)(nil)
	_ resource.ResourceWithValidateConfig = (*sessionPolicyResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*sessionPolicyResource)(nil)
)

// Defaults that a rule between two attributes needs as well as the schema.
const (
	defaultIdleTimeout = "30m"
	defaultLifetime    = "12h"
	defaultDegradedAge = "15m"
)

type sessionPolicyResource struct {
	base[sessionPolicyModel, wire.SessionPolicyView, *sessionPolicyModel]
}

func newSessionPolicy() resource.Resource {
	r := &sessionPolicyResource{}
	r.kind = kind{name: "session_policy", noun: "session policy", path: []string{"v1", "session-policy"}, replicates: true, singleton: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *sessionPolicyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	span := func(byDefault string, low, high time.Duration, what string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Computed: true, CustomType: attr.DurationType{}, Default: stringdefault.StaticString(byDefault),
			Validators:    []validator.String{attr.DurationBetween(low, high)},
			PlanModifiers: []planmodifier.String{attr.KeepMeaning()}, MarkdownDescription: what + " Default `" + byDefault + "`."}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "How sessions live, and how a data center adopts the session of a user who signed in at another one. There is exactly one, the same in every data center: creating the resource adopts it, destroying it puts the defaults back. It is replicated: declare it on the master.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("Always `default`; also what the policy is imported by."),
			"retrieve_on_demand": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "Whether a session that this data center does not know is fetched from the one that made it. Default `true`."},
			"retrieval_max_attempts": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(2), Validators: []validator.Int64{int64validator.Between(1, 10)},
				MarkdownDescription: "How often that is tried, 1 to 10. Default `2`."},
			"retrieval_max_wait": span("1s", 10*time.Millisecond, 30*time.Second, "Longest time that all attempts together may take, `10ms` to `30s`."),
			"continue_on_sync_failure": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "What happens when the session cannot be fetched: `false`, the default, challenges the user again; `true` goes on with what the cookie proves, for as long as `max_degraded_age`."},
			"idle_timeout":     span(defaultIdleTimeout, time.Second, 24*time.Hour, "How long a session lasts without use, `1s` to `24h`; must be below `lifetime`."),
			"lifetime":         span(defaultLifetime, time.Second, 30*24*time.Hour, "How long a session lasts at most, counted from the sign-in, up to `720h`."),
			"max_degraded_age": span(defaultDegradedAge, time.Second, 24*time.Hour, "How long a session lasts that was made from a cookie alone, until its origin confirms it, `1s` to `24h` and not above `lifetime`."),
			"anchored": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether a session lives in one data center at a time: where a user goes, the session is taken over, and it ends where it was. Needs `retrieve_on_demand`. Default `false`: each data center keeps its own."},
			"reauthenticate": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether users give their password again in each data center that they come to; the sign-on, its end and the one sign-out stay the same. Default `false`."},
			"gito_cookie_domain": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.CookieDomain()},
				MarkdownDescription: "Domain that the agents' hosts and `sign_in_url` have in common, such as `example.com`, for a cookie that says where and when a session was used last. Without it data centers tell one another, every twentieth of `idle_timeout`. At least one agent's host lies under it: where agents are declared in the same configuration, write `depends_on`. Default: no such cookie."},
			"identity_recheck": span("1m", time.Second, 24*time.Hour, "How often the user of a session in use is looked up again, `1s` to `24h`; a change of a user declared here counts at once."),
			"max_sessions_per_user": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(0), Validators: []validator.Int64{int64validator.Between(0, 1000)},
				MarkdownDescription: "How many sign-ons a user may have, counted over all data centers, up to 1000. Default `0`: no limit."},
			"max_sessions_action": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("deny"), Validators: []validator.String{stringvalidator.OneOf("deny", "end_oldest")},
				MarkdownDescription: "At that limit, `deny` (the default) refuses the new sign-in, and `end_oldest` ends the user's oldest sign-on."},
			"max_sessions_when_partitioned": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("local"), Validators: []validator.String{stringvalidator.OneOf("local", "allow", "deny")},
				MarkdownDescription: "While a data center does not answer, `local` (the default) counts what is known here, `allow` ignores the limit, and `deny` refuses sign-ins."},
			"sign_in_url": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Origin()},
				MarkdownDescription: "Origin where people sign in, one for all data centers; by default each data center's own runtime address."},
		},
	}
}

// ValidateConfig refuses spans that the lifetime would never let happen, and warns of a setting that has no effect.
func (r *sessionPolicyResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var idle, life attr.Duration
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("idle_timeout"), &idle)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("lifetime"), &life)...)
	if idle.IsNull() {
		idle = attr.DurationValue(defaultIdleTimeout)
	}
	if life.IsNull() {
		life = attr.DurationValue(defaultLifetime)
	}
	r.warnUnused(ctx, req, resp)
	r.validateAnchored(ctx, req, resp)
	r.validateDomain(ctx, req, resp)
	i, known := idle.Span()
	l, also := life.Span()
	if known && also && i >= l {
		resp.Diagnostics.AddAttributeError(path.Root("idle_timeout"), "Idle time-out is not below the lifetime",
			fmt.Sprintf("idle_timeout (%s) must be below lifetime (%s): otherwise every session ends before it can be idle for so long.", idle.ValueString(), life.ValueString()))
	}
	var degraded attr.Duration
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("max_degraded_age"), &degraded)...)
	if degraded.IsNull() {
		degraded = attr.DurationValue(defaultDegradedAge)
	}
	if d, known := degraded.Span(); known && also && d > l {
		resp.Diagnostics.AddAttributeError(path.Root("max_degraded_age"), "Degraded age is above the lifetime",
			fmt.Sprintf("max_degraded_age (%s, default %s) must not be above lifetime (%s): a session never gets that old.", degraded.ValueString(), defaultDegradedAge, life.ValueString()))
	}
}

// validateAnchored refuses to take over what is not fetched, and warns where idle times rest on the data centers' word alone.
func (r *sessionPolicyResource) validateAnchored(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var anchored, retrieve types.Bool
	var domain types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("anchored"), &anchored)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("retrieve_on_demand"), &retrieve)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("gito_cookie_domain"), &domain)...)
	if !anchored.ValueBool() {
		return
	}
	if !retrieve.IsNull() && !retrieve.IsUnknown() && !retrieve.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("anchored"), "Anchored sessions must be fetched",
			"anchored = true needs retrieve_on_demand = true: who takes a session over without its attributes would end what it cannot replace.")
	}
	if domain.IsNull() {
		resp.Diagnostics.AddAttributeWarning(path.Root("anchored"), "Idle times rest on the data centers' word alone",
			"Without gito_cookie_domain a session that is taken over brings the last access that the former data center knew. Where all hosts have a domain in common, name it, so that the browser itself carries it.")
	}
}

// validateDomain refuses a domain whose cookie the sign-in host would never see.
func (r *sessionPolicyResource) validateDomain(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var domain, signIn types.String
	at := path.Root("gito_cookie_domain")
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &domain)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("sign_in_url"), &signIn)...)
	if d, s := domain.ValueString(), signIn.ValueString(); d != "" && s != "" && !attr.UnderDomain(s, d) {
		resp.Diagnostics.AddAttributeError(at, "The domain does not cover the sign-in host",
			fmt.Sprintf("sign_in_url (%s) does not lie under %q, so the sign-in host would never see the cookie. Name a domain that both have in common.", s, d))
	}
}

// ModifyPlan refuses a policy that contradicts the agents, as they will be after this run.
func (r *sessionPolicyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.Plan.Raw.IsNull() && r.client != nil {
		var m sessionPolicyModel
		resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
		if resp.Diagnostics.HasError() {
			return
		}
		r.fitsAgents(ctx, &m, resp)
	}
	r.base.ModifyPlan(ctx, req, resp)
}

func (r *sessionPolicyResource) fitsAgents(ctx context.Context, m *sessionPolicyModel, resp *resource.ModifyPlanResponse) {
	if m.GitoCookieDomain.IsUnknown() || m.IdleTimeout.IsUnknown() {
		return
	}
	domain := m.GitoCookieDomain.ValueString()
	r.planned.setPolicy(&plannedPolicy{domain, m.IdleTimeout})
	agents, known := r.planned.agentsOf(ctx, r.client)
	if !known || len(agents) == 0 {
		return
	}
	covered := false
	for name, a := range agents {
		for _, host := range a.hosts {
			covered = covered || attr.UnderDomain(host, domain)
		}
		if domain == "" && outlives(a.lifetime, m.IdleTimeout) {
			resp.Diagnostics.AddAttributeError(path.Root("idle_timeout"), "An agent's cookie outlives the idle time-out",
				fmt.Sprintf("cookie_lifetime of the agent %q (%s) is not below idle_timeout (%s), and without gito_cookie_domain a user in use would be idle at the sign-in host before that cookie ends. "+
					"Shorten it; where this configuration does that, let the session policy depend on the agent: depends_on.", name, a.lifetime.ValueString(), m.IdleTimeout.ValueString()))
		}
	}
	if domain != "" && !covered {
		resp.Diagnostics.AddAttributeError(path.Root("gito_cookie_domain"), "No agent's host lies under the domain",
			fmt.Sprintf("No agent has a host under %q, so no browser would ever get the cookie. Where this configuration declares one, let the session policy depend on it: depends_on.", domain))
	}
}

// warnUnused names a setting that another one leaves nothing to decide.
func (r *sessionPolicyResource) warnUnused(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var retrieve, goOn types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("retrieve_on_demand"), &retrieve)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("continue_on_sync_failure"), &goOn)...)
	if goOn.ValueBool() && !retrieve.IsNull() && !retrieve.IsUnknown() && !retrieve.ValueBool() {
		resp.Diagnostics.AddAttributeWarning(path.Root("continue_on_sync_failure"), "This has no effect",
			"With retrieve_on_demand = false nothing is fetched, so no fetch can fail. Remove continue_on_sync_failure, or set retrieve_on_demand = true.")
	}
}

type sessionPolicyModel struct {
	noSecret
	ID                    types.String  `tfsdk:"id"`
	RetrieveOnDemand      types.Bool    `tfsdk:"retrieve_on_demand"`
	RetrievalMaxAttempts  types.Int64   `tfsdk:"retrieval_max_attempts"`
	RetrievalMaxWait      attr.Duration `tfsdk:"retrieval_max_wait"`
	ContinueOnSyncFailure types.Bool    `tfsdk:"continue_on_sync_failure"`
	IdleTimeout           attr.Duration `tfsdk:"idle_timeout"`
	Lifetime              attr.Duration `tfsdk:"lifetime"`
	MaxDegradedAge        attr.Duration `tfsdk:"max_degraded_age"`
	SignInURL             types.String  `tfsdk:"sign_in_url"`
	Anchored              types.Bool    `tfsdk:"anchored"`
	Reauthenticate        types.Bool    `tfsdk:"reauthenticate"`
	GitoCookieDomain      types.String  `tfsdk:"gito_cookie_domain"`
	IdentityRecheck       attr.Duration `tfsdk:"identity_recheck"`
	MaxSessionsPerUser    types.Int64   `tfsdk:"max_sessions_per_user"`
	MaxSessionsAction     types.String  `tfsdk:"max_sessions_action"`
	MaxSessionsPartition  types.String  `tfsdk:"max_sessions_when_partitioned"`
}

func (m *sessionPolicyModel) key() string          { return "" }
func (m *sessionPolicyModel) ident() *types.String { return &m.ID }

func (m *sessionPolicyModel) body(*sessionPolicyModel, bool) any {
	attempts, sessions := int(m.RetrievalMaxAttempts.ValueInt64()), int(m.MaxSessionsPerUser.ValueInt64())
	return wire.SessionPolicy{RetrieveOnDemand: m.RetrieveOnDemand.ValueBoolPointer(), RetrievalMaxAttempts: &attempts,
		RetrievalMaxWait: m.RetrievalMaxWait.ValueString(), ContinueOnSyncFailure: m.ContinueOnSyncFailure.ValueBoolPointer(),
		IdleTimeout: m.IdleTimeout.ValueString(), Lifetime: m.Lifetime.ValueString(), MaxDegradedAge: m.MaxDegradedAge.ValueString(),
		SignInURL: m.SignInURL.ValueString(), Anchored: m.Anchored.ValueBoolPointer(), Reauthenticate: m.Reauthenticate.ValueBoolPointer(),
		GitoCookieDomain: m.GitoCookieDomain.ValueString(), IdentityRecheck: m.IdentityRecheck.ValueString(), MaxSessionsPerUser: &sessions,
		MaxSessionsAction: m.MaxSessionsAction.ValueString(), MaxSessionsWhenPartitioned: m.MaxSessionsPartition.ValueString()}
}

func (m *sessionPolicyModel) fill(v wire.SessionPolicyView) {
	m.ID = keepName(m.ID, v.ID)
	m.RetrieveOnDemand = orFalse(v.RetrieveOnDemand)
	if v.RetrievalMaxAttempts != nil {
		m.RetrievalMaxAttempts = types.Int64Value(int64(*v.RetrievalMaxAttempts))
	}
	m.RetrievalMaxWait = attr.DurationValue(v.RetrievalMaxWait)
	m.ContinueOnSyncFailure = orFalse(v.ContinueOnSyncFailure)
	m.IdleTimeout = attr.DurationValue(v.IdleTimeout)
	m.Lifetime = attr.DurationValue(v.Lifetime)
	m.MaxDegradedAge = attr.DurationValue(v.MaxDegradedAge)
	m.SignInURL = keepText(m.SignInURL, v.SignInURL)
	m.Anchored, m.Reauthenticate = orFalse(v.Anchored), orFalse(v.Reauthenticate)
	m.GitoCookieDomain = keepText(m.GitoCookieDomain, v.GitoCookieDomain)
	m.IdentityRecheck = attr.DurationValue(v.IdentityRecheck)
	if v.MaxSessionsPerUser != nil {
		m.MaxSessionsPerUser = types.Int64Value(int64(*v.MaxSessionsPerUser))
	}
	m.MaxSessionsAction, m.MaxSessionsPartition = types.StringValue(v.MaxSessionsAction), types.StringValue(v.MaxSessionsWhenPartitioned)
}
