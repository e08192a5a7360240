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

var (
	_ action.ActionWithConfigure  = (*mastershipAction)(nil)
	_ action.ActionWithModifyPlan = (*mastershipAction)(nil)
)

// Bounds of wait.
const (
	defaultMastershipWait = 5 * time.Second
	mostMastershipWait    = time.Minute
)

// mastershipAction promotes or demotes a data center.
type mastershipAction struct {
	operating
	verb   operation // also the last part of the route
	asked  string    // what it is asked to do
	about  string
	force  string // what it does
	chosen bool   // a successor can be named
}

func newPromote() action.Action {
	return &mastershipAction{operating: operating{kind: kind{name: "promote", noun: "data center", numbered: true}}, verb: promoting, asked: "become the master",
		about: "Makes the data center that the provider's endpoint is, a clone, the master. Its master holds changes until the clone has all of them and becomes a clone itself, so nothing is lost; where that cannot be, nothing is done and the error says what would be lost. " +
			"At a master it does nothing. Afterwards write the new roles into the configuration, and swap `source` and `target` of the agreement: a plan refuses to undo a promotion.",
		force: "Whether it becomes the master also where its master does not answer, or has changes that this clone lacks; default `false`. What is lost is named, and what the former master has is kept there as a conflict file."}
}

func newDemote() action.Action {
	return &mastershipAction{operating: operating{kind: kind{name: "demote", noun: "data center", numbered: true}}, verb: demoting, asked: "hand the master's role over", chosen: true,
		about: "Hands the role of the master, which the data center of the provider's endpoint has, to one of its clones, and makes it a clone. Nothing is lost; where no clone can take over, nothing is done. At a clone it does nothing. " +
			"Afterwards write the new roles into the configuration, and swap `source` and `target` of the agreement.",
		force: "Whether it steps down also where no clone can take over; default `false`. Then nobody takes changes until a data center is promoted."}
}

// Schema describes the action.
func (a *mastershipAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"cluster_id": expectedHere(),
		"force":      schema.BoolAttribute{Optional: true, MarkdownDescription: a.force},
		"wait": schema.StringAttribute{Optional: true, CustomType: attr.DurationType{}, Validators: []validator.String{attr.DurationBetween(time.Millisecond, mostMastershipWait)},
			MarkdownDescription: "How long the new master may take to catch up, up to `1m`; default `5s`."},
	}
	if a.chosen {
		attributes["to"] = schema.StringAttribute{Optional: true, Validators: []validator.String{attr.ClusterID()},
			MarkdownDescription: "Cluster id of the clone that shall be the master; by default the one that has most."}
	}
	resp.Schema = schema.Schema{Attributes: attributes, MarkdownDescription: a.about + needsNewer}
}

// Invoke changes who is the master.
func (a *mastershipAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var named, to types.String
	var force types.Bool
	var wait attr.Duration
	diags := &resp.Diagnostics
	diags.Append(req.Config.GetAttribute(ctx, path.Root("cluster_id"), &named)...)
	diags.Append(req.Config.GetAttribute(ctx, path.Root("force"), &force)...)
	diags.Append(req.Config.GetAttribute(ctx, path.Root("wait"), &wait)...)
	if a.chosen {
		diags.Append(req.Config.GetAttribute(ctx, path.Root("to"), &to)...)
	}
	if !a.ready(diags) {
		return
	}
	here, ok := a.endpoint(ctx, named, req.Config.Schema, a.verb, diags)
	if !ok {
		return
	}
	limit := defaultMastershipWait
	if d, given := span(wait); given {
		limit = d
	}
	tell(resp, "%s (%s, epoch %d, sequence %d) is asked to %s; the new master may take up to %s to catch up.", here.ClusterID, here.Role, here.Epoch, here.LastSequence, a.asked, limit)
	var out wire.MastershipOutcome
	in := wire.MastershipChange{Force: force.ValueBool(), Wait: limit.String(), To: to.ValueString()}
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "data-center", string(a.verb)), In: in, Out: &out, Timeout: patience(limit)})
	if err != nil {
		a.refused(a.verb, here.ClusterID, req.Config.Schema, err, diags)
		return
	}
	tell(resp, "%s", became(out))
	lost(out, diags)
}

// became says what came of it.
func became(o wire.MastershipOutcome) string {
	switch {
	case !o.Changed:
		return fmt.Sprintf("%s is a %s already, in epoch %d: nothing was done.", o.ID, o.Role, o.Epoch)
	case o.Master == "":
		return fmt.Sprintf("%s is a %s now, and nobody is the master: promote a data center.", o.ID, o.Role)
	case o.FormerMaster == "":
		return fmt.Sprintf("%s is the master, in epoch %d after sequence %d.", o.Master, o.Epoch, o.BaseSequence)
	}
	return fmt.Sprintf("%s is the master now in the place of %s, in epoch %d after sequence %d. Write the new roles into the configuration before the next plan.", o.Master, o.FormerMaster, o.Epoch, o.BaseSequence)
}

// lost warns of what a forced change cost.
func lost(o wire.MastershipOutcome, diags *diag.Diagnostics) {
	const where = " What the former master has of it is kept there as a conflict file when it comes back: concord replication conflicts list, show and reapply."
	switch {
	case o.Lost != nil && o.MayBeLost:
		diags.AddWarning("Changes are lost", fmt.Sprintf("The changes %d to %d of %s, and what came after them, are not at %s.%s", o.Lost.First, o.Lost.Last, o.FormerMaster, o.Master, where))
	case o.Lost != nil:
		diags.AddWarning("Changes are lost", fmt.Sprintf("The changes %d to %d of %s are not at %s.%s", o.Lost.First, o.Lost.Last, o.FormerMaster, o.Master, where))
	case o.MayBeLost:
		diags.AddWarning("Changes may be lost", fmt.Sprintf("The former master could not be asked what it acknowledged last, so nobody knows whether %s has all of it.%s", o.Master, where))
	}
}
