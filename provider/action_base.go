package provider

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

// operating does what every action does. An action asks the data center that the provider's endpoint is to do something once; it
// leaves nothing in a state.
type operating struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

// needsNewer ends the description of every action.
const needsNewer = " Needs Terraform 1.14 or newer."

// Metadata names the type.
func (o *operating) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + o.name
}

// Configure takes the client over.
func (o *operating) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		o.client = c.client
	}
}

// ModifyPlan puts the action off, where Terraform can do that, until the provider block is known.
func (o *operating) ModifyPlan(_ context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	if o.client == nil && req.ClientCapabilities.DeferralAllowed {
		resp.Deferred = &action.Deferred{Reason: action.DeferredReasonProviderConfigUnknown}
	}
}

// ready says whether the action may begin: no error so far, and a client.
func (o *operating) ready(diags *diag.Diagnostics) bool {
	if !diags.HasError() && o.client == nil {
		addUnconfigured(diags)
	}
	return !diags.HasError()
}

// endpoint asks which data center it is, and refuses another one than the action names.
func (o *operating) endpoint(ctx context.Context, named types.String, s typed, op operation, diags *diag.Diagnostics) (here wire.DataCenterView, ok bool) {
	if _, err := o.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path("v1", "data-center"), Out: &here}); err != nil {
		o.refused(op, named.ValueString(), s, err, diags)
		return here, false
	}
	if !named.IsNull() && !sameName(named.ValueString(), here.ClusterID) {
		diags.AddAttributeError(path.Root("cluster_id"), fmt.Sprintf("This is not %s", named.ValueString()),
			fmt.Sprintf("The endpoint of this action's provider, %s, is the data center %s. Nothing was changed. Use the provider alias of %s.", o.client.Endpoint(), here.ClusterID, named.ValueString()))
		return here, false
	}
	return here, true
}

// expectedHere is the argument that endpoint checks.
func expectedHere() schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: []validator.String{attr.ClusterID()},
		MarkdownDescription: "Cluster id of the data center that the provider's endpoint must be; where it is another one, nothing is done. By default it is not looked at."}
}

// tell sends a progress message.
func tell(resp *action.InvokeResponse, format string, args ...any) {
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, args...)})
}

// patience is how long an answer may take that the server itself bounds by wait.
func patience(wait time.Duration) time.Duration { return wait + 30*time.Second }
