package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*certificateResource)(nil)
	_ resource.ResourceWithIdentity    = (*certificateResource)(nil)
)

type certificateResource struct {
	base[certificateModel, wire.TrustedCertificateView, *certificateModel]
}

func newTrustedCertificate() resource.Resource {
	r := &certificateResource{}
	r.kind = kind{name: "trusted_certificate", noun: "trusted certificate", path: []string{"v1", "trust", "certificates"}}
	return r
}

// Schema describes the resource.
func (r *certificateResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id": idAttribute("The friendly name; also what the certificate is imported by."),
		"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Friendly name of the certificate in this data center. A new name is a new entry."},
		"certificate_pem": schema.StringAttribute{Required: true, CustomType: attr.PEMType{}, PlanModifiers: []planmodifier.String{attr.KeepMeaning()},
			MarkdownDescription: "1 to 8 certificates as PEM text: roots, intermediates or a server's own. Usually `data.concord_trust_bundle` of the partner. White space does not count; a private key is refused."},
		"partner": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.ClusterID()},
			MarkdownDescription: "Cluster id of the only partner that may prove itself with it; by default all partners may."},
		"certificates": schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: certificateAttributes()},
			MarkdownDescription: "All certificates of the PEM text, in its order; the attributes above describe the first."},
	}
	for name, a := range certificateAttributes() {
		attributes[name] = a
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A certificate that a data center trusts when it meets its partners. Trust is declared by hand, on both sides; two entries for one partner overlap while a root is replaced. Belongs to one data center and is not replicated.",
		Attributes:          attributes,
	}
}

func certificateAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"kind":               schema.StringAttribute{Computed: true, MarkdownDescription: "`root`: a CA that signed itself. `intermediate`: a CA signed by another. `server`: no CA, trusted as it is."},
		"issued_to":          schema.StringAttribute{Computed: true, MarkdownDescription: "Whom the certificate is for: its subject."},
		"issued_by":          schema.StringAttribute{Computed: true, MarkdownDescription: "Who signed the certificate: its issuer."},
		"expires_at":         schema.StringAttribute{Computed: true, MarkdownDescription: "When the certificate ends, as RFC 3339."},
		"fingerprint_sha256": schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of the certificate's DER form in lower-case hex, to compare with what the other side reads out."},
	}
}

type certificateModel struct {
	noSecret
	ID             types.String `tfsdk:"id"`
	Name           types.String `tfsdk:"name"`
	CertificatePEM attr.PEM     `tfsdk:"certificate_pem"`
	Partner        types.String `tfsdk:"partner"`
	Kind           types.String `tfsdk:"kind"`
	IssuedTo       types.String `tfsdk:"issued_to"`
	IssuedBy       types.String `tfsdk:"issued_by"`
	ExpiresAt      types.String `tfsdk:"expires_at"`
	Fingerprint    types.String `tfsdk:"fingerprint_sha256"`
	Certificates   types.List   `tfsdk:"certificates"`
}

func (m *certificateModel) key() string          { return m.Name.ValueString() }
func (m *certificateModel) ident() *types.String { return &m.ID }

func (m *certificateModel) body(*certificateModel, bool) any {
	return wire.TrustedCertificate{Name: m.Name.ValueString(), CertificatePEM: m.CertificatePEM.ValueString(), Partner: m.Partner.ValueString()}
}

func (m *certificateModel) fill(v wire.TrustedCertificateView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.CertificatePEM = attr.PEMValue(v.CertificatePEM)
	m.Partner = keepFoldedText(m.Partner, v.Partner)
	m.Kind, m.IssuedTo, m.IssuedBy = types.StringValue(v.Kind), types.StringValue(v.IssuedTo), types.StringValue(v.IssuedBy)
	m.ExpiresAt, m.Fingerprint = moment(&v.ExpiresAt), types.StringValue(v.FingerprintSHA256)
	m.Certificates = certificateList(v.Certificates)
}
