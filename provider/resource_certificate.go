package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState = (*issuedResource)(nil)
	_ resource.ResourceWithIdentity    = (*issuedResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*issuedResource)(nil)

	_ resource.ResourceWithValidateConfig = (*issuedResource)(nil)
)

// issuedResource is a certificate that the data center issues for a request. It never holds a private key.
type issuedResource struct {
	base[issuedModel, wire.CertificateView, *issuedModel]
}

func newCertificate() resource.Resource {
	r := &issuedResource{}
	r.kind = kind{name: "certificate", noun: "certificate", path: []string{"v1", "certificates"}, numbered: true, filters: issuedFilters(),
		listed: "The request that it was issued for is not known: `csr_pem` is yours to write."}
	return r
}

const (
	leastLife = time.Minute
	mostLife  = 90 * 24 * time.Hour
)

// profiles of certificates, as the server names them.
func profiles() []string { return []string{"node", "agent", "administrator", "user", "web_server"} }

// issuedFilters are what the server chooses certificates by.
func issuedFilters() []filter {
	return []filter{
		{name: "profile", oneOf: profiles(), about: "Only those of this profile: `node`, `agent`, `administrator`, `user` or `web_server`."},
		{name: "identity", about: "Only those of this identity, written in full."},
		{name: "status", oneOf: []string{"valid", "expired", "revoked"}, otherwise: "valid", about: "Only those that are `valid` (the default), `expired` or `revoked`; what is not valid any more is replaced by the next apply of its resource."},
	}
}

// Schema describes the resource.
func (r *issuedResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	again := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	attributes := map[string]schema.Attribute{
		"id": idAttribute("The serial; also what the certificate is imported by."),
		"profile": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf(profiles()...)}, PlanModifiers: again,
			MarkdownDescription: "What the certificate is for: `node`, `agent`, `administrator` or `user` (a person), each with the one name `spiffe://<cluster id in lower case>/node/…`, `/agent/…`, `/admin/…` or `/user/…`, or `web_server`, with DNS names and IP addresses."},
		"csr_pem": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 16<<10)}, PlanModifiers: []planmodifier.String{replaceUnlessImported()},
			MarkdownDescription: "Certificate request as PEM text, usually of `tls_cert_request`. Its subject alternative names have to be exactly the names of the certificate. The key stays where the request was made."},
		"ttl": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(leastLife, mostLife)}, PlanModifiers: []planmodifier.String{replaceUnlessImported()},
			MarkdownDescription: "How long the certificate lives, from `1m` to `2160h`; the server's `leaf_ttl` by default. It never outlives the certificate that signs it."},
		"early_renewal": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(0, mostLife)},
			MarkdownDescription: "How long before its end the certificate is replaced by the next apply, such as `240h`. By default it is replaced when it has expired. Use `create_before_destroy`, so that the new one is there before the old one is revoked."},
		"revoke_on_destroy": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
			MarkdownDescription: "Whether destroying the resource revokes the certificate; otherwise it stays valid until it ends. Default `true`."},
	}
	for name, text := range map[string]string{
		"serial": "Serial in lower-case hex without leading zeros.", "identity": "Its one URI; of a web server, its first name.",
		"issued_at": "When it was issued, as RFC 3339.", "not_before": "From when it is valid, as RFC 3339.", "expires_at": "When it ends, as RFC 3339.",
		"fingerprint_sha256": "SHA-256 of its DER form in lower-case hex.", "certificate_pem": "The certificate as PEM text.",
		"chain_pem": "The issuing certificates above it as PEM text, without the root: append it to `certificate_pem` for a server.",
		"status":    "`valid`, `expired` or `revoked`; what is not valid any more is replaced by the next apply.",
	} {
		attributes[name] = schema.StringAttribute{Computed: true, MarkdownDescription: text, PlanModifiers: kept}
	}
	attributes["names"] = schema.SetAttribute{Computed: true, ElementType: types.StringType, PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
		MarkdownDescription: "All subject alternative names."}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A certificate that the data center issues for a certificate request. It is replaced when it comes to its end, and revoked when it is destroyed. Belongs to one data center and is not replicated. For a key that the server makes and that never lies in the state, use the ephemeral `concord_client_certificate`.",
		Attributes:          attributes,
	}
}

// replaceUnlessImported makes a new certificate when what it was asked by changes. The server does not give that back, so
// after an import it is taken from the configuration.
func replaceUnlessImported() planmodifier.String {
	what := "A change makes a new certificate; after an import the value is taken from the configuration."
	return stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = !req.StateValue.IsNull()
	}, what, what)
}

type issuedModel struct {
	noSecret
	ID              types.String  `tfsdk:"id"`
	Profile         types.String  `tfsdk:"profile"`
	CSRPEM          types.String  `tfsdk:"csr_pem"`
	TTL             attr.Duration `tfsdk:"ttl"`
	EarlyRenewal    attr.Duration `tfsdk:"early_renewal"`
	RevokeOnDestroy types.Bool    `tfsdk:"revoke_on_destroy"`
	Serial          types.String  `tfsdk:"serial"`
	Identity        types.String  `tfsdk:"identity"`
	Names           types.Set     `tfsdk:"names"`
	Status          types.String  `tfsdk:"status"`
	IssuedAt        types.String  `tfsdk:"issued_at"`
	NotBefore       types.String  `tfsdk:"not_before"`
	ExpiresAt       types.String  `tfsdk:"expires_at"`
	Fingerprint     types.String  `tfsdk:"fingerprint_sha256"`
	CertificatePEM  types.String  `tfsdk:"certificate_pem"`
	ChainPEM        types.String  `tfsdk:"chain_pem"`
}

func (m *issuedModel) key() string          { return m.Serial.ValueString() }
func (m *issuedModel) ident() *types.String { return &m.ID }

func (m *issuedModel) title() string {
	return m.Identity.ValueString() + ", serial " + m.Serial.ValueString()
}

func (m *issuedModel) body(config *issuedModel, _ bool) any {
	return wire.CertificateOrder{Profile: config.Profile.ValueString(), CSRPEM: config.CSRPEM.ValueString(), TTL: config.TTL.ValueString()}
}

func (m *issuedModel) fill(v wire.CertificateView) {
	m.ID, m.Serial, m.Profile, m.Identity = types.StringValue(v.ID), types.StringValue(v.Serial), types.StringValue(v.Profile), types.StringValue(v.Identity)
	m.Status, m.Fingerprint = types.StringValue(v.Status), types.StringValue(v.FingerprintSHA256)
	m.IssuedAt, m.NotBefore, m.ExpiresAt = moment(&v.IssuedAt), moment(&v.NotBefore), moment(&v.ExpiresAt)
	m.CertificatePEM, m.ChainPEM = types.StringValue(v.CertificatePEM), types.StringValue(v.ChainPEM)
	m.Names = textSet(v.Names)
	if m.RevokeOnDestroy.IsNull() || m.RevokeOnDestroy.IsUnknown() { // imported
		m.RevokeOnDestroy = types.BoolValue(true)
	}
}

// ends says why a certificate has to be replaced at now; "" when it holds.
func (m *issuedModel) ends(early attr.Duration, now time.Time) string {
	at, err := time.Parse(time.RFC3339, m.ExpiresAt.ValueString())
	before, _ := early.Span()
	switch {
	case m.Status.ValueString() == "revoked":
		return "it was revoked"
	case err == nil && !now.Before(at):
		return "it has expired"
	case err == nil && !now.Before(at.Add(-before)):
		return "it ends at " + m.ExpiresAt.ValueString() + ", which is within early_renewal"
	}
	return ""
}

// ValidateConfig refuses a certificate that would be replaced by every apply.
func (r *issuedResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m issuedModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	life, known := m.TTL.Span()
	if early, given := m.EarlyRenewal.Span(); known && given && early >= life {
		resp.Diagnostics.AddAttributeError(path.Root("early_renewal"), "Renewal before the beginning",
			"early_renewal has to be shorter than ttl: otherwise every apply would replace the certificate.")
	}
}

// ModifyPlan replaces what is at its end.
func (r *issuedResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.State.Raw.IsNull() || req.Plan.Raw.IsNull() {
		r.base.ModifyPlan(ctx, req, resp)
		return
	}
	var state, plan issuedModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	why := state.ends(plan.EarlyRenewal, time.Now())
	if why == "" {
		r.base.ModifyPlan(ctx, req, resp)
		return
	}
	resp.Diagnostics.AddWarning(fmt.Sprintf("Certificate %s is replaced", state.Serial.ValueString()), "A new one is issued, because "+why+".")
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("status"), types.StringUnknown())...)
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("status"))
}

// Create has the certificate issued.
func (r *issuedResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan issuedModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !r.ready(&resp.Diagnostics) {
		return
	}
	var made wire.IssuedCertificate
	// The key makes the request one that may be repeated when its answer is lost. It is new in each apply: a replacement orders the same again.
	once := http.Header{wire.HeaderIdempotencyKey: {rand.Text()}}
	if _, err := r.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(r.path...), In: plan.body(&plan, false), Out: &made, Header: once, Retry: true}); err != nil {
		r.refused(creating, "", req.Plan.Schema, err, &resp.Diagnostics)
		return
	}
	plan.fill(made.CertificateView)
	r.keep(ctx, &plan, "", kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Update takes over what the server does not know: how the certificate is replaced and destroyed.
func (r *issuedResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan issuedModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !r.ready(&resp.Diagnostics) {
		return
	}
	var view wire.CertificateView
	id := plan.ident().ValueString()
	if _, err := r.client.Do(ctx, client.Request{Method: http.MethodGet, Path: r.at(id), Out: &view}); err != nil {
		r.refused(updating, id, req.Plan.Schema, err, &resp.Diagnostics)
		return
	}
	plan.fill(view)
	r.keep(ctx, &plan, "", kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Delete revokes the certificate, or only forgets it. What has ended already is fine.
func (r *issuedResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state issuedModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.ready(&resp.Diagnostics) || !state.RevokeOnDestroy.ValueBool() {
		return
	}
	id := state.ident().ValueString()
	_, err := r.client.Do(ctx, client.Request{Method: http.MethodPost, Path: r.at(id) + "/revoke", In: wire.CertificateRevocation{Reason: "cessation_of_operation"}})
	if err != nil && !gone(err) {
		r.refused(deleting, id, req.State.Schema, err, &resp.Diagnostics)
	}
}
