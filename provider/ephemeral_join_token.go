package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ ephemeral.EphemeralResourceWithConfigure      = (*joinToken)(nil)
	_ ephemeral.EphemeralResourceWithClose          = (*joinToken)(nil)
	_ ephemeral.EphemeralResourceWithValidateConfig = (*joinToken)(nil)
)

// joinToken is a one-time token. Its text is never in a plan or a state.
type joinToken struct{ opened }

func newJoinToken() ephemeral.EphemeralResource {
	return &joinToken{opened{kind: kind{name: "join_token", noun: "join token", path: []string{"v1", "trust", "join-tokens"}}}}
}

// Schema describes the ephemeral resource.
func (e *joinToken) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A one-time join token: whoever holds its text gets the certificate that it is for with `concord trust enroll`, or links another data center with `concord trust join`, once and without a copied key. Its text is never in a plan or a state. Terraform makes a new one in each plan and each apply, so keep `ttl` short.",
		Attributes: map[string]schema.Attribute{
			"purpose": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf(wire.JoinDataCenter, wire.JoinNode, wire.JoinAgent, wire.JoinAdministrator)},
				MarkdownDescription: "What the token is for: a `data_center` that joins this one, or the certificate of a `node`, an `agent` or an `administrator`."},
			"name": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 128)},
				MarkdownDescription: "The name of the node, agent or administrator."},
			"cluster_id": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.ClusterID()},
				MarkdownDescription: "The cluster id of the data center that may join; by default any."},
			"ttl": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(time.Minute, 24*time.Hour)},
				MarkdownDescription: "How long the token is good, from `1m` to `24h`. Default `15m`."},
			"endpoints": schema.ListAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Addresses of this data center's peer listener as the holder of the token reaches them, `host:port`; by default the one that the server advertises."},
			"revoke_on_close": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether a token that nobody has used is withdrawn when Terraform is done with it. Default `false`, since it is usually handed on."},
			"id":              schema.StringAttribute{Computed: true, MarkdownDescription: "The token's id, which is no secret."},
			"expires_at":      schema.StringAttribute{Computed: true, MarkdownDescription: "When the token ends, as RFC 3339."},
			"token":           schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The text of the token. Whoever has it first can use it."},
		},
	}
}

type joinTokenModel struct {
	Purpose       types.String  `tfsdk:"purpose"`
	Name          types.String  `tfsdk:"name"`
	ClusterID     types.String  `tfsdk:"cluster_id"`
	TTL           attr.Duration `tfsdk:"ttl"`
	Endpoints     []string      `tfsdk:"endpoints"`
	RevokeOnClose types.Bool    `tfsdk:"revoke_on_close"`
	ID            types.String  `tfsdk:"id"`
	ExpiresAt     types.String  `tfsdk:"expires_at"`
	Token         types.String  `tfsdk:"token"`
}

// ValidateConfig refuses at plan what the server would refuse: the name of the wrong sort.
func (e *joinToken) ValidateConfig(ctx context.Context, req ephemeral.ValidateConfigRequest, resp *ephemeral.ValidateConfigResponse) {
	var purpose, name, cluster types.String
	for at, into := range map[string]*types.String{"purpose": &purpose, "name": &name, "cluster_id": &cluster} {
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(at), into)...)
	}
	if resp.Diagnostics.HasError() || purpose.IsUnknown() {
		return
	}
	wrong := func(at, detail string) {
		resp.Diagnostics.Append(diag.NewAttributeErrorDiagnostic(path.Root(at), "Join token is for something else", detail))
	}
	center := purpose.ValueString() == wire.JoinDataCenter
	switch {
	case center && !name.IsNull():
		wrong("name", "A data center is named by cluster_id.")
	case !center && name.IsNull():
		wrong("name", "Whom is the "+purpose.ValueString()+"'s token for? Set name.")
	case !center && !cluster.IsNull():
		wrong("cluster_id", "Only tokens with purpose = \"data_center\" have one; set name.")
	}
}

// Open has the token made.
func (e *joinToken) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m joinTokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if e.client == nil { // only a plan opens it so, and an apply anew
		m.ID, m.ExpiresAt, m.Token = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
		return
	}
	in := wire.JoinTokenRequest{Purpose: m.Purpose.ValueString(), Name: m.Name.ValueString(), ClusterID: m.ClusterID.ValueString(), TTL: m.TTL.ValueString(), Endpoints: m.Endpoints}
	var made wire.JoinTokenMade
	if _, err := e.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(e.path...), In: in, Out: &made}); err != nil {
		e.refused(creating, in.Name+in.ClusterID, req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.ID, m.ExpiresAt, m.Token = types.StringValue(made.ID), types.StringValue(made.ExpiresAt.UTC().Format(time.RFC3339)), types.StringValue(made.Token)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
	if m.RevokeOnClose.ValueBool() {
		if b, err := json.Marshal(made.ID); err == nil {
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, "revoke", b)...)
		}
	}
}

// Close withdraws the token if that was asked for and nobody has used it.
func (e *joinToken) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	b, d := req.Private.GetKey(ctx, "revoke")
	resp.Diagnostics.Append(d...)
	var id string
	if len(b) == 0 || json.Unmarshal(b, &id) != nil || e.client == nil {
		return
	}
	_, err := e.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path(append(append([]string(nil), e.path...), id)...)})
	if err != nil && !gone(err) && fault.CodeOf(err) != "join_token_used" {
		resp.Diagnostics.AddError(fmt.Sprintf("Cannot withdraw %s %q", e.noun, id), sentence(err.Error())+requestLine(err))
	}
}
