package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// unlisted says that lists leave an attribute of the resource out: what is write-only, its version, and what only Terraform knows.
func unlisted(name string) bool {
	return strings.HasSuffix(name, "_wo") || strings.HasSuffix(name, "_wo_version") || name == "deletion_protection"
}

// pluralSchema is the schema of the data source that lists a kind.
func pluralSchema(k kind, e pluralElement) schema.Schema {
	attributes := map[string]schema.Attribute{
		"name_prefix": schema.StringAttribute{Optional: true, MarkdownDescription: fmt.Sprintf("Only those whose `%s` begins with this, in upper or lower case.", e.by)},
		k.name: schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: shown(e.schema.Attributes)},
			MarkdownDescription: fmt.Sprintf("All %s that fit, sorted by `%s`, each with the attributes of its resource but for secrets. A set, list or map that the resource leaves out is empty here.", k.noun, e.by)},
	}
	if e.owned() {
		attributes["security_domain"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Only those that belong to the `concord_security_domain` of this name; `\"\"` for those that belong to none."}
	}
	about := e.about
	if k.overridable {
		about += " They are shown as they are replicated, without what this data center lays over them with `concord_override`."
	}
	return schema.Schema{Attributes: attributes,
		MarkdownDescription: fmt.Sprintf("%s At most 50,000 objects or 24 MiB; choose fewer with the filters where there are more.", about)}
}

// shown makes computed attributes of a resource's.
func shown(in map[string]resourceschema.Attribute) map[string]schema.Attribute {
	out := map[string]schema.Attribute{}
	for name, a := range in {
		if !unlisted(name) {
			out[name] = computedLike(a)
		}
	}
	return out
}

// computedLike is an attribute that only shows what a resource's attribute holds. Custom types are left out: nothing is compared.
func computedLike(in resourceschema.Attribute) schema.Attribute {
	what := in.GetMarkdownDescription()
	switch a := in.(type) {
	case resourceschema.StringAttribute:
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	case resourceschema.BoolAttribute:
		return schema.BoolAttribute{Computed: true, MarkdownDescription: what}
	case resourceschema.Int64Attribute:
		return schema.Int64Attribute{Computed: true, MarkdownDescription: what}
	case resourceschema.SetAttribute:
		return schema.SetAttribute{Computed: true, ElementType: a.ElementType, MarkdownDescription: what}
	case resourceschema.ListAttribute:
		return schema.ListAttribute{Computed: true, ElementType: a.ElementType, MarkdownDescription: what}
	case resourceschema.MapAttribute:
		return schema.MapAttribute{Computed: true, ElementType: a.ElementType, MarkdownDescription: what}
	case resourceschema.SingleNestedAttribute:
		return schema.SingleNestedAttribute{Computed: true, Attributes: shown(a.Attributes), MarkdownDescription: what}
	case resourceschema.ListNestedAttribute:
		return schema.ListNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: shown(a.NestedObject.Attributes)}, MarkdownDescription: what}
	case resourceschema.MapNestedAttribute:
		return schema.MapNestedAttribute{Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: shown(a.NestedObject.Attributes)}, MarkdownDescription: what}
	}
	return nil // a kind of attribute that no listed resource has; the framework refuses nil when the schema is read, so tests see it
}
