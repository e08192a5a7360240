package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// kindRoutes ties a kind to its wire structs: what a caller writes, and what is answered.
type kindRoutes struct {
	kind  mdc.Kind
	in    any                                      // zero value of the writable half
	out   any                                      // zero value of the view
	page  any                                      // zero value of a page of views
	view  func(c *call, o mdc.Object) (any, error) // nil: the view is the object without its secrets, and its id
	made  func(in any, o mdc.Object) error         // finishes an object from what was sent; nil = it is finished
	over  bool                                     // the object lies over another one and is addressed by that one's kind and name
	moves bool                                     // the view says more than what is stored, which changes without it
}

// operationsOf gives the five routes of a named kind, or the four of a singleton.
func (s *Server) operationsOf(k kindRoutes) []route {
	base := "/v1/" + k.kind.Collection
	one := base + "/{name}"
	switch {
	case k.kind.Singleton:
		one = base
	case k.over:
		one = base + "/{kind}/{name}"
	}
	noun := k.kind.Name
	var made map[int]any // a singleton is always there
	if !k.kind.Singleton {
		made = map[int]any{http.StatusCreated: k.out}
	}
	var stored []string // what replicates can be read apart from what counts here
	if k.kind.Overridable {
		stored = []string{"stored"}
	}
	routes := []route{
		{method: http.MethodGet, path: one, needs: k.needs(mdc.ActionRead), summary: "Read the " + noun, query: stored, out: k.out, also: map[int]any{http.StatusNotModified: nil}, handle: s.getObject(k)},
		{method: http.MethodPut, path: one, needs: k.needs(mdc.ActionWrite), summary: "Create or replace the " + noun, query: []string{"dry_run", "alone"}, in: k.in, out: k.out, also: made, handle: s.putObject(k)},
		{method: http.MethodPatch, path: one, needs: k.needs(mdc.ActionWrite), summary: "Change fields of the " + noun + " (JSON merge patch)", query: []string{"dry_run"}, in: map[string]any{}, out: k.out, handle: s.patchObject(k)},
		{method: http.MethodDelete, path: one, needs: k.needs(mdc.ActionWrite), summary: "Delete the " + noun + "; a singleton goes back to its defaults", query: []string{"dry_run"}, status: http.StatusNoContent, handle: s.deleteObject(k)},
	}
	if !k.kind.Singleton {
		routes = append(routes, route{method: http.MethodGet, path: base, needs: k.needs(mdc.ActionRead), summary: "List every " + noun, query: append([]string{"limit", "cursor", "etags"}, stored...), out: k.page, handle: s.listObjects(k)})
	}
	return routes
}

func (k kindRoutes) name(c *call) string {
	switch {
	case k.kind.Singleton:
		return mdc.SingletonName
	case k.over:
		return c.Param("kind") + "/" + c.Param("name")
	}
	return c.Param("name")
}

func (s *Server) getObject(k kindRoutes) func(*call) error {
	return func(c *call) error {
		read := s.c.Configuration.Effective
		if c.Query("stored") == "true" {
			read = s.c.Configuration.Get
		}
		res, err := read(c.Request.Context(), c.actor(), k.kind, k.name(c))
		if err != nil {
			return err
		}
		return s.answerKind(c, k, http.StatusOK, res)
	}
}

func (s *Server) answerKind(c *call, k kindRoutes, status int, res configuration.Result) error {
	v, err := k.present(c, res)
	if err != nil {
		return err
	}
	if len(res.Overridden) > 0 || k.moves { // the ETag is that of what is stored, so it cannot vouch for what the caller has
		c.Header("ETag", res.ETag)
		return c.answerStatus(status, v)
	}
	return c.answerObject(status, res.ETag, v)
}

func (s *Server) putObject(k kindRoutes) func(*call) error {
	return func(c *call) error {
		pre, err := c.precondition()
		if err != nil {
			return err
		}
		in := reflect.New(reflect.TypeOf(k.in)).Interface()
		if err := c.decode(in); err != nil {
			return err
		}
		o, err := k.object(in)
		if err != nil {
			return err
		}
		if err := k.sameName(k.name(c), o); err != nil {
			return err
		}
		res, err := s.c.Configuration.Put(c.Request.Context(), c.actor(), k.kind, o, pre)
		if err != nil {
			return err
		}
		return s.answerKind(c, k, created(res, k), res)
	}
}

func created(res configuration.Result, k kindRoutes) int {
	if res.Outcome == configuration.Created && !k.kind.Singleton {
		return http.StatusCreated
	}
	return http.StatusOK
}

// sameName refuses a body that names another object than its address does.
func (k kindRoutes) sameName(name string, o mdc.Object) error {
	if k.kind.Singleton || k.kind.Key(o.ObjectName()) == k.kind.Key(name) {
		return nil
	}
	pointer, must := "/name", "must be %q"
	switch {
	case k.kind.Name == "partner":
		pointer = "/cluster_id"
	case k.over:
		must = "must, with the kind before it, be %q"
	}
	return fault.InvalidFields("The body names another object than the address.", []fault.Field{{Pointer: pointer, Detail: fmt.Sprintf(must, clip(name))}})
}

func (s *Server) patchObject(k kindRoutes) func(*call) error {
	return func(c *call) error {
		pre, err := c.precondition()
		if err != nil {
			return err
		}
		patch, err := c.body()
		if err != nil {
			return err
		}
		if err := decodeStrict(patch, &map[string]any{}); err != nil {
			return err
		}
		res, err := s.c.Configuration.Modify(c.Request.Context(), c.actor(), k.kind, k.name(c), pre, k.patching(k.name(c), patch))
		if err != nil {
			return err
		}
		return s.answerKind(c, k, http.StatusOK, res)
	}
}

// patching is the change that a merge patch makes.
func (k kindRoutes) patching(name string, patch []byte) configuration.Change {
	return func(was mdc.Object) (mdc.Object, error) {
		if was == nil {
			return nil, fault.New(fault.NotFound, "not_found", "There is no %s named %q here.", k.kind.Name, clip(name))
		}
		return k.patched(was, patch)
	}
}

// patched merges into the writable half, so a patch obeys the same rules as a whole body (RFC 7396).
func (k kindRoutes) patched(was mdc.Object, patch []byte) (mdc.Object, error) {
	now, err := withoutSecrets(was)
	if err != nil {
		return nil, err
	}
	merged, err := jsonpatch.MergePatch(now, patch)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_patch", "The body is no JSON merge patch.")
	}
	in := reflect.New(reflect.TypeOf(k.in)).Interface()
	if err := decodeStrict(merged, in); err != nil {
		return nil, err
	}
	return k.object(in)
}

func (s *Server) deleteObject(k kindRoutes) func(*call) error {
	return func(c *call) error {
		pre, err := c.precondition()
		if err != nil {
			return err
		}
		if err := s.c.Configuration.Delete(c.Request.Context(), c.actor(), k.kind, k.name(c), pre); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	}
}

func (s *Server) listObjects(k kindRoutes) func(*call) error {
	return func(c *call) error {
		limit, err := c.limit()
		if err != nil {
			return err
		}
		after, err := s.openCursor(k.kind.Name, c.Query("cursor"))
		if err != nil {
			return err
		}
		list := s.c.Configuration.ListEffective
		if c.Query("stored") == "true" {
			list = s.c.Configuration.List
		}
		items, next, err := list(c.Request.Context(), c.actor(), k.kind, after, limit)
		if err != nil {
			return err
		}
		page := wire.Page[any]{Items: make([]any, 0, len(items))}
		for _, it := range items {
			v, err := k.present(c, it)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, v)
			if c.Query("etags") == "true" {
				page.ETags = append(page.ETags, it.ETag)
			}
		}
		if page.NextCursor, err = s.sealCursor(k.kind.Name, next); err != nil {
			return err
		}
		return c.answer(page)
	}
}

// object makes the mdc object from a decoded wire struct: the same names, the kind's defaults for what is absent.
func (k kindRoutes) object(in any) (mdc.Object, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", k.kind.Name, err)
	}
	o := k.kind.New()
	if err := json.Unmarshal(b, o); err != nil {
		return nil, fault.New(fault.Invalid, "invalid_input", "The %s cannot be accepted: %s.", k.kind.Name, clip(err.Error()))
	}
	if k.made != nil {
		return o, k.made(in, o)
	}
	return o, nil
}

// present makes the view of an object.
func (k kindRoutes) present(c *call, res configuration.Result) (any, error) {
	if k.view != nil {
		return k.view(c, res.Object)
	}
	out := reflect.New(reflect.TypeOf(k.out))
	if err := fillFrom(out.Interface(), res.Object, res.Body); err != nil {
		return nil, err
	}
	out.Elem().FieldByName("ID").SetString(res.Object.ObjectName())
	if field := out.Elem().FieldByName("Overridden"); field.IsValid() {
		field.Set(reflect.ValueOf(res.Overridden))
	}
	return out.Interface(), nil
}

// fill copies an object's fields, without its secrets, into a view.
func fill(view any, o mdc.Object) error { return fillFrom(view, o, nil) }

// fillFrom is fill where the canonical form of the object may be at hand; nil = it is not.
func fillFrom(view any, o mdc.Object, body []byte) (err error) {
	if body == nil {
		if body, err = mdc.Encode(o); err != nil {
			return err
		}
	}
	b, err := stripped(o, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, view); err != nil {
		return fmt.Errorf("present object: %w", err)
	}
	return nil
}

func withoutSecrets(o mdc.Object) ([]byte, error) {
	b, err := mdc.Encode(o)
	if err != nil {
		return nil, err
	}
	return stripped(o, b)
}

// stripped takes the secrets out of an object's canonical form.
func stripped(o mdc.Object, b []byte) ([]byte, error) {
	holder, hashed := o.(mdc.SecretHolder)
	_, wrapped := o.(mdc.PassphraseHolder)
	_, marked := o.(mdc.CredentialHolder)
	if !hashed && !wrapped && !marked {
		return b, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, fmt.Errorf("strip secrets: %w", err)
	}
	if hashed {
		for pointer := range holder.Secrets() {
			delete(fields, pointer[1:])
		}
	}
	if wrapped {
		delete(fields, "passphrase")
	}
	if marked {
		delete(fields, mdc.CredentialField)
	}
	return json.Marshal(fields)
}
