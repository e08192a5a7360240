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
		},
	}
}

type trustBundleModel struct {
	ID             types.String `tfsdk:"id"`
	CertificatePEM types.String `tfsdk:"certificate_pem"`
	BundleJSON     types.String `tfsdk:"bundle_json"`
	Fingerprints   []string     `tfsdk:"fingerprints_sha256"`
}

func (m *trustBundleModel) fill(v wire.TrustBundle) {
	m.ID, m.CertificatePEM, m.BundleJSON = types.StringValue(v.ID), types.StringValue(v.CertificatePEM), types.StringValue(v.BundleJSON)
	m.Fingerprints = append([]string{}, v.FingerprintsSHA256...)
}
