package provider

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// filter is an argument of a list that the server chooses by.
type filter struct {
	name, about string
	oneOf       []string
	otherwise   string // what is asked for where nothing is written; "" = all
}

// many is the noun for all that a list finds.
func (k kind) many() string {
	if k.singleton {
		return k.noun
	}
	if before, ok := strings.CutSuffix(k.noun, "y"); ok {
		return before + "ies"
	}
	return k.noun + "s"
}

// natural is the attribute that holds the natural name.
func (k kind) natural() string {
	switch {
	case k.nested:
		return "id"
	case k.by != "":
		return k.by
	}
	return "name"
}

// named says whether a list chooses by the beginning of the natural name.
func (k kind) named() bool { return !k.singleton && len(k.filters) == 0 }

// listSchema describes a list of a kind: what it finds, and what it can be chosen by.
func listSchema(k kind, of resourceschema.Schema) schema.Schema {
	about := fmt.Sprintf("Finds every %s of the data center that the provider's endpoint is, for `terraform query`, which can write the configuration of what it finds.", k.noun)
	if k.singleton {
		about = fmt.Sprintf("Finds the one %s of the data center that the provider's endpoint is, for `terraform query`, which can write its configuration.", k.noun)
	}
	if k.listed != "" {
		about += " " + k.listed
	}
	if k.overridable {
		about += " What is found is shown as it is replicated, without what this data center lays over it with `concord_override`."
	}
	attributes := map[string]schema.Attribute{}
	if k.named() {
		attributes["name_prefix"] = schema.StringAttribute{Optional: true, MarkdownDescription: fmt.Sprintf("Only those whose `%s` begins with this, in upper or lower case.", k.natural())}
	}
	if _, ok := of.Attributes["security_domain"]; ok {
		attributes["security_domain"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Only those that belong to the `concord_security_domain` of this name; `\"\"` for those that belong to none."}
	}
	for _, f := range k.filters {
		var each []validator.String
		if len(f.oneOf) > 0 {
			each = []validator.String{stringvalidator.OneOf(f.oneOf...)}
		}
		attributes[f.name] = schema.StringAttribute{Optional: true, Validators: each, MarkdownDescription: f.about}
	}
	return schema.Schema{Attributes: attributes, MarkdownDescription: about + " Needs Terraform 1.14 or newer."}
}

// chosen reads a list's arguments: what is chosen here, and what the server is asked for.
func (k kind) chosen(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (only choice, query url.Values) {
	if query = k.reading(); query == nil {
		query = url.Values{}
	}
	for name, value := range k.asked {
		query.Set(name, value)
	}
	if k.named() {
		diags.Append(config.GetAttribute(ctx, path.Root("name_prefix"), &only.prefix)...)
	}
	if _, ok := config.Schema.GetAttributes()["security_domain"]; ok {
		diags.Append(config.GetAttribute(ctx, path.Root("security_domain"), &only.domain)...)
	}
	for _, f := range k.filters {
		var value types.String
		diags.Append(config.GetAttribute(ctx, path.Root(f.name), &value)...)
		if value.IsNull() {
			value = types.StringValue(f.otherwise)
		}
		if value.ValueString() != "" {
			query.Set(f.name, value.ValueString())
		}
	}
	return only, query
}
