package provider

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// ModifyPlan refuses to destroy what is protected, plans no change where nothing is left of it, and refuses what the server would.
func (b *base[M, V, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	b.protect(ctx, req, &resp.Diagnostics)
	if b.planned != nil {
		b.refreshed(ctx, &b.planned.foreseen, etagKey, func(id string) []byte { return b.tagOf(ctx, id) }, req, resp)
	}
	b.settle(req, resp)
	b.foresee(ctx, req, resp)
}

// tagOf reads an object for its ETag, as the private state has it; nil where nothing can be read.
func (b *base[M, V, P]) tagOf(ctx context.Context, id string) []byte {
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	var view V
	tag, err := b.look(ctx, id, &view)
	b.planned.listened(ctx, err)
	if err != nil || tag == "" {
		return nil
	}
	raw, _ := json.Marshal(tag) // a text always has a form
	return raw
}

// settle plans no change where nothing is left of it: the framework marks computed values as unknown as soon as the configuration
// differs from the state, also where it only spells the same value in another way.
func (b *base[M, V, P]) settle(req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() || len(resp.RequiresReplace) > 0 {
		return
	}
	var plan, state, config map[string]tftypes.Value
	for raw, into := range map[*tftypes.Value]*map[string]tftypes.Value{&resp.Plan.Raw: &plan, &req.State.Raw: &state, &req.Config.Raw: &config} {
		if err := raw.As(into); err != nil {
			return // not an object: nothing to settle, and the framework will say so
		}
	}
	for name, will := range plan {
		computed := !will.IsKnown() && config[name].IsNull()
		if !computed && !will.Equal(state[name]) && name != protection {
			return
		}
	}
	if b.protects && !sameProtection(state[protection], plan[protection], config[protection]) {
		state[protection] = plan[protection]
	}
	resp.Plan.Raw = tftypes.NewValue(req.State.Raw.Type(), state)
}

// foresee refuses what the server would refuse at apply.
func (b *base[M, V, P]) foresee(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if b.planned == nil || resp.Plan.Raw.IsNull() {
		return
	}
	id := ""
	mentioned(resp.Plan.Raw, cmp.Or(b.by, "name"), func(name string, _ path.Path) {
		id = name
		b.planned.promise(b.name, name)
	})
	if at := path.Root(cmp.Or(b.by, "name")); !b.nested && !b.numbered && (id != "" || b.singleton) {
		if b.singleton {
			at = path.Root("id")
		}
		if other := b.planned.claims(b.name, id, claim{"concord_" + b.name, req.State.Raw.IsNull()}); other != "" {
			twice(b.noun, id, other, at, &resp.Diagnostics)
			return
		}
	}
	switch {
	case b.singleton:
		b.planned.promise(b.name, "default")
	case id == "":
		b.planned.vaguely(b.name)
	}
	l := foresight{kind: b.kind, as: b.name, client: b.client, seen: &b.planned.foreseen, schema: req.Plan.Schema}
	l.foresee(ctx, id, req.State.Raw, resp.Plan.Raw, &resp.Diagnostics)
	b.rehearse(ctx, id, req, resp)
}

// sameProtection says whether an attribute that a state of an older version lacks stays as it is: not written, it is false.
func sameProtection(was, will, config tftypes.Value) bool {
	return was.Equal(will) || was.IsNull() && config.IsNull()
}

// onlyProtection says whether an update changes nothing but the protection, so that there is nothing to send.
func (k kind) onlyProtection(req resource.UpdateRequest) bool {
	var plan, state map[string]tftypes.Value
	if !k.protects || req.Plan.Raw.As(&plan) != nil || req.State.Raw.As(&state) != nil {
		return false
	}
	for name, will := range plan {
		if name != protection && !will.Equal(state[name]) {
			return false
		}
	}
	return true
}
