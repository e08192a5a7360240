package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// reference is an attribute that names objects of another kind. Its place is of names with dots between them; * stands for every
// entry of a list or a map.
type reference struct{ at, kind string }

// refers are the references that the server refuses where they lead nowhere, by the kind that has them.
func refers(kind string) []reference {
	all := []reference{{"security_domain", "security_domain"}}
	switch kind {
	case "user", "package":
		return append(all, reference{"groups", "group"})
	case "application":
		return append(all, reference{"resources.*.authentication_scheme", "authentication_scheme"}, reference{"resources.*.authorization_policy", "authorization_policy"})
	case "authorization_policy":
		return append(all, reference{"rules.*.groups", "group"})
	case "authentication_scheme":
		return append(all, reference{"steps.*.identity_store", "identity_store"})
	case "admin_role":
		return append(all, reference{"groups", "group"}, reference{"permissions.*.security_domains", "security_domain"})
	case "replication_agreement":
		return []reference{{"target", "partner"}}
	case "admin_token":
		return []reference{{"roles", "admin_role"}}
	}
	return all
}

// routes are where the kinds that others refer to are asked for.
func routes(kind string) string {
	return map[string]string{"group": "groups", "security_domain": "security-domains", "authentication_scheme": "authentication-schemes",
		"authorization_policy": "authorization-policies", "identity_store": "identity-stores", "admin_role": "admin-roles", "partner": "partners"}[kind]
}

// mentioned calls found with every name that an attribute of v has, and its place. What is not known yet, or not there, names nothing.
func mentioned(v tftypes.Value, at string, found func(name string, at path.Path)) {
	follow(v, strings.Split(at, "."), path.Empty(), found)
}

func follow(v tftypes.Value, steps []string, at path.Path, found func(string, path.Path)) {
	if !v.IsKnown() || v.IsNull() {
		return
	}
	var name string
	var fields map[string]tftypes.Value
	var entries []tftypes.Value
	switch {
	case v.As(&name) == nil:
		if len(steps) == 0 {
			found(name, at)
		}
	case v.As(&entries) == nil && len(steps) == 0: // of a set, whose elements have no place of their own, or of a list
		for _, e := range entries {
			follow(e, nil, at, found)
		}
	case v.As(&entries) == nil && steps[0] == "*":
		for i, e := range entries {
			follow(e, steps[1:], at.AtListIndex(i), found)
		}
	case v.As(&fields) != nil || len(steps) == 0:
	case steps[0] == "*":
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			follow(fields[key], steps[1:], at.AtMapKey(key), found)
		}
	default:
		if field, ok := fields[steps[0]]; ok {
			follow(field, steps[1:], at.AtName(steps[0]), found)
		}
	}
}
