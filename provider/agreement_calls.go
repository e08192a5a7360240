package provider

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Default time limits of an agreement's operations; the timeouts attribute changes them.
const (
	createAgreement = 5 * time.Minute
	changeAgreement = 2 * time.Minute
)

// bootstrapping is the state of an agreement whose clone is still to show its first copy.
const bootstrapping = "bootstrapping"

// Create makes both halves and waits until the clone has its first copy. It may be repeated: a data center that was
// interrupted, or that lost patience with the clone, goes on with the half that it has.
func (r *agreementResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan agreementModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, d := plan.Timeouts.Create(ctx, createAgreement)
	resp.Diagnostics.Append(d...)
	if !r.ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var view wire.AgreementView
	progress(ctx, "the agreement is being made; the answer comes when the clone has its first copy", map[string]any{"name": plan.key(), "at_most": limit.String()})
	res, err := r.client.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path(r.path...), In: plan.body(nil, false), Out: &view, Retry: true, Timeout: -1})
	if fault.Is(err, fault.Conflict) {
		res, err = r.resume(ctx, plan, &view, err, &resp.Diagnostics)
	}
	if err != nil {
		r.refused(creating, plan.key(), req.Plan.Schema, err, &resp.Diagnostics)
		r.suggestImport(ctx, plan, err, &resp.Diagnostics)
		return
	}
	if view.KeptConflict != "" {
		resp.Diagnostics.AddWarning("The clone's own objects were replaced",
			fmt.Sprintf("The first copy replaced objects that %s had of its own, as overwrite allows. They are kept there in the file %s: concord replication conflicts show %s --at %s lists them, and each can be applied anew at the master.", view.Target, view.KeptConflict, view.KeptConflict, view.Target))
	}
	r.settled(ctx, &view)
	plan.fill(view)
	r.keep(ctx, &plan, res.ETag, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// resume takes over an agreement that exists and is already what the plan makes of it: an apply that was cut off after the server had
// made it, whose answer never arrived. What differs in anything is somebody else's and stays refused.
func (r *agreementResource) resume(ctx context.Context, plan agreementModel, view *wire.AgreementView, exists error, diags *diag.Diagnostics) (client.Response, error) {
	all, err := client.All[wire.AgreementView](ctx, r.client, client.Path(r.path...), nil)
	if err != nil {
		return client.Response{}, exists
	}
	for _, a := range all {
		if !plan.describes(a) {
			continue
		}
		res, err := r.client.Do(ctx, client.Request{Method: http.MethodGet, Path: r.at(a.ID), Out: view})
		if err != nil {
			return client.Response{}, exists
		}
		r.wasThere(plan.key(), diags)
		return res, nil
	}
	return client.Response{}, exists
}

// describes says whether an agreement is what the plan would make. Whether it may overwrite counts at its creation alone.
func (m *agreementModel) describes(a wire.AgreementView) bool {
	interval, known := m.PollInterval.Span()
	actual, err := time.ParseDuration(a.PollInterval)
	return m.Name.ValueString() == a.Name && sameName(m.Source.ValueString(), a.Source) && sameName(m.Target.ValueString(), a.Target) && m.DocumentType.ValueString() == a.DocumentType &&
		m.Enabled.ValueBool() == (a.Enabled != nil && *a.Enabled) && m.Follow.ValueBool() == (a.Follow != nil && *a.Follow) && m.WaitForSync.ValueBool() == a.WaitForSync &&
		known && err == nil && interval == actual
}

// settled waits until the clone has shown the master that it has its copy, so that the state is not outdated at once. The
// agreement exists by now: when the wait ends without that, or with an error, what is known is kept.
func (r *agreementResource) settled(ctx context.Context, view *wire.AgreementView) {
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for view.State == bootstrapping {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		var now wire.AgreementView
		if _, err := r.client.Do(ctx, client.Request{Method: http.MethodGet, Path: r.at(view.ID), Out: &now}); err != nil {
			return
		}
		progress(ctx, "the clone shows what it has of its first copy", map[string]any{"agreement": now.ID, "state": now.State, "last_sequence": now.LastSequence, "lag_entries": now.LagEntries})
		*view = now
	}
}

// suggestImport names the identifier of an agreement between the same two data centers, which nobody knows by heart.
func (r *agreementResource) suggestImport(ctx context.Context, plan agreementModel, err error, diags *diag.Diagnostics) {
	if !fault.Is(err, fault.Conflict) && fault.CodeOf(err) != client.CodeTimeout {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	all, err := client.All[wire.AgreementView](ctx, r.client, client.Path(r.path...), nil)
	if err != nil {
		return // the refusal itself is already told
	}
	for _, a := range all {
		if sameName(a.Source, plan.Source.ValueString()) && sameName(a.Target, plan.Target.ValueString()) {
			diags.AddWarning("There is such an agreement", fmt.Sprintf("From %s to %s there is the agreement %q, state %s. To manage it here, adopt it:\n\n%s", a.Source, a.Target, a.Name, a.State, r.importBlock(a.ID)))
		}
	}
}

// Update changes what can change, on both sides.
func (r *agreementResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state agreementModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if r.onlyProtection(req) && !resp.Diagnostics.HasError() {
		r.keep(ctx, &plan, etag(ctx, req.Private, &resp.Diagnostics), kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
		return
	}
	limit, d := plan.Timeouts.Update(ctx, changeAgreement)
	resp.Diagnostics.Append(d...)
	if !r.ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	id := state.ID.ValueString()
	change := wire.AgreementChange{Enabled: plan.Enabled.ValueBoolPointer(), PollInterval: plan.PollInterval.ValueString(), Follow: plan.Follow.ValueBoolPointer(), WaitForSync: plan.WaitForSync.ValueBoolPointer()}
	view, tag, err := r.patch(ctx, id, change, etag(ctx, req.Private, &resp.Diagnostics))
	if err != nil {
		r.refused(updating, id, req.Plan.Schema, err, &resp.Diagnostics)
		return
	}
	plan.fill(view)
	r.keep(ctx, &plan, tag, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Delete disables both sides, without which the server deletes nothing, and then deletes.
func (r *agreementResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state agreementModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := state.Timeouts.Delete(ctx, changeAgreement)
	resp.Diagnostics.Append(d...)
	if r.keptFromDeletion(ctx, req.State, &resp.Diagnostics) || !r.ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	id, off := state.ID.ValueString(), false
	_, tag, err := r.patch(ctx, id, wire.AgreementChange{Enabled: &off}, etag(ctx, req.Private, &resp.Diagnostics))
	if err == nil {
		_, err = r.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: r.at(id), IfMatch: tag, Timeout: -1})
	}
	if err == nil || gone(err) || r.goneMeanwhile(ctx, id, err) {
		return
	}
	r.refused(deleting, id, req.State.Schema, err, &resp.Diagnostics)
	if fault.Is(err, fault.Unavailable) && answered(err) {
		resp.Diagnostics.AddWarning("The clone cannot be reached", fmt.Sprintf("Both sides must let go. Try again when %s is back. If it never comes back, drop this side alone: DELETE %s%s?force=true with an administrator's token; the clone stops on its return.",
			state.Target.ValueString(), r.client.Endpoint(), r.at(id)))
	}
}

// patch may be repeated: it says what shall be, not what to change by.
func (r *agreementResource) patch(ctx context.Context, id string, change wire.AgreementChange, tag string) (view wire.AgreementView, newTag string, err error) {
	res, err := r.client.Do(ctx, client.Request{Method: http.MethodPatch, Path: r.at(id), In: change, Out: &view, IfMatch: tag, Retry: true, Timeout: -1})
	return view, res.ETag, err
}

// answered says that the data center itself spoke: what is unavailable lies behind it.
func answered(err error) bool {
	code := fault.CodeOf(err)
	return code != client.CodeUnreachable && code != client.CodeTimeout && code != client.CodeNotConcord
}
