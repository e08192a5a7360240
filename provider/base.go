package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// kind is what the base must know of a resource.
type kind struct {
	name      string   // concord_ and this is the type's name
	noun      string   // for texts: "trusted certificate"
	path      []string // of the collection, or of the singleton
	singleton bool     // one object that always exists: create adopts it, delete resets it
	numbered  bool     // the id is the server's, so the name does not import it
	nested    bool     // the id is of two parts with a slash between them, each a segment of the path
	members   string   // of a collection: the attribute that holds its members by name

	protects    bool // it has deletion_protection
	replicates  bool // it is written on the master, and a clone refuses it
	overridable bool // a data center may lay values of its own over the object; what is declared is what replicates

	judged rehearsal // how a plan has the server judge it

	by      string            // attribute of the natural name; "" = name
	filters []filter          // of a list, in the place of the beginning of the name
	asked   map[string]string // what a list asks of the server besides
	atOnce  bool              // the server answers the whole collection, not a page
	listed  string            // what a list's description says besides
}

// object is a resource's model; V is what the server answers.
type object[M, V any] interface {
	*M
	// key is the natural name, known at create; "" for a singleton.
	key() string
	// ident is the id as it stands in the state.
	ident() *types.String
	// body is the whole writable half for a PUT. Secrets are taken from config, and only when secrets is true.
	body(config *M, secrets bool) any
	// secretVersion moves when the secret shall be sent again; null when the resource has none.
	secretVersion() types.Int64
	// fill takes everything that the server says over, and keeps the spelling of what means the same.
	fill(V)
}

// base does what every resource does. Embed it; M is the model, V the server's view.
type base[M, V any, P object[M, V]] struct {
	kind
	client  *client.Client // nil while the provider block holds unknown values
	planned *planned       // what this run plans; nil where client is
	ahead   *readAhead     // likewise
}

// Metadata names the type.
func (b *base[M, V, P]) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + b.name
}

// Configure takes the client over.
func (b *base[M, V, P]) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		b.client, b.planned, b.ahead = c.client, &c.planned, &c.ahead
	}
}

// Create makes the object, and refuses where it exists; a singleton is adopted as it is and changed.
func (b *base[M, V, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !b.ready(&resp.Diagnostics) {
		return
	}
	m := P(&plan)
	var view V
	res, err := b.client.Do(ctx, client.Request{Method: http.MethodPut, Path: b.at(m.key()), In: m.body(&config, true), Out: &view, IfNoneMatch: !b.singleton})
	if fault.CodeOf(err) == "exists" {
		res, err = b.resume(ctx, m, &config, &view, err, &resp.Diagnostics)
	}
	if err != nil {
		b.refused(creating, m.key(), req.Plan.Schema, err, &resp.Diagnostics)
		return
	}
	b.behind(m.key(), res, &resp.Diagnostics)
	m.fill(view)
	b.keep(ctx, m, res.ETag, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// resume takes over an object that exists and is already what the plan makes of it: an apply that was cut off after the
// server had written, whose answer never arrived. What differs in anything is somebody else's and stays refused. The
// server compares, with a dry run; secrets cannot be compared and are sent again.
func (b *base[M, V, P]) resume(ctx context.Context, m P, config *M, view *V, exists error, diags *diag.Diagnostics) (client.Response, error) {
	at := b.at(m.key())
	now, err := b.client.Do(ctx, client.Request{Method: http.MethodGet, Path: at})
	if err != nil {
		return now, exists
	}
	would, err := b.client.Do(ctx, client.Request{Method: http.MethodPut, Path: at, Query: url.Values{"dry_run": {"true"}}, In: m.body(config, false), IfMatch: now.ETag})
	if err != nil || would.ETag != now.ETag {
		return would, exists
	}
	res, err := b.client.Do(ctx, client.Request{Method: http.MethodPut, Path: at, In: m.body(config, true), Out: view, IfMatch: now.ETag})
	if err == nil {
		b.wasThere(m.key(), diags)
	}
	return res, err
}

func (k kind) wasThere(id string, diags *diag.Diagnostics) {
	diags.AddWarning(fmt.Sprintf("The %s %q was there already", k.noun, id),
		"It is what this configuration describes, as after an apply that was cut off, so it is now managed here. If another configuration manages it too, remove it from one of them.")
}

// Read fills the state from the server; what is not found leaves the state.
func (b *base[M, V, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m := P(&state)
	id := m.ident().ValueString()
	b.identify(ctx, resp.Identity, id, &resp.Diagnostics) // before any return: Terraform wants it even of what is gone
	if b.client == nil {
		addUnread(&resp.Diagnostics)
		return
	}
	var view V
	tag, err := b.look(ctx, id, &view)
	if gone(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		b.refused(reading, id, req.State.Schema, err, &resp.Diagnostics)
		return
	}
	m.fill(view)
	if got := m.ident().ValueString(); got != id {
		resp.Diagnostics.AddError(fmt.Sprintf("This is not %s %q", b.noun, id),
			fmt.Sprintf("The state, or the import, names the %s %q, but the data center at %s has %q. Use the provider alias of the right data center, or import %q.", b.noun, id, b.client.Endpoint(), got, got))
		return
	}
	b.keep(ctx, m, tag, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
	if raw, err := json.Marshal(tag); err == nil {
		b.planned.saw(b.name+" "+id, raw)
	}
}

// Update replaces the object, if it is still what the plan was made from.
func (b *base[M, V, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state, config M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !b.ready(&resp.Diagnostics) {
		return
	}
	m, id := P(&plan), P(&state).ident().ValueString()
	if b.onlyProtection(req) {
		b.keep(ctx, m, etag(ctx, req.Private, &resp.Diagnostics), kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
		return
	}
	send := !m.secretVersion().Equal(P(&state).secretVersion())
	if r, ok := any(m).(resender[M]); ok && r.resends(&state) {
		send = true
	}
	var view V
	res, err := b.client.Do(ctx, client.Request{Method: http.MethodPut, Path: b.at(id), In: m.body(&config, send), Out: &view, IfMatch: etag(ctx, req.Private, &resp.Diagnostics)})
	if err != nil {
		b.refused(updating, id, req.Plan.Schema, err, &resp.Diagnostics)
		return
	}
	b.behind(id, res, &resp.Diagnostics)
	m.fill(view)
	b.keep(ctx, m, res.ETag, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
}

// Delete removes the object, or resets a singleton; what is gone already is fine.
func (b *base[M, V, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if b.keptFromDeletion(ctx, req.State, &resp.Diagnostics) || !b.ready(&resp.Diagnostics) {
		return
	}
	id := P(&state).ident().ValueString()
	res, err := b.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: b.at(id), IfMatch: etag(ctx, req.Private, &resp.Diagnostics)})
	if err != nil && !gone(err) && !b.goneMeanwhile(ctx, id, err) {
		b.refused(deleting, id, req.State.Schema, err, &resp.Diagnostics)
	}
	b.behind(id, res, &resp.Diagnostics)
}

// goneMeanwhile asks once more after a failed condition: If-Match does not hold for what is gone, and gone is what was wanted.
func (b *base[M, V, P]) goneMeanwhile(ctx context.Context, id string, err error) bool {
	if !fault.Is(err, fault.Precondition) {
		return false
	}
	_, err = b.client.Do(ctx, client.Request{Method: http.MethodGet, Path: b.at(id)})
	return gone(err)
}

// ready says whether a call may be made: no error so far, and a client.
func (b *base[M, V, P]) ready(diags *diag.Diagnostics) bool {
	if !diags.HasError() && b.client == nil {
		addUnconfigured(diags)
	}
	return !diags.HasError()
}

func (b *base[M, V, P]) at(id string) string {
	if b.singleton {
		return client.Path(b.path...)
	}
	segments := []string{id}
	if b.nested {
		segments = strings.SplitN(id, "/", 2)
	}
	return client.Path(append(append([]string(nil), b.path...), segments...)...)
}

// reading asks for an object as it is replicated, whatever this data center lays over it: else each plan would take the
// override for a change that somebody made to the object.
func (k kind) reading() url.Values {
	if k.overridable {
		return url.Values{"stored": {"true"}}
	}
	return nil
}

// gone says that Concord itself has no such object. A 404 for the route is another thing: the endpoint is wrong.
func gone(err error) bool {
	return fault.Is(err, fault.NotFound) && fault.CodeOf(err) != "no_such_route"
}

// kept is where a result goes; private is the framework's private state.
type kept struct {
	state    *tfsdk.State
	identity *tfsdk.ResourceIdentity
	private  interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
}

func (b *base[M, V, P]) keep(ctx context.Context, m P, tag string, to kept, diags *diag.Diagnostics) {
	diags.Append(to.state.Set(ctx, m)...)
	b.identify(ctx, to.identity, m.ident().ValueString(), diags)
	if b, err := json.Marshal(tag); err == nil && to.private != nil {
		diags.Append(to.private.SetKey(ctx, etagKey, b)...)
	}
}

// etagKey is where the private state keeps the ETag.
const etagKey = "etag"

// etag is the one that came with what the state shows; "" when the object was imported by an older version of Terraform.
func etag(ctx context.Context, private interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) string {
	b, d := private.GetKey(ctx, etagKey)
	diags.Append(d...)
	var tag string
	if len(b) > 0 && json.Unmarshal(b, &tag) != nil {
		return ""
	}
	return tag
}

// resender is a model whose secret is sent again with some changes of other attributes, because the server asks for it then.
type resender[M any] interface{ resends(state *M) bool }

// noSecret is embedded by models without a write-only value.
type noSecret struct{}

func (noSecret) secretVersion() types.Int64 { return types.Int64Null() }

// idAttribute is the id that every resource has.
func idAttribute(what string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: what,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
}

func sameName(a, b string) bool { return strings.EqualFold(a, b) }
