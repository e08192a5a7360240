package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*dataCenterSource)(nil)

type dataCenterSource struct {
	source[dataCenterSourceModel, wire.DataCenterView, *dataCenterSourceModel]
}

func newDataCenterSource() datasource.DataSource {
	s := &dataCenterSource{}
	s.kind = kind{name: "data_center", noun: "data center", path: []string{"v1", "data-center"}}
	return s
}

// Schema describes the data source.
func (s *dataCenterSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	computed := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What the data center that the provider's endpoint is says of itself.",
		Attributes: map[string]schema.Attribute{
			"id":               computed("The cluster id."),
			"cluster_id":       computed("Cluster id from the server's configuration file."),
			"display_name":     computed("Name to show to people."),
			"role":             computed("`standalone`, `master` or `clone`."),
			"write_enabled":    schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether administrators may change replicated objects here."},
			"security_mode":    computed("How partners prove themselves at the peer listener."),
			"write_requires":   computed("Who must have a change before this data center, as the master, acknowledges it: `local` or `majority`."),
			"availability":     computed("Whether it should get users: `active`, `hot_standby` or `passive`."),
			"session_capacity": schema.Int64Attribute{Computed: true, MarkdownDescription: "How many sessions it holds at most, on all of its nodes together; `0`: no limit."},
			"state":            computed("`active`, `bootstrapping` or `replication_ready`."),
			"epoch":            schema.Int64Attribute{Computed: true, MarkdownDescription: "Counts masterships: it grows when another data center becomes the master."},
			"epoch_holder":     computed("Cluster id of the master of this epoch."),
			"last_sequence":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the last change that this data center has."},
			"digest":           computed("Digest over all replicated objects: data centers that are in step show the same one at the same sequence."),
			"peer_url":         computed("Address of the peer listener, `https://host:port`, where partners come in."),
			"runtime_url":      computed("Address of the runtime listener, `https://host:port`, where people sign in and agents ask."),
			"node_name":        computed("Name of the node that answered."),
			"version":          computed("Version of the server that answered."),
		},
	}
}

type dataCenterSourceModel struct {
	ID            types.String `tfsdk:"id"`
	ClusterID     types.String `tfsdk:"cluster_id"`
	DisplayName   types.String `tfsdk:"display_name"`
	Role          types.String `tfsdk:"role"`
	WriteEnabled  types.Bool   `tfsdk:"write_enabled"`
	SecurityMode  types.String `tfsdk:"security_mode"`
	WriteRequires types.String `tfsdk:"write_requires"`
	Availability  types.String `tfsdk:"availability"`
	Capacity      types.Int64  `tfsdk:"session_capacity"`
	State         types.String `tfsdk:"state"`
	Epoch         types.Int64  `tfsdk:"epoch"`
	EpochHolder   types.String `tfsdk:"epoch_holder"`
	LastSequence  types.Int64  `tfsdk:"last_sequence"`
	Digest        types.String `tfsdk:"digest"`
	PeerURL       types.String `tfsdk:"peer_url"`
	RuntimeURL    types.String `tfsdk:"runtime_url"`
	NodeName      types.String `tfsdk:"node_name"`
	Version       types.String `tfsdk:"version"`
}

func (m *dataCenterSourceModel) fill(v wire.DataCenterView) {
	*m = dataCenterSourceModel{
		ID: types.StringValue(v.ID), ClusterID: types.StringValue(v.ClusterID), DisplayName: keepText(types.StringNull(), v.DisplayName),
		Role: types.StringValue(v.Role), WriteEnabled: orFalse(v.WriteEnabled), SecurityMode: types.StringValue(v.SecurityMode),
		WriteRequires: types.StringValue(v.WriteRequires), Availability: types.StringValue(v.Availability), State: types.StringValue(v.State), Epoch: number(v.Epoch), EpochHolder: types.StringValue(v.EpochHolder),
		LastSequence: number(v.LastSequence), Digest: types.StringValue(v.Digest), PeerURL: types.StringValue(v.PeerURL),
		RuntimeURL: types.StringValue(v.RuntimeURL), NodeName: types.StringValue(v.NodeName), Version: types.StringValue(v.Version), Capacity: types.Int64Value(0),
	}
	if v.SessionCapacity != nil {
		m.Capacity = types.Int64Value(int64(*v.SessionCapacity))
	}
}
