package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// protection is the attribute of a protected kind that keeps Terraform from destroying what other people's sign-ins rest on. It
// is Terraform's alone: the server has no such field, and a change of it sends nothing.
const protection = "deletion_protection"

func protectionAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false),
		MarkdownDescription: "Whether Terraform refuses to destroy or replace it, also when its block is removed; default `false`, and after an import. What was applied last counts: set it to `false` and apply before a destroy. It stands in the Terraform state only, so it does not keep others from deleting the object by another way."}
}

// keepProtection is false in a state that an import or an older version of the provider made.
func keepProtection(was types.Bool) types.Bool {
	if was.IsNull() || was.IsUnknown() {
		return types.BoolValue(false)
	}
	return was
}

// protected says whether the state asks for protection.
func (k kind) protected(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) bool {
	var on types.Bool
	if k.protects && !state.Raw.IsNull() {
		diags.Append(state.GetAttribute(ctx, path.Root(protection), &on)...)
	}
	return on.ValueBool()
}

// protect refuses a plan that would destroy what is protected.
func (k kind) protect(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	if !k.protected(ctx, req.State, diags) {
		return
	}
	if req.Plan.Raw.IsNull() {
		diags.AddError(k.isProtected(ctx, req.State),
			"This plan would destroy it. If that is what you want, set deletion_protection = false and apply that first, with the block still in the configuration; then destroy it or remove the block. "+
				"Where its block has only got another address, as an agreement has after a promotion, write a moved block. If Terraform alone shall forget it, write a removed block with destroy = false.")
		return
	}
	for _, name := range replacing(ctx, req, diags) {
		diags.AddAttributeError(path.Root(name), k.isProtected(ctx, req.State),
			fmt.Sprintf("Another %s makes a new %s, so this plan would destroy the present one. If that is what you want, set deletion_protection = false and apply that first, with the old %s; otherwise write the old %s again.", name, k.noun, name, name))
	}
}

// keptFromDeletion refuses to delete what is protected. Only -replace and a taint come so far: a plan does not show them to the provider.
func (k kind) keptFromDeletion(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) bool {
	if !k.protected(ctx, state, diags) {
		return diags.HasError()
	}
	diags.AddError(k.isProtected(ctx, state),
		"It was not deleted. Leave -replace out, or, where it is tainted, take that back with terraform untaint. If it shall be replaced, set deletion_protection = false and apply that first.")
	return true
}

func (k kind) isProtected(ctx context.Context, state tfsdk.State) string {
	var id types.String
	if state.GetAttribute(ctx, path.Root("id"), &id).HasError() || id.ValueString() == "" {
		return fmt.Sprintf("The %s is protected from deletion", k.noun)
	}
	return fmt.Sprintf("The %s %q is protected from deletion", k.noun, id.ValueString())
}

// replacing names the attributes whose change makes a new object. The framework does not tell a resource what it found, so the
// attributes' own modifiers are asked once more.
func replacing(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) (names []string) {
	for name, a := range req.Plan.Schema.GetAttributes() {
		text, ok := a.(interface{ StringPlanModifiers() []planmodifier.String })
		if !ok || !a.GetType().Equal(types.StringType) {
			continue
		}
		at := path.Root(name)
		ask := planmodifier.StringRequest{Path: at, PathExpression: at.Expression(), Config: req.Config, Plan: req.Plan, State: req.State}
		diags.Append(req.Config.GetAttribute(ctx, at, &ask.ConfigValue)...)
		diags.Append(req.Plan.GetAttribute(ctx, at, &ask.PlanValue)...)
		diags.Append(req.State.GetAttribute(ctx, at, &ask.StateValue)...)
		for _, m := range text.StringPlanModifiers() {
			answer := planmodifier.StringResponse{PlanValue: ask.PlanValue}
			if m.PlanModifyString(ctx, ask, &answer); answer.RequiresReplace {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}
