package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	fwattr "github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Secrets of members lie beside the members, each sort in one write-only map. Within the entries the framework would take them too, but
// Terraform compares the path of every value with that of every sensitive one: with a thousand users a plan took 45 seconds so, and
// takes half a second now.

// collected is a write-only attribute of a member.
type collected[M any] struct {
	one  string // of the resource for one object
	many string // the map of them by name
	rule validator.String
	of   func(*M) *types.String
}

// secretsOf are values by attribute and then by name.
type secretsOf map[string]map[string]string

// moveSecrets takes write-only attributes out of an entry's and makes maps of them.
func (c *collection[E, M, V, P]) moveSecrets(entry, all map[string]schema.Attribute) {
	for _, s := range c.secrets {
		delete(entry, s.one)
		all[s.many] = schema.MapAttribute{Optional: true, WriteOnly: true, Sensitive: true, ElementType: types.StringType,
			Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.ValueStringsAre(s.rule)},
			MarkdownDescription: fmt.Sprintf("By the name of one of the %s, what `%s` of a `concord_%s` is. Sent when that one is created and when its `password_wo_version` changes, and kept nowhere in Terraform.", c.members, s.one, c.one.name)}
	}
	if version, ok := entry["password_wo_version"].(schema.Int64Attribute); ok {
		version.Validators = nil
		version.MarkdownDescription = "Any number; change it to send this one's secret again. Needed where there is one."
		entry["password_wo_version"] = version
	}
}

func (c *collection[E, M, V, P]) secretsOf(ctx context.Context, config attributed, diags *diag.Diagnostics) secretsOf {
	out := secretsOf{}
	for _, s := range c.secrets {
		var values map[string]string
		diags.Append(config.GetAttribute(ctx, path.Root(s.many), &values)...)
		out[s.many] = values
	}
	return out
}

func (c *collection[E, M, V, P]) fillSecrets(m *M, key string, all secretsOf) {
	for _, s := range c.secrets {
		if v, ok := all[s.many][key]; ok {
			*s.of(m) = types.StringValue(v)
		}
	}
}

// ValidateConfig refuses secrets of nobody, of two sorts, without a version, and versions of nothing.
func (c *collection[E, M, V, P]) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if len(c.secrets) == 0 {
		return
	}
	var members types.Map
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(c.members), &members)...)
	if members.IsUnknown() || resp.Diagnostics.HasError() {
		return
	}
	entries := members.Elements() // a copy
	given := map[string]string{}  // by name, the map that has a secret of it
	for _, s := range c.secrets {
		var values types.Map
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(s.many), &values)...)
		if values.IsUnknown() {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(values.Elements())) {
			at := path.Root(s.many).AtMapKey(key)
			if _, ok := entries[key]; !ok {
				resp.Diagnostics.AddAttributeError(at, "A secret of nobody", fmt.Sprintf("%s: %s has no %q, spelled so.", at, c.members, key))
			}
			if other := given[key]; other != "" {
				resp.Diagnostics.AddAttributeError(at, "Two secrets", fmt.Sprintf("%s: %s has one of %q too; give one of them.", at, other, key))
			}
			given[key] = s.many
		}
	}
	c.checkVersions(entries, given, &resp.Diagnostics)
}

func (c *collection[E, M, V, P]) checkVersions(entries map[string]fwattr.Value, given map[string]string, diags *diag.Diagnostics) {
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		entry, ok := entries[key].(types.Object)
		if !ok || entry.IsUnknown() || entry.IsNull() {
			continue
		}
		at := path.Root(c.members).AtMapKey(key).AtName("password_wo_version")
		version := entry.Attributes()["password_wo_version"]
		switch {
		case version.IsNull() && given[key] != "":
			diags.AddAttributeError(at, "No version", fmt.Sprintf("%s must be given with %s[%q]; a new number sends that again.", at, given[key], key))
		case !version.IsNull() && !version.IsUnknown() && given[key] == "":
			diags.AddAttributeError(at, "Nothing to send", fmt.Sprintf("%s says when a secret is sent, and there is none of %q in %s; give one, or leave it out.", at, key, c.maps()))
		}
	}
}

func (c *collection[E, M, V, P]) maps() string {
	var names []string
	for _, s := range c.secrets {
		names = append(names, s.many)
	}
	return strings.Join(names, " or ")
}
