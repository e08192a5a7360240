package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ ephemeral.EphemeralResourceWithConfigure = (*securityContext)(nil)
	_ ephemeral.EphemeralResourceWithRenew     = (*securityContext)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*securityContext)(nil)
)

// securityContext is an administrator who is signed in for one run. Its token is never in a plan or a state.
type securityContext struct{ opened }

func newSecurityContext() ephemeral.EphemeralResource {
	return &securityContext{opened{kind: kind{name: "security_context", noun: "security context", path: []string{"v1", "security-contexts"}}}}
}

// Schema describes the ephemeral resource.
func (e *securityContext) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An administrator who is signed in with a user's name and password: a token of a few minutes, for another provider, a provisioner or a script. Terraform opens it in each plan and each apply, renews it for as long as it is needed, and closes it. Its token is never in a plan or a state. " +
			"For this provider itself set `username` and `password` in the provider block.",
		Attributes: map[string]schema.Attribute{
			"username": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				MarkdownDescription: "Name of a user of the local identity store whom an administrators' role names."},
			"password": schema.StringAttribute{Required: true, Sensitive: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 1024)},
				MarkdownDescription: "Password of this user, best from an ephemeral variable."},
			"ttl": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(time.Minute, time.Hour)},
				MarkdownDescription: "How long it lives without being renewed, from `1m` to `1h`. Default `15m`. However often it is renewed, it ends 12 hours after it was opened."},
			"id":         schema.StringAttribute{Computed: true, MarkdownDescription: "The id of the security context, which is no secret."},
			"expires_at": schema.StringAttribute{Computed: true, MarkdownDescription: "When it ends unless it is renewed, as RFC 3339."},
			"token":      schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "What is sent as `Authorization: Bearer`, to this data center only."},
		},
	}
}

type securityContextModel struct {
	Username  types.String  `tfsdk:"username"`
	Password  types.String  `tfsdk:"password"`
	TTL       attr.Duration `tfsdk:"ttl"`
	ID        types.String  `tfsdk:"id"`
	ExpiresAt types.String  `tfsdk:"expires_at"`
	Token     types.String  `tfsdk:"token"`
}

// heldContext is what renewing and closing need; it stays inside of Terraform's run.
type heldContext struct {
	ID    string        `json:"id"`
	Token string        `json:"token"`
	Life  time.Duration `json:"life"`
}

func (h heldContext) request(method string, out any, more ...string) client.Request {
	return client.Request{Method: method, Path: client.Path(append([]string{"v1", "security-contexts", h.ID}, more...)...), Out: out, Retry: true,
		Header: http.Header{"Authorization": {"Bearer " + h.Token}}}
}

// renewAt leaves a third of its life for what goes wrong.
func (h heldContext) renewAt() time.Time { return time.Now().Add(h.Life * 2 / 3) }

// Open signs in.
func (e *securityContext) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m securityContextModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if e.client == nil { // only a plan opens it so, and an apply anew
		m.ID, m.ExpiresAt, m.Token = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
		return
	}
	in := wire.SecurityContextRequest{User: m.Username.ValueString(), Password: m.Password.ValueString(), TTL: m.TTL.ValueString()}
	var out wire.SecurityContextOpened
	if _, err := e.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(e.path...), In: in, Out: &out}); err != nil {
		e.refused(creating, in.User, req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.ID, m.ExpiresAt, m.Token = types.StringValue(out.ID), moment(&out.ExpiresAt), types.StringValue(out.Token)
	held := heldContext{out.ID, out.Token, out.ExpiresAt.Sub(out.OpenedAt)}
	resp.RenewAt = held.renewAt()
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
	if b, err := json.Marshal(held); err == nil {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, "context", b)...)
	}
}

// Renew gives it more time.
func (e *securityContext) Renew(ctx context.Context, req ephemeral.RenewRequest, resp *ephemeral.RenewResponse) {
	b, d := req.Private.GetKey(ctx, "context")
	resp.Diagnostics.Append(d...)
	var held heldContext
	if len(b) == 0 || json.Unmarshal(b, &held) != nil || e.client == nil {
		return
	}
	var out wire.SecurityContextView
	if _, err := e.client.Do(ctx, held.request(http.MethodPost, &out, "renew")); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Cannot renew %s %q", e.noun, held.ID), sentence(err.Error())+requestLine(err))
		return
	}
	resp.RenewAt = held.renewAt()
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, "context", b)...)
}

// Close signs out.
func (e *securityContext) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	b, d := req.Private.GetKey(ctx, "context")
	resp.Diagnostics.Append(d...)
	var held heldContext
	if len(b) == 0 || json.Unmarshal(b, &held) != nil || e.client == nil {
		return
	}
	_, err := e.client.Do(ctx, held.request(http.MethodDelete, nil))
	if err != nil && !gone(err) && !fault.Is(err, fault.Unauthenticated) { // it has ended already
		resp.Diagnostics.AddError(fmt.Sprintf("Cannot close %s %q", e.noun, held.ID), sentence(err.Error())+requestLine(err))
	}
}
