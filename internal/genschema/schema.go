package main

import (
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// object is a JSON object; encoding/json sorts its keys, so the output is stable.
type object = map[string]any

func each[T any](in map[string]T, show func(T) object) object {
	out := object{}
	for name, v := range in {
		out[name] = show(v)
	}
	return out
}

func versioned(s *tfprotov6.Schema) object {
	return object{"version": s.Version, "block": block(s.Block)}
}

func block(b *tfprotov6.SchemaBlock) object {
	out := object{"description_kind": kindOf(b.DescriptionKind)}
	if len(b.Attributes) > 0 {
		out["attributes"] = attributes(b.Attributes)
	}
	describe(out, b.Description, b.Deprecated)
	return out
}

func attributes(list []*tfprotov6.SchemaAttribute) object {
	out := object{}
	for _, a := range list {
		out[a.Name] = attribute(a)
	}
	return out
}

func attribute(a *tfprotov6.SchemaAttribute) object {
	out := object{"description_kind": kindOf(a.DescriptionKind)}
	describe(out, a.Description, a.Deprecated)
	if a.NestedType != nil {
		out["nested_type"] = object{"attributes": attributes(a.NestedType.Attributes), "nesting_mode": mode(a.NestedType.Nesting)}
	} else {
		out["type"] = typeOf(a.Type)
	}
	flags := map[string]bool{"required": a.Required, "optional": a.Optional, "computed": a.Computed, "sensitive": a.Sensitive, "write_only": a.WriteOnly}
	for name, set := range flags {
		if set {
			out[name] = true
		}
	}
	return out
}

func identity(s *tfprotov6.ResourceIdentitySchema) object {
	list := object{}
	for _, a := range s.IdentityAttributes {
		one := object{"type": typeOf(a.Type)}
		describe(one, a.Description, false)
		if a.RequiredForImport {
			one["required_for_import"] = true
		}
		if a.OptionalForImport {
			one["optional_for_import"] = true
		}
		list[a.Name] = one
	}
	return object{"version": s.Version, "attributes": list}
}

// signature is a function's; Terraform gives its description without a kind, as text in Markdown.
func signature(f *tfprotov6.Function) object {
	out := object{"return_type": typeOf(f.Return.Type)}
	describe(out, f.Description, false)
	if f.Summary != "" {
		out["summary"] = f.Summary
	}
	if f.DeprecationMessage != "" {
		out["deprecation_message"] = f.DeprecationMessage
	}
	parameters := []object{}
	for _, p := range f.Parameters {
		parameters = append(parameters, parameter(p))
	}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if f.VariadicParameter != nil {
		out["variadic_parameter"] = parameter(f.VariadicParameter)
	}
	return out
}

func parameter(p *tfprotov6.FunctionParameter) object {
	out := object{"name": p.Name, "type": typeOf(p.Type)}
	describe(out, p.Description, false)
	if p.AllowNullValue {
		out["is_nullable"] = true
	}
	return out
}

func describe(out object, description string, deprecated bool) {
	if description != "" {
		out["description"] = description
	}
	if deprecated {
		out["deprecated"] = true
	}
}

func kindOf(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}

func mode(m tfprotov6.SchemaObjectNestingMode) string {
	switch m {
	case tfprotov6.SchemaObjectNestingModeList:
		return "list"
	case tfprotov6.SchemaObjectNestingModeSet:
		return "set"
	case tfprotov6.SchemaObjectNestingModeMap:
		return "map"
	default:
		return "single"
	}
}

// typeOf spells a type as Terraform does: "string", ["set","string"].
func typeOf(t tftypes.Type) any {
	b, err := json.Marshal(t)
	if err != nil {
		return "dynamic" // every type of tftypes has a JSON form
	}
	return json.RawMessage(b)
}
