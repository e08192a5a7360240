package provider

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// maxMembers bounds a collection. With a kilobyte each, twice as many still fit into what Terraform takes from a provider at once.
const maxMembers = 20_000

// member is the model of a resource whose objects a collection can hold: E is what of it a collection's entry says, which is all
// but the name and the id.
type member[E, M, V any] interface {
	object[M, V]
	// called is the name, which in a collection is the entry's key.
	called() *types.String
	// entry is what a collection says of it.
	entry() *E
}

// collection is a resource that holds many objects of a kind in a map and writes them by batches. What an object is, how it is
// read from a configuration and sent, is the model of the resource for one object.
type collection[E, M, V any, P member[E, M, V]] struct {
	kind                              // of the collection; path is the members'
	one      kind                     // of a member
	folded   bool                     // names of members compare without case
	secrets  []collected[M]           // write-only attributes of a member, which the collection has beside its members
	describe string                   // first sentences of the description
	single   func() resource.Resource // the resource for one object, whose attributes the entries have
	client   *client.Client           // nil while the provider block holds unknown values
	planned  *planned                 // what this run plans; nil where client is
}

// Metadata names the type.
func (c *collection[E, M, V, P]) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + c.name
}

// IdentitySchema is the id alone.
func (c *collection[E, M, V, P]) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "What the " + c.noun + " was imported by, or the text that it got when it was created."},
	}}
}

// Configure takes the client over.
func (c *collection[E, M, V, P]) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if connected, ok := req.ProviderData.(*connection); ok {
		c.client, c.planned = connected.client, &connected.planned
	}
}

// ModifyPlan refuses what the server would refuse at apply.
func (c *collection[E, M, V, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var all, members map[string]tftypes.Value
	if c.planned != nil {
		c.refreshed(ctx, &c.planned.foreseen, etagsKey, func(string) []byte { return c.tagsOf(ctx, req) }, req, resp)
	}
	if c.planned == nil || resp.Plan.Raw.IsNull() || resp.Plan.Raw.As(&all) != nil {
		return
	}
	if !all[c.members].IsKnown() || all[c.members].As(&members) != nil {
		c.planned.vaguely(c.one.name)
		return
	}
	had := membersOf(req.State.Raw, c.members)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		c.planned.promise(c.one.name, key)
		_, kept := had[key]
		if other := c.planned.claims(c.one.name, key, claim{"concord_" + c.name, !kept}); other != "" {
			twice(c.one.noun, key, other, path.Root(c.members).AtMapKey(key), &resp.Diagnostics)
		}
	}
	l := foresight{kind: c.kind, as: c.one.name, prefix: c.members + ".*.", client: c.client, seen: &c.planned.foreseen, schema: req.Plan.Schema}
	l.foresee(ctx, "", req.State.Raw, resp.Plan.Raw, &resp.Diagnostics)
}

// tagsOf reads the members of a state for their ETags, as the private state has them; nil where nothing can be read.
func (c *collection[E, M, V, P]) tagsOf(ctx context.Context, req resource.ModifyPlanRequest) []byte {
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	var diags diag.Diagnostics
	was := c.remembered(ctx, req.State, req.Private, &diags)
	seen, err := c.look(ctx, c.owned(was))
	c.planned.listened(ctx, err)
	if err != nil || diags.HasError() {
		return nil
	}
	raw, _ := json.Marshal(c.found(was, seen).etags) // texts always have a form
	return raw
}

// membersOf reads the members of a state; none where there is no state.
func membersOf(state tftypes.Value, name string) (members map[string]tftypes.Value) {
	var all map[string]tftypes.Value
	if state.IsNull() || state.As(&all) != nil || all[name].As(&members) != nil {
		return nil
	}
	return members
}

// Create makes every member, and refuses where one exists.
func (c *collection[E, M, V, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan, secrets := c.entries(ctx, req.Plan, &resp.Diagnostics), c.secretsOf(ctx, req.Config, &resp.Diagnostics)
	if !c.ready(&resp.Diagnostics) {
		return
	}
	now := c.held(types.StringValue(strings.ToLower(rand.Text())), nil, nil)
	written := c.apply(ctx, work[E]{creating, c.changes(now, plan, secrets, &resp.Diagnostics), req.Plan.Schema}, now, &resp.Diagnostics)
	if resp.Diagnostics.HasError() && written == 0 {
		return // nothing is there, so nothing is to be remembered
	}
	if resp.Diagnostics.HasError() {
		resp.Diagnostics.AddWarning("The "+c.noun+" is written in part", "What was written is in the state. Terraform marks a resource whose creation failed as tainted, and its next plan deletes these members and makes them anew. To go on where it stopped, run terraform untaint with the address of this resource first.")
	}
	c.keep(ctx, now, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Update writes the members that differ, each if it is still what the plan was made from.
func (c *collection[E, M, V, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan, secrets := c.entries(ctx, req.Plan, &resp.Diagnostics), c.secretsOf(ctx, req.Config, &resp.Diagnostics)
	now := c.remembered(ctx, req.State, req.Private, &resp.Diagnostics)
	if !c.ready(&resp.Diagnostics) {
		return
	}
	c.apply(ctx, work[E]{updating, c.changes(now, plan, secrets, &resp.Diagnostics), req.Plan.Schema}, now, &resp.Diagnostics)
	c.keep(ctx, now, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Delete removes the members that are left.
func (c *collection[E, M, V, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	now := c.remembered(ctx, req.State, req.Private, &resp.Diagnostics)
	if !c.ready(&resp.Diagnostics) {
		return
	}
	c.apply(ctx, work[E]{deleting, c.changes(now, nil, nil, &resp.Diagnostics), req.State.Schema}, now, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		c.keep(ctx, now, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
	}
}

// Read looks at the members in a few pages of the kind's list; what is not found leaves the state, and the next plan makes it anew.
func (c *collection[E, M, V, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	was := c.remembered(ctx, req.State, req.Private, &resp.Diagnostics)
	if resp.Identity != nil { // before any return, as Terraform wants it
		resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("id"), was.id)...)
	}
	if c.client == nil {
		addUnread(&resp.Diagnostics)
		return
	}
	if resp.Diagnostics.HasError() {
		return
	}
	seen, err := c.look(ctx, c.owned(was))
	if err != nil {
		c.refused(reading, "", req.State.Schema, err, &resp.Diagnostics)
		return
	}
	now := c.found(was, seen)
	c.keep(ctx, now, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
	if raw, err := json.Marshal(now.etags); err == nil {
		c.planned.saw(c.name+" "+now.id.ValueString(), raw)
	}
}

// found is a state of what was seen, spelled as it was before where that means the same.
func (c *collection[E, M, V, P]) found(was *holding[E], seen map[string]sighting[V]) *holding[E] {
	now := c.held(was.id, nil, nil)
	for key, e := range was.entries {
		if s, ok := seen[c.fold(key)]; ok {
			now.entries[key], now.etags[key] = c.filled(key, e, s.view), s.etag
		}
	}
	return now
}

// filled is an entry with what the server says.
func (c *collection[E, M, V, P]) filled(key string, e E, view V) E {
	m := c.model(key, e)
	P(m).fill(view)
	return *P(m).entry()
}

// model is the model of one object, as its own resource would have it.
func (c *collection[E, M, V, P]) model(key string, e E) *M {
	var m M
	*P(&m).called(), *P(&m).ident(), *P(&m).entry() = types.StringValue(key), types.StringValue(key), e
	return &m
}

// fold is the form of a name that two names share when they are the same.
func (c *collection[E, M, V, P]) fold(name string) string {
	if c.folded {
		return strings.ToLower(name)
	}
	return name
}

// ready says whether a call may be made: no error so far, and a client.
func (c *collection[E, M, V, P]) ready(diags *diag.Diagnostics) bool {
	if !diags.HasError() && c.client == nil {
		addUnconfigured(diags)
	}
	return !diags.HasError()
}
