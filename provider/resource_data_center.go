package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*dataCenterResource)(nil)
	_ resource.ResourceWithIdentity       = (*dataCenterResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*dataCenterResource)(nil)
	_ resource.ResourceWithValidateConfig = (*dataCenterResource)(nil)
)

// Roles of a data center.
const (
	standalone = "standalone"
	master     = "master"
	clone      = "clone"
)

// Who must have a change.
const (
	writeLocal    = "local"
	writeMajority = "majority"
)

type dataCenterResource struct {
	base[dataCenterModel, wire.DataCenterView, *dataCenterModel]
}

func newDataCenter() resource.Resource {
	r := &dataCenterResource{}
	r.kind = kind{name: "data_center", noun: "data center", path: []string{"v1", "data-center"}, singleton: true, protects: true,
		judged: rehearsal{around: true, codes: []string{"role_change", "open_not_allowed"}}}
	return r
}

// Schema describes the resource.
func (r *dataCenterResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	steady := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The data center that the provider's endpoint is. It always exists: creating the resource adopts it, destroying it makes it `standalone` again. Use one provider alias for each data center.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The cluster id; also what the data center is imported by."),
			"cluster_id": schema.StringAttribute{Required: true, Validators: []validator.String{attr.ClusterID()}, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Cluster id from the server's configuration file. It must be the one of the data center that answers, so that a wrong endpoint is noticed."},
			"display_name": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(256)},
				MarkdownDescription: "Name to show to people, up to 256 characters."},
			"role": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString(standalone), Validators: []validator.String{stringvalidator.OneOf(standalone, master, clone)},
				MarkdownDescription: "`standalone`: alone, or not yet linked (the default). `master`: the one whose configuration is copied. `clone`: follows a master and refuses changes of replicated objects. A master cannot become a clone, nor a clone a master, by changing this attribute."},
			"write_enabled": schema.BoolAttribute{Optional: true, Computed: true,
				MarkdownDescription: "Whether administrators may change replicated objects here; by default `true`, but on a clone `false`. What is changed on a clone that is open stays there, differs from the master until it is discarded or the master has the same, and is reported in the replication status. Only a clone can be closed."},
			"security_mode": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("cert"), Validators: []validator.String{securityModes()},
				MarkdownDescription: "How partners prove themselves at this data center's peer listener; the same in every data center of a topology. `cert`, the default: by certificates that lead to a declared root. `simple`: the same, with roots that the data centers exchange by themselves under a shared passphrase. `open`: by the passphrase with each message, without TLS, so that everybody on the way can read it; refused unless the server's file says `allow_open = true`. A change takes effect at once."},
			"lock_timeout": schema.StringAttribute{Optional: true, Computed: true, CustomType: attr.DurationType{}, Default: stringdefault.StaticString("3m"),
				Validators:    []validator.String{attr.DurationBetween(time.Second, 24*time.Hour)},
				PlanModifiers: []planmodifier.String{attr.KeepMeaning()}, MarkdownDescription: "How long an administrator's lock on an object lasts that says nothing else, `1s` to `24h`. Default `3m`."},
			"write_requires": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString(writeLocal), Validators: []validator.String{stringvalidator.OneOf(writeLocal, writeMajority)},
				MarkdownDescription: "Who must have a change of replicated configuration before this data center, as the master, acknowledges it. `local`, the default: this one alone. `majority`: more than half of the data centers of the topology, so that two masters never both acknowledge, whatever was promoted by force. With two data centers both are needed then: while one is down the configuration cannot be changed (sign-ins go on). Declare it alike in every data center."},
			"session_capacity": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(0), Validators: []validator.Int64{int64validator.Between(0, 1_000_000_000)},
				MarkdownDescription: "How many sessions this data center holds at most, on all of its nodes together. When it is full, sign-ins are refused and sessions of other data centers are not adopted. Default `0`: no limit."},
			"availability": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("active"), Validators: []validator.String{stringvalidator.OneOf("active", "hot_standby", "passive")},
				MarkdownDescription: "Whether load balancers should send users here, which `/v1/health` of the runtime listener tells them. `active`, the default: yes. `hot_standby`: while no active data center has been ready for ten seconds. `passive`: not until an administrator declares it active. Who comes all the same is served."},
			protection: protectionAttribute(),
			"state": schema.StringAttribute{Computed: true,
				MarkdownDescription: "`active`: serves, and is in no agreement. `bootstrapping`: takes its first copy. `replication_ready`: in an agreement, and in step."},
			"epoch":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Counts masterships: it grows when another data center becomes the master."},
			"last_sequence": schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that this data center has."},
			"peer_url":      schema.StringAttribute{Computed: true, PlanModifiers: steady, MarkdownDescription: "Address of the peer listener, `https://host:port`, where partners come in."},
			"runtime_url":   schema.StringAttribute{Computed: true, PlanModifiers: steady, MarkdownDescription: "Address of the runtime listener, `https://host:port`, where people sign in and agents ask."},
			"version":       schema.StringAttribute{Computed: true, MarkdownDescription: "Version of the server that answered."},
		},
	}
}

// ValidateConfig refuses a write protection that does not fit the role.
func (r *dataCenterResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var role types.String
	var open types.Bool
	at := path.Root("write_enabled")
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("role"), &role)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &open)...)
	if role.IsUnknown() || open.IsNull() || open.IsUnknown() {
		return
	}
	switch isClone := role.ValueString() == clone; {
	case isClone && open.ValueBool():
		resp.Diagnostics.AddAttributeWarning(at, "A clone that can differ from its master", "What is changed on this clone stays on it and is reported as divergence; a promotion of it is refused while there is any. Change the master instead where that is possible.")
	case !isClone && !open.ValueBool():
		resp.Diagnostics.AddAttributeError(at, "Only a clone can be closed to writes", "Leave write_enabled out, or give the data center the role clone.")
	}
}

// ModifyPlan refuses to destroy what is protected and what only a promotion may do, and works out write_enabled.
func (r *dataCenterResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.base.ModifyPlan(ctx, req, resp)
		return
	}
	var was, will types.String
	var open types.Bool
	r.sameDataCenter(ctx, req, &resp.Diagnostics)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("role"), &will)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("write_enabled"), &open)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("role"), &was)...)
	}
	if resp.Diagnostics.HasError() || will.IsUnknown() {
		return
	}
	if r.planned != nil {
		r.planned.becomes(will.ValueString())
	}
	r.peerURL(ctx, req, resp)
	if open.IsNull() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("write_enabled"), will.ValueString() != clone)...)
	}
	if old, role := was.ValueString(), will.ValueString(); old == master && role == clone || old == clone && role == master {
		resp.Diagnostics.AddAttributeError(path.Root("role"), fmt.Sprintf("A %s does not become a %s by declaration", old, role),
			fmt.Sprintf("The data center is the %s now, and the configuration says %s. Where that is the outcome of a promotion, write role = %q here, so that this plan does not undo it. "+
				"To change it on purpose promote the clone that shall be master: concord promote, or POST /v1/data-center/promote. Only then write the new roles, and swap source and target of the agreement, which keeps its identifier.", old, role, old))
	}
	r.base.ModifyPlan(ctx, req, resp)
}

// peerURL is another one after the mode of the peer listener changes to open or from it.
func (r *dataCenterResource) peerURL(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var was, will types.String
	if req.State.Raw.IsNull() {
		return
	}
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("security_mode"), &was)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("security_mode"), &will)...)
	if !was.Equal(will) {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("peer_url"), types.StringUnknown())...)
	}
}

// sameDataCenter refuses another cluster id. A replacement would put the present data center back to standalone, and then
// fail at the endpoint, which still is the same one.
func (r *dataCenterResource) sameDataCenter(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	if req.State.Raw.IsNull() {
		return
	}
	var was, will types.String
	at := path.Root("cluster_id")
	diags.Append(req.State.GetAttribute(ctx, at, &was)...)
	diags.Append(req.Plan.GetAttribute(ctx, at, &will)...)
	if !will.IsUnknown() && !will.Equal(was) {
		diags.AddAttributeError(at, "This is another data center",
			fmt.Sprintf("The endpoint of this resource's provider is the data center %q, and the configuration says %q. Use the provider alias of %s, or write cluster_id = %q.", was.ValueString(), will.ValueString(), will.ValueString(), was.ValueString()))
	}
}

type dataCenterModel struct {
	noSecret
	ID            types.String  `tfsdk:"id"`
	ClusterID     types.String  `tfsdk:"cluster_id"`
	DisplayName   types.String  `tfsdk:"display_name"`
	Role          types.String  `tfsdk:"role"`
	WriteEnabled  types.Bool    `tfsdk:"write_enabled"`
	SecurityMode  types.String  `tfsdk:"security_mode"`
	LockTimeout   attr.Duration `tfsdk:"lock_timeout"`
	WriteRequires types.String  `tfsdk:"write_requires"`
	Capacity      types.Int64   `tfsdk:"session_capacity"`
	Availability  types.String  `tfsdk:"availability"`
	Protection    types.Bool    `tfsdk:"deletion_protection"`
	State         types.String  `tfsdk:"state"`
	Epoch         types.Int64   `tfsdk:"epoch"`
	LastSequence  types.Int64   `tfsdk:"last_sequence"`
	PeerURL       types.String  `tfsdk:"peer_url"`
	RuntimeURL    types.String  `tfsdk:"runtime_url"`
	Version       types.String  `tfsdk:"version"`
}

func (m *dataCenterModel) key() string          { return m.ClusterID.ValueString() }
func (m *dataCenterModel) ident() *types.String { return &m.ID }

// body says write_enabled only where it was written: a later promotion decides it anew otherwise.
func (m *dataCenterModel) body(config *dataCenterModel, _ bool) any {
	capacity := int(m.Capacity.ValueInt64())
	return wire.DataCenter{SessionCapacity: &capacity, ClusterID: m.ClusterID.ValueString(), DisplayName: m.DisplayName.ValueString(), Role: m.Role.ValueString(),
		WriteEnabled: config.WriteEnabled.ValueBoolPointer(), SecurityMode: m.SecurityMode.ValueString(), LockTimeout: m.LockTimeout.ValueString(), WriteRequires: m.WriteRequires.ValueString(),
		Availability: m.Availability.ValueString()}
}

func (m *dataCenterModel) fill(v wire.DataCenterView) {
	m.ID = keepName(m.ID, v.ID)
	m.ClusterID = keepName(m.ClusterID, v.ClusterID)
	m.DisplayName = keepText(m.DisplayName, v.DisplayName)
	m.Role, m.SecurityMode = types.StringValue(v.Role), types.StringValue(v.SecurityMode)
	m.WriteEnabled = orFalse(v.WriteEnabled)
	m.LockTimeout, m.WriteRequires = attr.DurationValue(v.LockTimeout), types.StringValue(v.WriteRequires)
	m.Capacity = types.Int64Value(0)
	if v.SessionCapacity != nil {
		m.Capacity = types.Int64Value(int64(*v.SessionCapacity))
	}
	m.Availability = types.StringValue(v.Availability)
	m.Protection = keepProtection(m.Protection)
	m.State = types.StringValue(v.State)
	m.Epoch, m.LastSequence = number(v.Epoch), number(v.LastSequence)
	m.PeerURL, m.RuntimeURL = types.StringValue(v.PeerURL), types.StringValue(v.RuntimeURL)
	m.Version = types.StringValue(v.Version)
}

func number(n uint64) types.Int64 { return types.Int64Value(int64(n)) } // sequences stay far below 2^63
