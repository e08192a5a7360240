package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
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
	r.kind = kind{name: "session_policy", noun: "session policy", path: []string{"v1", "session-policy"}, singleton: true, overridable: true}
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
}

func (m *sessionPolicyModel) key() string          { return "" }
func (m *sessionPolicyModel) ident() *types.String { return &m.ID }

func (m *sessionPolicyModel) body(*sessionPolicyModel, bool) any {
	attempts := int(m.RetrievalMaxAttempts.ValueInt64())
	return wire.SessionPolicy{RetrieveOnDemand: m.RetrieveOnDemand.ValueBoolPointer(), RetrievalMaxAttempts: &attempts,
		RetrievalMaxWait: m.RetrievalMaxWait.ValueString(), ContinueOnSyncFailure: m.ContinueOnSyncFailure.ValueBoolPointer(),
		IdleTimeout: m.IdleTimeout.ValueString(), Lifetime: m.Lifetime.ValueString(), MaxDegradedAge: m.MaxDegradedAge.ValueString(),
		SignInURL: m.SignInURL.ValueString()}
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
}
