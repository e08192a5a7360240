package provider

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ action.ActionWithConfigure  = (*probeAction)(nil)
	_ action.ActionWithModifyPlan = (*probeAction)(nil)
)

// probeTime is longer than the server takes for both directions.
const probeTime = 45 * time.Second

// probeAction is concord_test_partner: it tests a partner in both directions.
type probeAction struct{ operating }

func newTestPartner() action.Action {
	return &probeAction{operating{kind: kind{name: "test_partner", noun: "partner", numbered: true, path: []string{"v1", "partners"}}}}
}

// Schema describes the action.
func (a *probeAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Tests each step of the way from the data center of the provider's endpoint to a partner, and has the partner test its way back, where it allows that. It changes nothing, and fails where a step fails. Trigger it after a `concord_partner` is created or updated." + needsNewer,
		Attributes: map[string]schema.Attribute{
			"cluster_id": schema.StringAttribute{Required: true, Validators: []validator.String{attr.ClusterID()},
				MarkdownDescription: "Cluster id of the partner, which must be registered as a `concord_partner` at the provider's endpoint."},
			"required": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether a step that fails is an error; default `true`. With `false` it is a warning, such as while only one side is declared yet."},
		},
	}
}

// Invoke tests, and tells of every step.
func (a *probeAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var partner types.String
	var required types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("cluster_id"), &partner)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("required"), &required)...)
	if !a.ready(&resp.Diagnostics) {
		return
	}
	id := partner.ValueString()
	tell(resp, "Testing %s in both directions.", id)
	var out wire.PartnerTest
	if _, err := a.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(append(append([]string(nil), a.path...), id, "test")...), Out: &out, Timeout: probeTime}); err != nil {
		a.refused(testing, id, req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	var broken []string
	for _, c := range out.Checks {
		step := fmt.Sprintf("%s %s: %s", c.Direction, c.Name, c.Result)
		if c.Detail != "" {
			step += ", " + c.Detail
		}
		tell(resp, "%s", step)
		if c.Result == wire.ResultFail {
			broken = append(broken, fullStop(step))
		}
	}
	if out.Result == wire.ResultPass {
		return
	}
	summary, detail := fmt.Sprintf("The test of %s failed", out.ID), paragraphs(append(broken, "Outbound is from the data center at the provider's endpoint to the partner, inbound the way back.")...)
	if required.IsNull() || required.ValueBool() {
		resp.Diagnostics.AddError(summary, detail)
		return
	}
	resp.Diagnostics.AddWarning(summary, detail)
}
