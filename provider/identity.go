package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// identified are the parts of an identity, in the order in which the id has them.
func (k kind) identified() []string {
	if k.nested {
		return []string{"kind", "name"}
	}
	return []string{"id"}
}

// parts takes an id apart; false when it has another shape.
func (k kind) parts(id string) ([]string, bool) {
	if !k.nested {
		return []string{id}, id != ""
	}
	all := strings.SplitN(id, "/", 2)
	return all, len(all) == 2 && all[0] != "" && all[1] != ""
}

// identify writes an identity. There is none to be written to where Terraform does not know of identities.
func (k kind) identify(ctx context.Context, to *tfsdk.ResourceIdentity, id string, diags *diag.Diagnostics) {
	parts, ok := k.parts(id)
	if to == nil || !ok {
		return
	}
	for i, name := range k.identified() {
		diags.Append(to.SetAttribute(ctx, path.Root(name), parts[i])...)
	}
}

// IdentitySchema is what newer Terraform imports by: the parts of the id.
func (b *base[M, V, P]) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{}}
	what := map[string]string{"id": "The id of the " + b.noun + ".", "kind": "Kind of the object that the " + b.noun + " lies over.", "name": "Name of that object."}
	for _, name := range b.identified() {
		resp.IdentitySchema.Attributes[name] = identityschema.StringAttribute{RequiredForImport: true, Description: what[name]}
	}
}

// ImportState imports by id, which is the natural name, or by the identity, which has the id's parts.
func (b *base[M, V, P]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := req.ID
	if id == "" && req.Identity != nil {
		id = b.joined(ctx, req.Identity, &resp.Diagnostics)
	}
	if !b.ready(&resp.Diagnostics) { // what is not in the state cannot be shown as it was
		return
	}
	if _, ok := b.parts(id); !ok {
		resp.Diagnostics.AddError(fmt.Sprintf("%q is no id of this kind", id), fmt.Sprintf("The id of the %s to import must be written as %q.", b.noun, strings.ToUpper(strings.Join(b.identified(), "/"))))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id)...)
	b.identify(ctx, resp.Identity, id, &resp.Diagnostics)
}

// joined makes an id of the identity's parts.
func (k kind) joined(ctx context.Context, from *tfsdk.ResourceIdentity, diags *diag.Diagnostics) string {
	var parts []string
	for _, name := range k.identified() {
		var part types.String
		diags.Append(from.GetAttribute(ctx, path.Root(name), &part)...)
		parts = append(parts, part.ValueString())
	}
	return strings.Join(parts, "/")
}
