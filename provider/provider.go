package provider

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
	concordfunction "github.com/concord-access/terraform-provider-concord/provider/function"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/concord-access/concord"

var (
	_ provider.Provider                       = (*concord)(nil)
	_ provider.ProviderWithEphemeralResources = (*concord)(nil)
	_ provider.ProviderWithListResources      = (*concord)(nil)
	_ provider.ProviderWithActions            = (*concord)(nil)
	_ provider.ProviderWithFunctions          = (*concord)(nil)
)

type concord struct{ version string }

// New makes the provider; version is told to the server in the User-Agent.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &concord{version} }
}

// Metadata names the provider.
func (p *concord) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "concord", p.version
}

// Schema describes the provider block.
func (p *concord) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	either := func(other string) []validator.String {
		return []validator.String{stringvalidator.ConflictsWith(path.MatchRoot(other))}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Declares the data centers of a Concord single sign-on domain: their roles, the partners they trust, what is replicated between them, and the users, applications and policies they share. Use one provider alias for each data center.",
		Attributes: map[string]schema.Attribute{
			"endpoint":         schema.StringAttribute{Optional: true, MarkdownDescription: "Address of a data center's admin listener, such as `https://ny.example.com:7400`. Environment: `CONCORD_ENDPOINT`."},
			"token":            schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Token of an administrator of that data center; the first one is in `bootstrap.token` in the server's data directory. Never sent over plain `http://`, except on loopback. Environment: `CONCORD_TOKEN`."},
			"username":         schema.StringAttribute{Optional: true, Validators: either("token"), MarkdownDescription: "Name of a user of that data center whom an administrators' role names, in the place of `token`. The provider signs in with `password`, keeps that alive by itself, and signs in again when another data center answers. Environment: `CONCORD_USERNAME`."},
			"password":         schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: "Password of this user. Never sent over plain `http://`, except on loopback. Environment: `CONCORD_PASSWORD`."},
			"ca_cert_pem":      schema.StringAttribute{Optional: true, CustomType: attr.PEMType{}, Validators: either("ca_cert_file"), MarkdownDescription: "Root certificates, as PEM text, that the server's certificate must lead to, instead of the system's."},
			"ca_cert_file":     schema.StringAttribute{Optional: true, MarkdownDescription: "Path of a file with these root certificates; on the server it is `ca.pem` in the data directory. Environment: `CONCORD_CACERT`."},
			"client_cert_pem":  schema.StringAttribute{Optional: true, CustomType: attr.PEMType{}, Validators: either("client_cert_file"), MarkdownDescription: "Certificate, as PEM text, that the provider shows to the server."},
			"client_cert_file": schema.StringAttribute{Optional: true, MarkdownDescription: "Path of a file with this certificate. Environment: `CONCORD_CLIENT_CERT`."},
			"client_key_pem":   schema.StringAttribute{Optional: true, Sensitive: true, Validators: either("client_key_file"), MarkdownDescription: "Private key of the client certificate, as PEM text."},
			"client_key_file":  schema.StringAttribute{Optional: true, MarkdownDescription: "Path of a file with this private key. Environment: `CONCORD_CLIENT_KEY`."},
			"max_retries":      schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(0, 100)}, MarkdownDescription: "How often a request is repeated that failed for a reason that may pass, such as a server that starts; default 4. Only requests that may safely be sent twice are repeated."},
			"request_timeout":  schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(minTimeout, maxTimeout)}, MarkdownDescription: "Longest time that one attempt of a request may take; default `30s`."},
		},
	}
}

// Configure makes the client. It calls nothing: a data center that is down, or that is still to be created, shows when a
// resource needs it.
func (p *concord) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	connected := &connection{}
	resp.ResourceData, resp.DataSourceData, resp.EphemeralResourceData = connected, connected, connected
	resp.ListResourceData, resp.ActionData = connected, connected
	if m.unknown() {
		return
	}
	cfg := m.resolve(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	cfg.UserAgent = fmt.Sprintf("Terraform/%s (+https://www.terraform.io) terraform-provider-concord/%s", req.TerraformVersion, p.version)
	cfg.Logger = slog.New(logHandler{})
	c, err := client.New(cfg)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("endpoint"), "Concord provider cannot be configured", sentence(err.Error()))
		return
	}
	connected.client = c
}

// Resources lists every resource.
func (p *concord) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newDataCenter, newPartnerProfile, newPartner, newTrustedCertificate, newAgreement, newSessionPolicy, newPasswordPolicy,
		newUser, newGroup, newApplication, newAuthorizationPolicy, newAgent,
		newUserCollection, newGroupCollection, newApplicationCollection,
		newSecurityDomain, newIdentityStore, newAuthenticationScheme,
		newAdminRole, newAdminToken,
		newSetting, newOverride, newPackage,
		newCertificate,
	}
}

// ListResources lists what every resource has to be found by.
func (p *concord) ListResources(ctx context.Context) []func() list.ListResource {
	return listResources(p.Resources(ctx))
}

// Actions lists what a data center can be asked to do once.
func (p *concord) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newPromote, newDemote, newPull, newTestPartner}
}

// DataSources lists every data source.
func (p *concord) DataSources(context.Context) []func() datasource.DataSource {
	return append([]func() datasource.DataSource{newDataCenterSource, newTrustBundleSource, newPartnerTrustSource, newReplicationStatusSource, newSessionsSource, newRemoteCertificateSource, newTrustMatrixSource, newValidationSource, newFailoverSimulationSource},
		pluralSources()...)
}

// EphemeralResources lists every ephemeral resource.
func (p *concord) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{newClientCertificate, newJoinToken, newSecurityContext}
}

// Functions lists every function.
func (p *concord) Functions(context.Context) []func() function.Function { return concordfunction.All() }

// connection is what resources get from the provider block: a client, or none while the block holds unknown values.
type connection struct {
	client  *client.Client
	planned planned
	ahead   readAhead
}

// settings is the provider block.
type settings struct {
	Endpoint       types.String  `tfsdk:"endpoint"`
	Token          types.String  `tfsdk:"token"`
	Username       types.String  `tfsdk:"username"`
	Password       types.String  `tfsdk:"password"`
	CACertPEM      attr.PEM      `tfsdk:"ca_cert_pem"`
	CACertFile     types.String  `tfsdk:"ca_cert_file"`
	ClientCertPEM  attr.PEM      `tfsdk:"client_cert_pem"`
	ClientCertFile types.String  `tfsdk:"client_cert_file"`
	ClientKeyPEM   types.String  `tfsdk:"client_key_pem"`
	ClientKeyFile  types.String  `tfsdk:"client_key_file"`
	MaxRetries     types.Int64   `tfsdk:"max_retries"`
	RequestTimeout attr.Duration `tfsdk:"request_timeout"`
}
