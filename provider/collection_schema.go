package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Schema is made of the one of the resource for one object: its attributes without name and id are an entry's, and what it asks of
// a name it asks of a key.
func (c *collection[E, M, V, P]) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	var one resource.SchemaResponse
	c.single().Schema(ctx, resource.SchemaRequest{}, &one)
	attributes := maps.Clone(one.Schema.Attributes)
	delete(attributes, "id")
	delete(attributes, "name")
	all := map[string]schema.Attribute{"id": idAttribute("A text that stands for the collection in Terraform and says nothing else: chosen when it is created, or what it was imported by. The data center does not know it.")}
	c.moveSecrets(attributes, all)
	rules := []validator.Map{mapvalidator.NoNullValues(), mapvalidator.SizeAtMost(maxMembers)}
	if name, ok := one.Schema.Attributes["name"].(schema.StringAttribute); ok {
		rules = append(rules, mapvalidator.KeysAre(name.Validators...))
	}
	if c.folded {
		rules = append(rules, distinct{})
	}
	all[c.members] = schema.MapNestedAttribute{Required: true, Validators: rules, NestedObject: schema.NestedAttributeObject{Attributes: attributes},
		MarkdownDescription: fmt.Sprintf("The %s by name, 20,000 at most, each with the attributes of a `concord_%s` but for secrets. Others that the data center has are left alone.", c.members, c.one.name)}
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("%s Use it for hundreds or thousands of them, and `concord_%s` for a few or where each has a life of its own. Each of the %s belongs to one collection or to one `concord_%s`, never to both: they would undo each other's changes. "+
			"What an apply changes is sent in one request that does all or nothing, up to 10,000 changes, 7 MiB or 100 secrets, and as much as the store takes at once; beyond that in several such requests, one after another. It is not atomic beyond one of them: when one is refused, those before it stay written and are in the state, and the next apply makes what is missing. Where that was the apply which made the collection, Terraform marks it as tainted and would delete its objects first: run `terraform untaint` before. Removing an entry, or destroying the collection, deletes the objects.",
			c.describe, c.one.name, c.members, c.one.name),
		Attributes: all,
	}
}

// distinct refuses keys that differ in upper and lower case alone, where names compare without it.
type distinct struct{}

// Description says the rule.
func (distinct) Description(context.Context) string {
	return "keys must differ in more than upper and lower case"
}

// MarkdownDescription says the rule.
func (d distinct) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

// ValidateMap looks at the keys, which are known even where values are not.
func (distinct) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	first := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(req.ConfigValue.Elements())) {
		if other, ok := first[strings.ToLower(key)]; ok {
			resp.Diagnostics.AddAttributeError(req.Path.AtMapKey(key), "Two keys for one name", fmt.Sprintf("%q and %q are the same name: upper and lower case do not count. Leave one out.", other, key))
		}
		first[strings.ToLower(key)] = key
	}
}
