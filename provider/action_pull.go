package provider

import (
	"context"
	"fmt"
	"net/http"
	"strings"
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
	_ action.ActionWithConfigure  = (*pullAction)(nil)
	_ action.ActionWithModifyPlan = (*pullAction)(nil)
)

// pullTime is longer than the server takes for it.
const pullTime = 30 * time.Second

// pullAction makes a clone ask its master.
type pullAction struct{ operating }

func newPull() action.Action {
	return &pullAction{operating{kind: kind{name: "pull", noun: "replication agreement", numbered: true, path: []string{"v1", "replication", "agreements"}}}}
}

// Schema describes the action.
func (a *pullAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes the clone of a replication agreement ask its master now, instead of when `poll_interval` is over, also where the agreement is stopped by an error. The provider's endpoint is either of the two data centers. It fails where the clone does not follow after that." + needsNewer,
		Attributes: map[string]schema.Attribute{
			"agreement": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()},
				MarkdownDescription: "Identifier of the agreement, such as `concord_replication_agreement.x.id`, or its name where no other agreement has it."},
		},
	}
}

// Invoke has the clone ask.
func (a *pullAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var written types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("agreement"), &written)...)
	if !a.ready(&resp.Diagnostics) {
		return
	}
	all, err := client.All[wire.AgreementView](ctx, a.client, client.Path(a.path...), nil)
	if err != nil {
		a.refused(pulling, written.ValueString(), req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	id := agreementID(written.ValueString(), all)
	at := -1
	for i := range all {
		if all[i].ID == id {
			at = i
		}
	}
	if at < 0 {
		resp.Diagnostics.AddAttributeError(path.Root("agreement"), fmt.Sprintf("There is no one replication agreement %q", written.ValueString()), severalAgreements(all))
		return
	}
	tell(resp, "%s is to ask %s now.", all[at].Target, all[at].Source)
	var now wire.AgreementStatus
	if _, err := a.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(append(append([]string(nil), a.path...), id, "pull")...), Out: &now, Timeout: pullTime}); err != nil {
		a.refused(pulling, id, req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	tell(resp, "%s is %s: it has sequence %d of %d.", now.Target, now.State, now.AppliedSequence, now.LatestSequence)
	if !now.Healthy {
		resp.Diagnostics.AddError(fmt.Sprintf("%s does not follow %s", now.Target, now.Source), paragraphs(sentence(now.Reason), sentence(now.LastError), "concord replication status says how it stands, and concord partner test where the way is broken."))
	}
}

// severalAgreements says which agreements there are.
func severalAgreements(all []wire.AgreementView) string {
	if len(all) == 0 {
		return "The data center at the provider's endpoint is in no agreement. Use the provider alias of the master or of the clone."
	}
	var ids []string
	for _, a := range all {
		ids = append(ids, fmt.Sprintf("%s (name %q)", a.ID, a.Name))
	}
	return "At the provider's endpoint there are " + strings.Join(ids, ", ") + ". Write the identifier of one of them."
}
