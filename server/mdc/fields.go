package mdc

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// strangers gives the pointers of values that the JSON form of o has no field for, by exact name: the standard decoder
// would take "Name" for "name".
func strangers(o Object, values map[string]any) []string {
	out := unknown(reflect.TypeOf(o), values, "")
	slices.Sort(out)
	return out
}

func unknown(t reflect.Type, v any, at string) (out []string) {
	fields, ok := v.(map[string]any)
	if !ok {
		return unknownInList(t, v, at)
	}
	for name, value := range fields {
		here := at + "/" + escape(name)
		if below, known := fieldType(t, name); known {
			out = append(out, unknown(below, value, here)...)
		} else {
			out = append(out, here)
		}
	}
	return out
}

func unknownInList(t reflect.Type, v any, at string) (out []string) {
	list, _ := v.([]any)
	t = pointed(t)
	if t == nil || t.Kind() != reflect.Slice {
		return nil // a wrong type is for the decoder to refuse
	}
	for _, value := range list {
		out = append(out, unknown(t.Elem(), value, at)...)
	}
	return out
}

// fieldType is the type of an object's field; known is false when t is a struct without it. A type that is no struct and
// no map, or reads itself, leaves the question to the decoder.
func fieldType(t reflect.Type, name string) (typ reflect.Type, known bool) {
	t = pointed(t)
	switch {
	case t == nil, reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil, true
	case t.Kind() == reflect.Map:
		return t.Elem(), true
	case t.Kind() != reflect.Struct:
		return nil, true
	}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && tag != "" && tag != "-" {
			return f.Type, true
		}
	}
	return nil, false
}

func pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
