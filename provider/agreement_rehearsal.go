package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// rehearseNew has the server judge a new agreement, and the other data center as far as it answers. What the same apply may still put
// right, such as a partner or a role that is not there yet, is no fault of a plan.
func (r *agreementResource) rehearseNew(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.client == nil || resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || !req.State.Raw.IsNull() || !req.Config.Raw.IsFullyKnown() {
		return
	}
	var plan agreementModel
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	err := r.planned.try(ctx, r.client, client.Request{Method: http.MethodPost, Path: client.Path(r.path...), Query: url.Values{"dry_run": {"true"}}, In: plan.body(nil, false), Retry: true})
	k := r.kind
	if r.planned.closed(ctx, r.client) {
		k.judged.codes = append(slices.Clone(k.judged.codes), "not_master")
	}
	if err = k.certain(req.Plan.Schema, err); err != nil {
		r.refused(creating, plan.key(), req.Plan.Schema, err, &resp.Diagnostics)
	}
}
