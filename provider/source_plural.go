package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// Bounds of one plural data source. Terraform takes at most 64 MiB from a provider at once.
const (
	pluralPageSize = 200 // objects in one answer of the server
	pluralPage     = "200"
	maxListed      = 50_000
	maxListSize    = 24 << 20 // bytes of the objects as the server sends them
)

// plural lists every object of a kind. M is the model of the kind's resource and V the server's view, so what a resource shows of an
// object the list shows too, but for write-only values and what only Terraform knows.
type plural[M, V any, P interface {
	*M
	fill(V)
}] struct {
	kind                                        // name is the plural one, and the attribute that holds the list
	client  *client.Client                      // nil while the provider block holds unknown values
	element func(context.Context) pluralElement // what the list's elements are
}

// pluralElement is a resource's schema and what a list needs to know of it.
type pluralElement struct {
	schema resourceschema.Schema
	by     string // attribute by which the list is sorted and chosen: the natural name
	about  string // first sentence of the description
}

// owned says whether a security domain may own objects of the kind.
func (e pluralElement) owned() bool {
	_, ok := e.schema.Attributes["security_domain"]
	return ok
}

// Metadata names the type.
func (s *plural[M, V, P]) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *plural[M, V, P]) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Schema describes the data source.
func (s *plural[M, V, P]) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = pluralSchema(s.kind, s.element(ctx))
}

// Read asks for every page, keeps what fits, and sorts it by name.
func (s *plural[M, V, P]) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	e := s.element(ctx)
	only := s.choice(ctx, e, req.Config, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	if s.client == nil {
		later(req, resp)
		return
	}
	list := listing{only: only, by: e.by}
	query := s.reading()
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", pluralPage)
	err := client.Each(ctx, s.client, client.Path(s.path...), query, func(one json.RawMessage) error {
		attributes, err := s.attributes(ctx, e, one)
		if err != nil {
			return err
		}
		return list.add(attributes, len(one))
	})
	if errors.Is(err, errTooMany) {
		resp.Diagnostics.AddError(fmt.Sprintf("Too many %s for one data source", s.noun),
			fmt.Sprintf("More than %d fit, or they are more than %d MiB together. Choose fewer with name_prefix%s.", maxListed, maxListSize>>20, map[bool]string{true: " or security_domain"}[e.owned()]))
		return
	}
	if err != nil {
		s.refused(reading, "", req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	if err := list.store(ctx, s.name, req.Config, &resp.State); err != nil {
		resp.Diagnostics.AddError("Cannot show "+s.noun, sentence(err.Error()))
	}
}

// choice reads the filters.
func (s *plural[M, V, P]) choice(ctx context.Context, e pluralElement, config tfsdk.Config, resp *datasource.ReadResponse) (c choice) {
	resp.Diagnostics.Append(config.GetAttribute(ctx, path.Root("name_prefix"), &c.prefix)...)
	if e.owned() {
		resp.Diagnostics.Append(config.GetAttribute(ctx, path.Root("security_domain"), &c.domain)...)
	}
	return c
}

// attributes gives one object as its resource would show it.
func (s *plural[M, V, P]) attributes(ctx context.Context, e pluralElement, raw json.RawMessage) (map[string]tftypes.Value, error) {
	var view V
	if err := json.Unmarshal(raw, &view); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.noun, err)
	}
	var m M
	P(&m).fill(view)
	state := tfsdk.State{Schema: e.schema, Raw: tftypes.NewValue(e.schema.Type().TerraformType(ctx), nil)}
	if diags := state.Set(ctx, &m); diags.HasError() {
		return nil, fmt.Errorf("show %s: %s", s.noun, diags[0].Detail())
	}
	whole, err := tftypes.Transform(state.Raw, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) { return emptied(v), nil })
	if err != nil {
		return nil, fmt.Errorf("show %s: %w", s.noun, err)
	}
	var out map[string]tftypes.Value
	if err := whole.As(&out); err != nil {
		return nil, fmt.Errorf("show %s: %w", s.noun, err)
	}
	for name := range out {
		if unlisted(name) {
			delete(out, name)
		}
	}
	return out, nil
}

// emptied is an empty collection for one that is not there: whoever goes through a list of objects would stumble over null.
func emptied(v tftypes.Value) tftypes.Value {
	if !v.IsNull() {
		return v
	}
	switch t := v.Type().(type) {
	case tftypes.List, tftypes.Set:
		return tftypes.NewValue(t, []tftypes.Value{})
	case tftypes.Map:
		return tftypes.NewValue(t, map[string]tftypes.Value{})
	}
	return v
}

// choice is what the filters say; null chooses everything.
type choice struct{ prefix, domain types.String }

func (c choice) all() bool { return c.prefix.ValueString() == "" && c.domain.IsNull() }

func (c choice) fits(name, domain string) bool {
	prefix := c.prefix.ValueString()
	return len(name) >= len(prefix) && sameName(name[:len(prefix)], prefix) && (c.domain.IsNull() || c.domain.ValueString() == domain)
}

var errTooMany = errors.New("too many")

// listing collects objects.
type listing struct {
	only choice
	by   string
	size int // bytes
	all  []listed
}

type listed struct {
	name  string
	value tftypes.Value
}

func (l *listing) add(attributes map[string]tftypes.Value, size int) error {
	name := textOf(attributes[l.by])
	if !l.only.fits(name, textOf(attributes["security_domain"])) {
		return nil
	}
	if l.size += size; len(l.all) == maxListed || l.size > maxListSize {
		return errTooMany
	}
	types := make(map[string]tftypes.Type, len(attributes))
	for name, v := range attributes {
		types[name] = v.Type()
	}
	l.all = append(l.all, listed{name, tftypes.NewValue(tftypes.Object{AttributeTypes: types}, attributes)})
	return nil
}

// store writes the filters as they were given, and the list.
func (l *listing) store(ctx context.Context, name string, config tfsdk.Config, state *tfsdk.State) error {
	slices.SortStableFunc(l.all, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	values := make([]tftypes.Value, 0, len(l.all))
	for _, one := range l.all {
		values = append(values, one.value)
	}
	root, ok := state.Schema.Type().TerraformType(ctx).(tftypes.Object)
	if !ok {
		return errors.New("the schema is no object")
	}
	var attributes map[string]tftypes.Value
	if err := config.Raw.As(&attributes); err != nil {
		return err
	}
	if err := tftypes.ValidateValue(root.AttributeTypes[name], values); err != nil {
		return err
	}
	attributes[name] = tftypes.NewValue(root.AttributeTypes[name], values)
	state.Raw = tftypes.NewValue(root, attributes)
	return nil
}

// textOf is a text, and "" for null and for what is no text.
func textOf(v tftypes.Value) string {
	var s string
	if v.Type() == nil || v.IsNull() || v.As(&s) != nil {
		return ""
	}
	return s
}
