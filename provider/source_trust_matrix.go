package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*trustMatrixSource)(nil)

type trustMatrixSource struct {
	source[trustMatrixModel, wire.TrustMatrix, *trustMatrixModel]
}

func newTrustMatrixSource() datasource.DataSource {
	s := &trustMatrixSource{}
	s.kind = kind{name: "trust_matrix", noun: "trust matrix", path: []string{"v1", "trust", "matrix"}}
	return s
}

// Schema describes the data source.
func (s *trustMatrixSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The trust between the data center that the provider's endpoint is and its partners, in both directions, and among the partners as far as they answer for themselves; for `check` blocks. Each edge is tried when the data source is read.",
		Attributes: map[string]schema.Attribute{
			"id":    schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the data center that answered."},
			"sound": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether no edge is broken."},
			"edges": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "An edge for each ordered pair of data centers.", NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"from":            schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the data center that calls."},
				"to":              schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the data center that is called."},
				"result":          schema.StringAttribute{Computed: true, MarkdownDescription: "`sound`; `broken`: declared by one side at least, and does not work; `absent`: declared by neither, which is no fault; `unknown`: the calling data center could not be asked."},
				"reason":          schema.StringAttribute{Computed: true, MarkdownDescription: "Why the edge is not sound; null when it is."},
				"declared":        schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether `to` is registered as a partner at `from`."},
				"trusted":         schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether a trusted certificate is declared for `to` at `from`."},
				"reachable":       schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether something answered at the address of `to`; null when that is not known."},
				"mutual":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether each side accepted the other's certificate; null when that is not known."},
				"mode_equal":      schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether both sides have one security mode; null when that is not known."},
				"security_mode":   schema.StringAttribute{Computed: true, MarkdownDescription: "The mode that `to` is registered with; null when that is not known."},
				"version_fits":    schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the versions work together; null when that is not known."},
				"version":         schema.StringAttribute{Computed: true, MarkdownDescription: "Version of `to`; null when that is not known."},
				"expires_at":      schema.StringAttribute{Computed: true, MarkdownDescription: "When the first certificate on the chain that `to` showed ends, as RFC 3339; null when that is not known."},
				"agreement_state": schema.StringAttribute{Computed: true, MarkdownDescription: "State of the replication agreement between the two; null when there is none."},
			}}},
		},
	}
}

type trustMatrixModel struct {
	ID    types.String     `tfsdk:"id"`
	Sound types.Bool       `tfsdk:"sound"`
	Edges []trustEdgeModel `tfsdk:"edges"`
}

type trustEdgeModel struct {
	From           types.String `tfsdk:"from"`
	To             types.String `tfsdk:"to"`
	Result         types.String `tfsdk:"result"`
	Reason         types.String `tfsdk:"reason"`
	Declared       types.Bool   `tfsdk:"declared"`
	Trusted        types.Bool   `tfsdk:"trusted"`
	Reachable      types.Bool   `tfsdk:"reachable"`
	Mutual         types.Bool   `tfsdk:"mutual"`
	ModeEqual      types.Bool   `tfsdk:"mode_equal"`
	SecurityMode   types.String `tfsdk:"security_mode"`
	VersionFits    types.Bool   `tfsdk:"version_fits"`
	Version        types.String `tfsdk:"version"`
	ExpiresAt      types.String `tfsdk:"expires_at"`
	AgreementState types.String `tfsdk:"agreement_state"`
}

func (m *trustMatrixModel) fill(v wire.TrustMatrix) {
	m.ID, m.Sound, m.Edges = types.StringValue(v.ID), types.BoolValue(v.Sound), []trustEdgeModel{}
	for _, e := range v.Edges {
		m.Edges = append(m.Edges, trustEdgeModel{From: types.StringValue(e.From), To: types.StringValue(e.To), Result: types.StringValue(e.Result), Reason: keepText(types.StringNull(), e.Reason),
			Declared: types.BoolValue(e.Declared), Trusted: types.BoolValue(e.Trusted), Reachable: types.BoolPointerValue(e.Reachable), Mutual: types.BoolPointerValue(e.Mutual),
			ModeEqual: types.BoolPointerValue(e.ModeEqual), SecurityMode: keepText(types.StringNull(), e.SecurityMode), VersionFits: types.BoolPointerValue(e.VersionFits), Version: keepText(types.StringNull(), e.Version),
			ExpiresAt: moment(e.ExpiresAt), AgreementState: keepText(types.StringNull(), e.AgreementState)})
	}
}
