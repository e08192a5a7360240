package provider

import (
	"context"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*partnerTrustSource)(nil)

// partnerTrustSource is a data source of its own, and no part of concord_partner: what it says changes without a plan.
type partnerTrustSource struct {
	source[partnerTrustModel, wire.PartnerTrust, *partnerTrustModel]
}

func newPartnerTrustSource() datasource.DataSource {
	s := &partnerTrustSource{}
	s.kind = kind{name: "partner_trust", noun: "partner's trust", path: []string{"v1", "partners"}}
	return s
}

// Schema describes the data source.
func (s *partnerTrustSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	root := map[string]schema.Attribute{
		"source":             schema.StringAttribute{Computed: true, MarkdownDescription: "`declared`, by a `concord_trusted_certificate`; `learned`, told by the partner itself; or `retired`, told once and no more: it does not count any longer, declared or not."},
		"kind":               schema.StringAttribute{Computed: true, MarkdownDescription: "`root`, `intermediate` or `server`."},
		"issued_to":          schema.StringAttribute{Computed: true, MarkdownDescription: "Whose certificate it is."},
		"expires_at":         schema.StringAttribute{Computed: true, MarkdownDescription: "End of its life, as RFC 3339."},
		"fingerprint_sha256": schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of its DER form in lower-case hex."},
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "By which roots the data center that the provider's endpoint is believes a partner, and how the refresh of those roots and of the partner's revocation list stands; for `check` blocks and outputs.",
		Attributes: map[string]schema.Attribute{
			"id":              schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the partner."},
			"cluster_id":      schema.StringAttribute{Required: true, MarkdownDescription: "Cluster id of the partner, as in `concord_partner`."},
			"roots":           schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: root}, MarkdownDescription: "The certificates that count for it, and the roots that it retired."},
			"sequence":        schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the partner's bundle that was learned; 0 for none."},
			"revocation_list": schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of its revocation list that is held; 0 for none."},
			"revoked":         schema.Int64Attribute{Computed: true, MarkdownDescription: "How many certificates that list takes back."},
			"last_refresh":    schema.StringAttribute{Computed: true, MarkdownDescription: "When the partner last answered, as RFC 3339; null for not since the start."},
			"last_error":      schema.StringAttribute{Computed: true, MarkdownDescription: "Why the last question failed; null when it did not. What was learned before goes on to count."},
			"last_error_at":   schema.StringAttribute{Computed: true, MarkdownDescription: "When a question last failed, as RFC 3339; null for never."},
			"damaged":         schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether what is kept of the partner cannot be read: it is then not believed at all until it is registered anew."},
			"acknowledged":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of this data center's own bundle that the partner has."},
		},
	}
}

type partnerTrustModel struct {
	ID           types.String       `tfsdk:"id"`
	ClusterID    types.String       `tfsdk:"cluster_id"`
	Roots        []partnerRootModel `tfsdk:"roots"`
	Sequence     types.Int64        `tfsdk:"sequence"`
	List         types.Int64        `tfsdk:"revocation_list"`
	Revoked      types.Int64        `tfsdk:"revoked"`
	LastRefresh  types.String       `tfsdk:"last_refresh"`
	LastError    types.String       `tfsdk:"last_error"`
	LastErrorAt  types.String       `tfsdk:"last_error_at"`
	Damaged      types.Bool         `tfsdk:"damaged"`
	Acknowledged types.Int64        `tfsdk:"acknowledged"`
}

type partnerRootModel struct {
	Source      types.String `tfsdk:"source"`
	Kind        types.String `tfsdk:"kind"`
	IssuedTo    types.String `tfsdk:"issued_to"`
	ExpiresAt   types.String `tfsdk:"expires_at"`
	Fingerprint types.String `tfsdk:"fingerprint_sha256"`
}

// Read asks for the partner that is named.
func (s *partnerTrustSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if s.client == nil {
		later(req, resp)
		return
	}
	var m partnerTrustModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	var view wire.PartnerTrust
	id := m.ClusterID
	if _, err := s.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path("v1", "partners", id.ValueString(), "trust"), Out: &view}); err != nil {
		s.refused(reading, id.ValueString(), req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.fill(view)
	m.ClusterID = id
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *partnerTrustModel) fill(v wire.PartnerTrust) {
	*m = partnerTrustModel{ID: types.StringValue(v.ID), ClusterID: types.StringValue(v.ID), Roots: []partnerRootModel{}, Sequence: number(v.Sequence), List: number(v.RevocationList),
		Revoked: types.Int64Value(int64(v.Revoked)), LastRefresh: moment(v.LastRefresh), LastError: keepText(types.StringNull(), v.LastError), LastErrorAt: moment(v.LastErrorAt),
		Damaged: types.BoolValue(v.Damaged), Acknowledged: number(v.AcknowledgedOur)}
	for _, r := range v.Roots {
		m.Roots = append(m.Roots, partnerRootModel{Source: types.StringValue(r.Source), Kind: types.StringValue(r.Kind), IssuedTo: types.StringValue(r.IssuedTo),
			ExpiresAt: moment(&r.ExpiresAt), Fingerprint: types.StringValue(r.FingerprintSHA256)})
	}
}
