package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*agreementResource)(nil)
	_ resource.ResourceWithIdentity       = (*agreementResource)(nil)
	_ resource.ResourceWithValidateConfig = (*agreementResource)(nil)
)

type agreementResource struct {
	base[agreementModel, wire.AgreementView, *agreementModel]
}

func newAgreement() resource.Resource {
	r := &agreementResource{}
	r.kind = kind{name: "replication_agreement", noun: "replication agreement", path: []string{"v1", "replication", "agreements"}, numbered: true, protects: true,
		judged: rehearsal{codes: []string{"wrong_data_center", "second_master", "already_following", "clone_not_empty"}, closed: []string{"not_master"}},
		asked:  map[string]string{"type": "master"}, atOnce: true, listed: "It finds those of which this data center is the master, which is where they are declared."}
	return r
}

// Schema describes the resource.
func (r *agreementResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	steady := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One data center copies the replicated configuration of another. Declare it at the master, after the partner profiles, partners and trusted certificates of both sides. Creating it waits until the clone has its first copy; destroying it disables both sides first.",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("The agreement's identifier, `SOURCE-TARGET-` and 8 hex digits, as `concord status` shows it. It is imported by this, or by its name where no other agreement has it."),
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()}, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "Name of the agreement. A new name is a new agreement."},
			"source": schema.StringAttribute{Required: true, Validators: []validator.String{attr.ClusterID()}, PlanModifiers: []planmodifier.String{newObject()},
				MarkdownDescription: "Cluster id of the master, which is the data center of the provider's endpoint. A change makes a new agreement."},
			"target": schema.StringAttribute{Required: true, Validators: []validator.String{attr.ClusterID()}, PlanModifiers: []planmodifier.String{newObject()},
				MarkdownDescription: "Cluster id of the clone. A change makes a new agreement."},
			"document_type": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("ENTITY"), Validators: []validator.String{stringvalidator.OneOf("ENTITY")},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "What is copied; there is `ENTITY`, the default."},
			"enabled": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "Whether the clone follows; default `true`. Both sides are told."},
			"follow": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "`true`, the default: the clone gets each change at once. `false`: it asks every `poll_interval`."},
			"wait_for_sync": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the answer to a write on the master waits until this clone has the change, for up to five seconds; default `false`. After that the write succeeds with a warning that names the clone. It needs `follow = true`."},
			"poll_interval": schema.StringAttribute{Optional: true, Computed: true, CustomType: attr.DurationType{}, Default: stringdefault.StaticString("15m"),
				Validators:          []validator.String{attr.DurationBetween(time.Second, 24*time.Hour)},
				PlanModifiers:       []planmodifier.String{attr.KeepMeaning()},
				MarkdownDescription: "How often the clone asks where `follow` is `false`, `1s` to `24h`; default `15m`."},
			"overwrite": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether replicated objects that the clone has of its own may be replaced when the agreement is created; default `false`, which refuses the agreement where there are any. A later change has no effect."},
			protection:             protectionAttribute(),
			"identifier":           schema.StringAttribute{Computed: true, PlanModifiers: steady, MarkdownDescription: "Identifier that both sides keep the agreement by."},
			"replication_identity": schema.StringAttribute{Computed: true, PlanModifiers: steady, MarkdownDescription: "Whom the clone asks its master as, `replication/` and the identifier: it has a credential of its own that gives access to this agreement's journal and copy and to nothing else. The clone makes it; disabling and enabling the agreement makes another one."},
			"state":                schema.StringAttribute{Computed: true, MarkdownDescription: "`bootstrapping` (the first copy is under way), `ready`, `disabled`, `stale` (the clone cannot ask its master, or has not asked; it serves the copy that it has and goes on by itself) or `stopped` (an error that needs a person)."},
			"starting_sequence":    schema.Int64Attribute{Computed: true, PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}, MarkdownDescription: "Number of the master's last change when the agreement was made."},
			"last_sequence":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that the clone has."},
			"lag_entries":          schema.Int64Attribute{Computed: true, MarkdownDescription: "How many changes the clone is behind."},
			"timeouts":             agreementTimeouts(ctx),
		},
	}
}

func agreementTimeouts(ctx context.Context) schema.Attribute {
	a := timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true,
		CreateDescription: "How long to wait for the clone's first copy, such as `10m`; default `5m`.",
		UpdateDescription: "How long to wait until both sides have the change; default `2m`.",
		DeleteDescription: "How long to wait until both sides have let go; default `2m`."})
	if nested, ok := a.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = "How long Terraform waits for the two data centers."
		return nested
	}
	return a
}

// ImportState imports by identifier, or by name where one agreement alone has it: nobody knows identifiers by heart.
func (r *agreementResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if req.ID != "" && r.client != nil {
		all, err := client.All[wire.AgreementView](ctx, r.client, client.Path(r.path...), nil)
		if err != nil {
			resp.Diagnostics.AddError("Cannot import replication agreement", sentence(err.Error()))
			return
		}
		if req.ID = agreementID(req.ID, all); req.ID == "" {
			resp.Diagnostics.AddError("Several agreements have this name", "Import by identifier; concord status shows the identifier of each.")
			return
		}
	}
	r.base.ImportState(ctx, req, resp)
}

// agreementID gives the identifier for what was written: itself, or that of the one agreement of this name; "" = several.
func agreementID(written string, all []wire.AgreementView) string {
	found := ""
	for _, a := range all {
		switch {
		case a.ID == written:
			return written
		case a.Name == written && found != "":
			return ""
		case a.Name == written:
			found = a.ID
		}
	}
	if found == "" {
		return written // Read says that there is none
	}
	return found
}

// ValidateConfig refuses an agreement of a data center with itself, and waiting for a clone that only polls.
func (r *agreementResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var source, target types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("source"), &source)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("target"), &target)...)
	if s := source.ValueString(); s != "" && sameName(s, target.ValueString()) {
		resp.Diagnostics.AddAttributeError(path.Root("target"), "Source and target are the same data center",
			fmt.Sprintf("An agreement copies from one data center to another; both are %q.", s))
	}
	var follow, wait types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("follow"), &follow)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("wait_for_sync"), &wait)...)
	if wait.ValueBool() && !follow.IsNull() && !follow.IsUnknown() && !follow.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("wait_for_sync"), "A clone that polls cannot be waited for",
			"With follow = false the clone asks only every poll_interval. Leave follow out, or set wait_for_sync = false.")
	}
}

type agreementModel struct {
	noSecret
	ID                  types.String   `tfsdk:"id"`
	Name                types.String   `tfsdk:"name"`
	Source              types.String   `tfsdk:"source"`
	Target              types.String   `tfsdk:"target"`
	DocumentType        types.String   `tfsdk:"document_type"`
	Enabled             types.Bool     `tfsdk:"enabled"`
	Follow              types.Bool     `tfsdk:"follow"`
	WaitForSync         types.Bool     `tfsdk:"wait_for_sync"`
	PollInterval        attr.Duration  `tfsdk:"poll_interval"`
	Overwrite           types.Bool     `tfsdk:"overwrite"`
	Protection          types.Bool     `tfsdk:"deletion_protection"`
	Identifier          types.String   `tfsdk:"identifier"`
	ReplicationIdentity types.String   `tfsdk:"replication_identity"`
	State               types.String   `tfsdk:"state"`
	StartingSequence    types.Int64    `tfsdk:"starting_sequence"`
	LastSequence        types.Int64    `tfsdk:"last_sequence"`
	LagEntries          types.Int64    `tfsdk:"lag_entries"`
	Timeouts            timeouts.Value `tfsdk:"timeouts"`
}

func (m *agreementModel) key() string          { return m.Name.ValueString() }
func (m *agreementModel) ident() *types.String { return &m.ID }

func (m *agreementModel) body(*agreementModel, bool) any {
	return wire.Agreement{Name: m.Name.ValueString(), Source: m.Source.ValueString(), Target: m.Target.ValueString(), DocumentType: m.DocumentType.ValueString(),
		Enabled: m.Enabled.ValueBoolPointer(), PollInterval: m.PollInterval.ValueString(), Follow: m.Follow.ValueBoolPointer(), WaitForSync: m.WaitForSync.ValueBool(), Overwrite: m.Overwrite.ValueBool()}
}

func (m *agreementModel) fill(v wire.AgreementView) {
	m.ID = types.StringValue(v.ID)
	m.Name = types.StringValue(v.Name)
	m.Source, m.Target = keepName(m.Source, v.Source), keepName(m.Target, v.Target)
	m.DocumentType = types.StringValue(v.DocumentType)
	m.Enabled, m.Follow, m.WaitForSync = orFalse(v.Enabled), orFalse(v.Follow), types.BoolValue(v.WaitForSync)
	m.PollInterval = attr.DurationValue(v.PollInterval)
	if m.Overwrite.IsNull() || m.Overwrite.IsUnknown() { // it counts at create only, so what was written stays
		m.Overwrite = types.BoolValue(v.Overwrite)
	}
	m.Protection = keepProtection(m.Protection)
	m.Identifier, m.State = types.StringValue(v.Identifier), types.StringValue(v.State)
	m.ReplicationIdentity = types.StringValue(v.ReplicationIdentity)
	m.StartingSequence, m.LastSequence, m.LagEntries = number(v.StartingSequence), number(v.LastSequence), number(v.LagEntries)
}
