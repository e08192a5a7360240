package provider

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var _ datasource.DataSourceWithConfigure = (*remoteCertificateSource)(nil)

// remoteCertificateSource asks with an input, so it does not embed source.
type remoteCertificateSource struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

func newRemoteCertificateSource() datasource.DataSource {
	return &remoteCertificateSource{kind: kind{name: "remote_certificate", noun: "remote certificate", path: []string{"v1", "trust", "inspect"}}}
}

// Metadata names the type.
func (s *remoteCertificateSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *remoteCertificateSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Schema describes the data source.
func (s *remoteCertificateSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a remote TLS server presents to the data center that the provider's endpoint is. Reading it trusts nothing. " +
			"A certificate to trust is given out only by its fingerprint, which you get over another channel: whoever sits in between could present anything.",
		Attributes: map[string]schema.Attribute{
			"id":      schema.StringAttribute{Computed: true, MarkdownDescription: "The address."},
			"address": schema.StringAttribute{Required: true, Validators: []validator.String{attr.HostPort()}, MarkdownDescription: "`host:port` of the server. It is the data center that connects, so its own rule of outbound addresses counts."},
			"fingerprint_sha256": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Fingerprint()},
				MarkdownDescription: "SHA-256 of the certificate that is expected, in hex: in either case, with or without colons, as `openssl x509 -fingerprint -sha256` prints it. When nothing that the server presents has it, the roots that a peer listener publishes are looked at; when none of those has it either, reading fails."},
			"certificate_pem": schema.StringAttribute{Computed: true, MarkdownDescription: "The certificate with that fingerprint, for `concord_trusted_certificate`; null without `fingerprint_sha256`."},
			"tls_version":     schema.StringAttribute{Computed: true, MarkdownDescription: "`TLS 1.2` or `TLS 1.3`."},
			"partner":         schema.StringAttribute{Computed: true, MarkdownDescription: "Cluster id of the partner that the server would be taken for now; null for none."},
			"reason":          schema.StringAttribute{Computed: true, MarkdownDescription: "Why it would be taken for none; null when it would be taken for one."},
			"leads_to":        schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Names of the trusted certificates of this data center on the way up from what the server presents."},
			"certificates": schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: remoteAttributes()},
				MarkdownDescription: "What the server presents, its own certificate first; at most 16."},
		},
	}
}

func remoteAttributes() map[string]schema.Attribute {
	texts := map[string]string{
		"kind":      "`root`: a CA that signed itself. `intermediate`: a CA signed by another. `server`: no CA.",
		"issued_to": "Whom the certificate is for: its subject.", "issued_by": "Who signed it: its issuer.",
		"not_before": "When it begins, as RFC 3339.", "expires_at": "When it ends, as RFC 3339.",
		"fingerprint_sha256": "SHA-256 of its DER form in lower-case hex.", "spki_sha256": "SHA-256 of its public key in lower-case hex.",
		"public_key": "Kind and size of its key.", "signature": "How it is signed.",
	}
	out := map[string]schema.Attribute{}
	for name, text := range texts {
		out[name] = schema.StringAttribute{Computed: true, MarkdownDescription: text}
	}
	out["names"] = schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Its URI names, DNS names and IP addresses, in this order."}
	return out
}

type remoteCertificateModel struct {
	ID           types.String       `tfsdk:"id"`
	Address      types.String       `tfsdk:"address"`
	Fingerprint  types.String       `tfsdk:"fingerprint_sha256"`
	PEM          types.String       `tfsdk:"certificate_pem"`
	TLSVersion   types.String       `tfsdk:"tls_version"`
	Partner      types.String       `tfsdk:"partner"`
	Reason       types.String       `tfsdk:"reason"`
	LeadsTo      []string           `tfsdk:"leads_to"`
	Certificates []remoteShownModel `tfsdk:"certificates"`
}

type remoteShownModel struct {
	Kind        types.String `tfsdk:"kind"`
	IssuedTo    types.String `tfsdk:"issued_to"`
	IssuedBy    types.String `tfsdk:"issued_by"`
	NotBefore   types.String `tfsdk:"not_before"`
	ExpiresAt   types.String `tfsdk:"expires_at"`
	Fingerprint types.String `tfsdk:"fingerprint_sha256"`
	SPKI        types.String `tfsdk:"spki_sha256"`
	PublicKey   types.String `tfsdk:"public_key"`
	Signature   types.String `tfsdk:"signature"`
	Names       []string     `tfsdk:"names"`
}

// Read has the data center look at the server.
func (s *remoteCertificateSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if s.client == nil {
		later(req, resp)
		return
	}
	var m remoteCertificateModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	v, err := s.inspect(ctx, m.Address.ValueString(), false)
	want := attr.PlainFingerprint(m.Fingerprint.ValueString())
	found := presentedPEM(v.Certificates, want)
	if err == nil && want != "" && found == "" {
		var b wire.TrustInspection
		b, err = s.inspect(ctx, m.Address.ValueString(), true)
		found = presentedPEM(b.Bundle, want)
	}
	if err != nil {
		s.refused(reading, m.Address.ValueString(), req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	if want != "" && found == "" {
		resp.Diagnostics.AddAttributeError(path.Root("fingerprint_sha256"), "The server does not have that certificate",
			fmt.Sprintf("Nothing that %s presents, and no root that it publishes, has the fingerprint %s. Ask whoever runs it for the right one; do not copy what the server shows, because that may be somebody else's.", m.Address.ValueString(), want))
		return
	}
	m.fill(v, found)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (s *remoteCertificateSource) inspect(ctx context.Context, address string, bundle bool) (v wire.TrustInspection, err error) {
	_, err = s.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(s.path...), In: wire.TrustInspect{Address: address, Bundle: bundle}, Out: &v, Retry: true})
	return v, err
}

func presentedPEM(all []wire.RemoteCertificate, fingerprint string) string {
	for _, c := range all {
		if c.FingerprintSHA256 == fingerprint {
			return c.CertificatePEM
		}
	}
	return ""
}

func (m *remoteCertificateModel) fill(v wire.TrustInspection, found string) {
	m.ID, m.PEM, m.TLSVersion = types.StringValue(v.ID), keepText(types.StringNull(), found), types.StringValue(v.TLSVersion)
	m.Partner, m.Reason = keepText(types.StringNull(), v.Partner), keepText(types.StringNull(), v.Reason)
	m.LeadsTo, m.Certificates = []string{}, []remoteShownModel{}
	for _, a := range v.LeadsTo {
		m.LeadsTo = append(m.LeadsTo, a.Name)
	}
	for _, c := range v.Certificates {
		names := append(append(append([]string{}, c.URIs...), c.DNSNames...), c.IPAddresses...)
		m.Certificates = append(m.Certificates, remoteShownModel{types.StringValue(c.Kind), types.StringValue(c.IssuedTo), types.StringValue(c.IssuedBy), moment(&c.NotBefore), moment(&c.ExpiresAt),
			types.StringValue(c.FingerprintSHA256), types.StringValue(c.SPKISHA256), types.StringValue(c.PublicKey), types.StringValue(c.Signature), names})
	}
}
