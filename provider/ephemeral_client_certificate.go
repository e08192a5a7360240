package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ ephemeral.EphemeralResourceWithConfigure = (*clientCertificate)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*clientCertificate)(nil)
)

// clientCertificate is a certificate with a key that the server makes. Neither is ever in a plan or a state.
type clientCertificate struct{ opened }

func newClientCertificate() ephemeral.EphemeralResource {
	return &clientCertificate{opened{kind: kind{name: "client_certificate", noun: "client certificate", path: []string{"v1", "certificates"}, numbered: true}}}
}

// Schema describes the ephemeral resource.
func (e *clientCertificate) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A fresh client certificate with its private key, which the server makes and keeps nowhere. Neither of them is ever in a plan or a state. Terraform opens it anew in each plan and each apply, so keep `ttl` short.",
		Attributes: map[string]schema.Attribute{
			"profile": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("node", "agent", "administrator", "user")},
				MarkdownDescription: "Who will show the certificate: a `node`, an `agent`, an `administrator` or a `user`, who is a person that signs in with it."},
			"name": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 64)},
				MarkdownDescription: "The name of the node, agent, administrator or user; the certificate's one name ends with it."},
			"ttl": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(leastLife, mostLife)},
				MarkdownDescription: "How long the certificate lives, from `1m` to `2160h`. Default `1h`."},
			"revoke_on_close": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether the certificate is revoked when Terraform is done with it. Default `false`, since it is usually handed on."},
			"id":              schema.StringAttribute{Computed: true, MarkdownDescription: "The serial of the certificate."},
			"identity":        schema.StringAttribute{Computed: true, MarkdownDescription: "The one name of the certificate, a URI."},
			"expires_at":      schema.StringAttribute{Computed: true, MarkdownDescription: "When the certificate ends, as RFC 3339."},
			"certificate_pem": schema.StringAttribute{Computed: true, MarkdownDescription: "The certificate and the issuing certificates above it as PEM text, as clients show them."},
			"private_key_pem": schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The private key of the certificate as PEM text (PKCS #8)."},
		},
	}
}

type clientCertificateModel struct {
	Profile        types.String  `tfsdk:"profile"`
	Name           types.String  `tfsdk:"name"`
	TTL            attr.Duration `tfsdk:"ttl"`
	RevokeOnClose  types.Bool    `tfsdk:"revoke_on_close"`
	ID             types.String  `tfsdk:"id"`
	Identity       types.String  `tfsdk:"identity"`
	ExpiresAt      types.String  `tfsdk:"expires_at"`
	CertificatePEM types.String  `tfsdk:"certificate_pem"`
	PrivateKeyPEM  types.String  `tfsdk:"private_key_pem"`
}

// Open has the certificate issued.
func (e *clientCertificate) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m clientCertificateModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if e.client == nil { // only a plan opens it so, and an apply anew
		m.ID, m.Identity, m.ExpiresAt, m.CertificatePEM, m.PrivateKeyPEM = types.StringUnknown(), types.StringUnknown(), types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
		return
	}
	order := wire.CertificateOrder{Profile: m.Profile.ValueString(), Name: m.Name.ValueString(), TTL: "1h"}
	if !m.TTL.IsNull() {
		order.TTL = m.TTL.ValueString()
	}
	var made wire.IssuedCertificate
	if _, err := e.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(e.path...), In: order, Out: &made}); err != nil {
		e.refused(creating, m.Name.ValueString(), req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.ID, m.Identity, m.ExpiresAt = types.StringValue(made.Serial), types.StringValue(made.Identity), moment(&made.ExpiresAt)
	m.CertificatePEM, m.PrivateKeyPEM = types.StringValue(made.CertificatePEM+made.ChainPEM), types.StringValue(made.PrivateKeyPEM)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
	if m.RevokeOnClose.ValueBool() {
		if b, err := json.Marshal(made.Serial); err == nil {
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, "revoke", b)...)
		}
	}
}

// Close revokes the certificate if that was asked for.
func (e *clientCertificate) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	b, d := req.Private.GetKey(ctx, "revoke")
	resp.Diagnostics.Append(d...)
	var serial string
	if len(b) == 0 || json.Unmarshal(b, &serial) != nil || e.client == nil {
		return
	}
	_, err := e.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(append(append([]string(nil), e.path...), serial, "revoke")...),
		In: wire.CertificateRevocation{Reason: "cessation_of_operation"}})
	if err != nil && !gone(err) {
		resp.Diagnostics.AddError(fmt.Sprintf("Cannot revoke %s %q", e.noun, serial), sentence(err.Error())+requestLine(err))
	}
}
