package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*replicationStatusSource)(nil)

type replicationStatusSource struct {
	source[replicationStatusModel, wire.ReplicationStatus, *replicationStatusModel]
}

func newReplicationStatusSource() datasource.DataSource {
	s := &replicationStatusSource{}
	s.kind = kind{name: "replication_status", noun: "replication status", path: []string{"v1", "replication", "status"}}
	return s
}

// Schema describes the data source.
func (s *replicationStatusSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "How replication stands, as the data center that the provider's endpoint is knows it; for `check` blocks and outputs.",
		Attributes: map[string]schema.Attribute{
			"id":            schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the data center that answered."},
			"role":          schema.StringAttribute{Computed: true, MarkdownDescription: "`standalone`, `master` or `clone`."},
			"epoch":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Counts masterships."},
			"sequence":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that this data center has."},
			"digest":        schema.StringAttribute{Computed: true, MarkdownDescription: "Digest over all replicated objects at that sequence."},
			"healthy":       schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether every agreement is well, and no content of a package has been missing here for ten minutes."},
			"blobs_missing": schema.Int64Attribute{Computed: true, MarkdownDescription: "How many contents of packages are not in this data center yet."},
			"majority":      schema.StringAttribute{Computed: true, MarkdownDescription: "At a master with `write_requires = \"majority\"`: `reached`, or `lost` when too few data centers answer for a change; otherwise null."},
			"reason":        schema.StringAttribute{Computed: true, MarkdownDescription: "Why contents of packages are missing, and who is missing for a majority; null when nothing is."},
			"agreements": schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: agreementStatusAttributes()},
				MarkdownDescription: "The agreements that this data center is a side of."},
		},
	}
}

func agreementStatusAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"identifier":         schema.StringAttribute{Computed: true, MarkdownDescription: "Identifier of the agreement."},
		"name":               schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the agreement."},
		"side":               schema.StringAttribute{Computed: true, MarkdownDescription: "Which side answered: `master` or `clone`."},
		"source":             schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the master."},
		"target":             schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the clone."},
		"state":              schema.StringAttribute{Computed: true, MarkdownDescription: "`bootstrapping` (the first copy is under way), `ready`, `disabled`, `stale` (the clone cannot ask its master, or has not asked; it serves the copy that it has and goes on by itself) or `stopped` (an error that needs a person)."},
		"applied_sequence":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that the clone has."},
		"latest_sequence":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that the master has, as far as this side knows."},
		"lag_entries":        schema.Int64Attribute{Computed: true, MarkdownDescription: "How many changes the clone is behind."},
		"lag_seconds":        schema.Float64Attribute{Computed: true, MarkdownDescription: "For how many seconds the clone has been behind; null when the clone has not shown where it stands."},
		"digest_equal":       schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether both sides have the same digest at the same sequence; null when that cannot be compared now."},
		"diverged":           schema.Int64Attribute{Computed: true, MarkdownDescription: "How many objects an administrator changed on the write-enabled clone, so that they differ from the master's."},
		"last_success":       schema.StringAttribute{Computed: true, MarkdownDescription: "When the sides last spoke without error, as RFC 3339; null for never."},
		"last_error":         schema.StringAttribute{Computed: true, MarkdownDescription: "The last error; null for none."},
		"last_error_at":      schema.StringAttribute{Computed: true, MarkdownDescription: "When that error was, as RFC 3339; null for none."},
		"clock_skew_seconds": schema.Float64Attribute{Computed: true, MarkdownDescription: "How far the other side's clock is ahead of this one's, in seconds; null when it was never reached."},
		"healthy":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether this agreement is well."},
		"reason":             schema.StringAttribute{Computed: true, MarkdownDescription: "Why it is judged so."},
	}
}

type replicationStatusModel struct {
	ID         types.String           `tfsdk:"id"`
	Role       types.String           `tfsdk:"role"`
	Epoch      types.Int64            `tfsdk:"epoch"`
	Sequence   types.Int64            `tfsdk:"sequence"`
	Digest     types.String           `tfsdk:"digest"`
	Healthy    types.Bool             `tfsdk:"healthy"`
	Missing    types.Int64            `tfsdk:"blobs_missing"`
	Majority   types.String           `tfsdk:"majority"`
	Reason     types.String           `tfsdk:"reason"`
	Agreements []agreementStatusModel `tfsdk:"agreements"`
}

type agreementStatusModel struct {
	Identifier      types.String  `tfsdk:"identifier"`
	Name            types.String  `tfsdk:"name"`
	Side            types.String  `tfsdk:"side"`
	Source          types.String  `tfsdk:"source"`
	Target          types.String  `tfsdk:"target"`
	State           types.String  `tfsdk:"state"`
	AppliedSequence types.Int64   `tfsdk:"applied_sequence"`
	LatestSequence  types.Int64   `tfsdk:"latest_sequence"`
	LagEntries      types.Int64   `tfsdk:"lag_entries"`
	LagSeconds      types.Float64 `tfsdk:"lag_seconds"`
	DigestEqual     types.Bool    `tfsdk:"digest_equal"`
	Diverged        types.Int64   `tfsdk:"diverged"`
	LastSuccess     types.String  `tfsdk:"last_success"`
	LastError       types.String  `tfsdk:"last_error"`
	LastErrorAt     types.String  `tfsdk:"last_error_at"`
	ClockSkew       types.Float64 `tfsdk:"clock_skew_seconds"`
	Healthy         types.Bool    `tfsdk:"healthy"`
	Reason          types.String  `tfsdk:"reason"`
}

func (m *replicationStatusModel) fill(v wire.ReplicationStatus) {
	*m = replicationStatusModel{ID: types.StringValue(v.ID), Role: types.StringValue(v.Role), Epoch: number(v.Epoch), Sequence: number(v.Sequence),
		Digest: types.StringValue(v.Digest), Healthy: types.BoolValue(v.Healthy), Missing: types.Int64Value(int64(v.Missing)), Majority: keepText(types.StringNull(), v.Majority), Reason: keepText(types.StringNull(), v.Reason), Agreements: []agreementStatusModel{}}
	for _, a := range v.Agreements {
		m.Agreements = append(m.Agreements, agreementStatusModel{
			Identifier: types.StringValue(a.Identifier), Name: types.StringValue(a.Name), Side: types.StringValue(a.Side),
			Source: types.StringValue(a.Source), Target: types.StringValue(a.Target), State: types.StringValue(a.State),
			AppliedSequence: number(a.AppliedSequence), LatestSequence: number(a.LatestSequence), LagEntries: number(a.LagEntries),
			LagSeconds: types.Float64PointerValue(a.LagSeconds), DigestEqual: types.BoolPointerValue(a.DigestEqual), Diverged: types.Int64Value(int64(a.Diverged)), LastSuccess: moment(a.LastSuccess),
			LastError: keepText(types.StringNull(), a.LastError), LastErrorAt: moment(a.LastErrorAt), ClockSkew: types.Float64PointerValue(a.ClockSkew),
			Healthy: types.BoolValue(a.Healthy), Reason: types.StringValue(a.Reason),
		})
	}
}
