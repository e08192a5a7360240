package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

type object = map[string]any

// describe gives the OpenAPI 3.1 document of a listener, made from its routes.
func (o *operations) describe(version string) object {
	schemas := object{}
	paths := object{}
	for _, r := range o.routes {
		item, ok := paths[r.path].(object)
		if !ok {
			item = object{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = o.operation(r, schemas)
	}
	schemaOf(reflect.TypeFor[wire.Problem](), schemas)
	return object{
		"openapi":    "3.1.0",
		"info":       object{"title": o.title, "version": version},
		"paths":      paths,
		"components": object{"schemas": schemas, "securitySchemes": o.schemes()},
	}
}

// schemes are the ways in which a caller of the listener says who it is.
func (o *operations) schemes() object {
	out := object{"caller": o.scheme}
	if o.certificates {
		out["certificate"] = object{"type": "mutualTLS"}
	}
	return out
}

func (o *operations) operation(r route, schemas object) object {
	op := object{"summary": r.summary, "responses": o.responses(r, schemas)}
	if r.in == (octets{}) {
		op["requestBody"] = object{"required": true, "content": object{octetStream: object{}}}
	} else if r.in != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(r.in), schemas)}}}
	}
	if params := parameters(r); len(params) > 0 {
		op["parameters"] = params
	}
	if o.guard != nil && !r.public {
		op["x-concord-permission"] = r.needs.String()
	}
	if r.public {
		op["security"] = []any{}
	} else {
		op["security"] = []any{object{"caller": []any{}}}
		if o.certificates {
			op["security"] = []any{object{"caller": []any{}}, object{"certificate": []any{}}}
		}
	}
	return op
}

func (o *operations) responses(r route, schemas object) object {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	all := object{"default": object{"description": "what went wrong", "content": object{wire.ProblemType: object{"schema": ref("Problem")}}}}
	all[strconv.Itoa(status)] = response(r.out, r.hidden && status == http.StatusOK, schemas)
	for status, out := range r.also {
		all[strconv.Itoa(status)] = response(out, r.hidden && status == http.StatusOK, schemas)
	}
	return all
}

func response(out any, page bool, schemas object) object {
	switch {
	case out == octets{}:
		return object{"description": "the content", "content": object{octetStream: object{}}}
	case out != nil:
		return object{"description": "done", "content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(out), schemas)}}}
	case page:
		return object{"description": "a page", "content": object{"text/html": object{}}}
	}
	return object{"description": "done"}
}

func parameters(r route) []any {
	var out []any
	for s := range strings.SplitSeq(r.path, "/") {
		if strings.HasPrefix(s, "{") {
			out = append(out, object{"name": strings.Trim(s, "{.}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, q := range r.query {
		out = append(out, object{"name": q, "in": "query", "schema": object{"type": "string"}})
	}
	for _, h := range slices.Sorted(maps.Keys(r.header)) {
		out = append(out, object{"name": h, "in": "header", "description": r.header[h], "schema": object{"type": "string"}})
	}
	return out
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// schemaOf gives the JSON schema of a wire type and puts named structs into schemas.
func schemaOf(t reflect.Type, schemas object) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return object{"anyOf": []any{schemaOf(t.Elem(), schemas), object{"type": "null"}}}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{"type": "object", "additionalProperties": object{}}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return object{"type": "string", "contentEncoding": "base64"}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), schemas)}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), schemas)}
	case t.Kind() == reflect.Struct:
		return structSchema(t, schemas)
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.Float64:
		return object{"type": "number"}
	case t.Kind() == reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

func structSchema(t reflect.Type, schemas object) object {
	name := strings.NewReplacer("[", "Of", "]", "", "github.com/concord-access/terraform-provider-concord/internal/wire.", "").Replace(t.Name())
	if _, done := schemas[name]; done {
		return ref(name)
	}
	s := object{"type": "object", "additionalProperties": false}
	schemas[name] = s // before its fields, so that a type may hold itself
	props, required := object{}, []any{}
	for f := range fieldsOf(t) {
		props[f.name] = schemaOf(f.typ, schemas)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	s["properties"] = props
	if len(required) > 0 {
		s["required"] = required
	}
	return ref(name)
}
