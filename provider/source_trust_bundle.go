package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*trustBundleSource)(nil)

type trustBundleSource struct {
	source[trustBundleModel, wire.TrustBundle, *trustBundleModel]
}

func newTrustBundleSource() datasource.DataSource {
	s := &trustBundleSource{}
	s.kind = kind{name: "trust_bundle", noun: "trust bundle", path: []string{"v1", "trust", "bundle"}}
	return s
}

// Schema describes the data source.
func (s *trustBundleSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The roots of the data center that the provider's endpoint is. Declare them at its partners as `concord_trusted_certificate`, after comparing the fingerprints over another channel.",
		Attributes: map[string]schema.Attribute{
			"id":                  schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the data center."},
			"certificate_pem":     schema.StringAttribute{Computed: true, MarkdownDescription: "All roots as PEM text, one after another."},
			"bundle_json":         schema.StringAttribute{Computed: true, MarkdownDescription: "The same roots as a SPIFFE bundle: a JSON Web Key Set."},
			"fingerprints_sha256": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "SHA-256 of each root's DER form in lower-case hex, in the order of `certificate_pem`."},
			"sequence":            schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of the bundle; it grows when the roots change."},
			"rotation":            schema.SingleNestedAttribute{Computed: true, Attributes: rotationAttributes(), MarkdownDescription: "How far the rotation of the root is."},
		},
	}
}

type trustBundleModel struct {
	ID             types.String `tfsdk:"id"`
	CertificatePEM types.String `tfsdk:"certificate_pem"`
	BundleJSON     types.String `tfsdk:"bundle_json"`
	Fingerprints   []string     `tfsdk:"fingerprints_sha256"`
	Sequence       types.Int64  `tfsdk:"sequence"`

	Rotation rotationModel `tfsdk:"rotation"`
}

func rotationAttributes() map[string]schema.Attribute {
	root := map[string]schema.Attribute{
		"fingerprint_sha256": schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of the root's DER form in lower-case hex."},
		"status":             schema.StringAttribute{Computed: true, MarkdownDescription: "`issuing`; `next`, published and not issuing yet; or `former`, about to be retired."},
		"expires_at":         schema.StringAttribute{Computed: true, MarkdownDescription: "End of its life, as RFC 3339."},
	}
	return map[string]schema.Attribute{
		"phase":               schema.StringAttribute{Computed: true, MarkdownDescription: "`stable`, one root; `published`, the next root is in the bundle; `switched`, it issues."},
		"next_step":           schema.StringAttribute{Computed: true, MarkdownDescription: "The step that is due: `publish`, `switch` or `retire`."},
		"ready":               schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether that step cuts nobody off, and so is made without force."},
		"roots":               schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: root}, MarkdownDescription: "The roots, newest last."},
		"waiting_for":         schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Cluster ids of the partners that have not acknowledged the present bundle."},
		"former_certificates": schema.Int64Attribute{Computed: true, MarkdownDescription: "How many good certificates of others, agents or administrators for example, there are under the former root."},
		"may_retire_at":       schema.StringAttribute{Computed: true, MarkdownDescription: "When the last of those ends, as RFC 3339; null when there is none."},
	}
}

type rotationModel struct {
	Phase      types.String `tfsdk:"phase"`
	NextStep   types.String `tfsdk:"next_step"`
	Ready      types.Bool   `tfsdk:"ready"`
	Roots      []rootModel  `tfsdk:"roots"`
	WaitingFor []string     `tfsdk:"waiting_for"`
	Former     types.Int64  `tfsdk:"former_certificates"`
	MayRetire  types.String `tfsdk:"may_retire_at"`
}

type rootModel struct {
	Fingerprint types.String `tfsdk:"fingerprint_sha256"`
	Status      types.String `tfsdk:"status"`
	ExpiresAt   types.String `tfsdk:"expires_at"`
}

func (m *rotationModel) fill(v wire.RootRotation) {
	*m = rotationModel{Phase: types.StringValue(v.Phase), NextStep: types.StringValue(v.NextStep), Ready: types.BoolValue(v.Ready), Roots: []rootModel{},
		WaitingFor: append([]string{}, v.WaitingFor...), Former: types.Int64Value(int64(v.FormerCertificates)), MayRetire: moment(v.MayRetireAt)}
	for _, r := range v.Roots {
		m.Roots = append(m.Roots, rootModel{Fingerprint: types.StringValue(r.FingerprintSHA256), Status: types.StringValue(r.Status), ExpiresAt: moment(&r.ExpiresAt)})
	}
}

func (m *trustBundleModel) fill(v wire.TrustBundle) {
	m.ID, m.CertificatePEM, m.BundleJSON = types.StringValue(v.ID), types.StringValue(v.CertificatePEM), types.StringValue(v.BundleJSON)
	m.Fingerprints = append([]string{}, v.FingerprintsSHA256...)
	m.Sequence = number(v.Sequence)
	m.Rotation.fill(v.Rotation)
}
