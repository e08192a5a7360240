package mdc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// maxOverride is the longest set of values of an override, in bytes.
const maxOverride = 64 << 10

// Override is what one data center lays over a replicated object: a JSON merge patch (RFC 7396) that stays here. The
// object itself, its ETag and the digest do not change. A null takes a field away, so that its default counts.
type Override struct {
	Kind   string          `json:"kind"` // of the object: one that is Overridable
	Name   string          `json:"name"` // SingletonName for a singleton
	Values json.RawMessage `json:"values"`
	// BindPassword proves, where the values give an identity store other servers, that the writer knows the password that they get.
	BindPassword Proof `json:"bind_password,omitzero"`
}

// OverrideKind describes overrides. An object that has one here cannot be deleted here before it.
func OverrideKind() Kind {
	return Kind{Name: "override", Collection: "overrides", Scope: Local, RefersTo: []string{"setting", "authorization_policy", "application", "agent", "identity_store", "authentication_scheme"},
		New: func() Object { return &Override{} }}
}

// OverrideName is the name under which the override of an object is kept.
func OverrideName(kind Kind, name string) string { return kind.Name + "/" + kind.Key(name) }

// ObjectName is "kind/name" in the key spelling of the object's kind.
func (o *Override) ObjectName() string {
	if k, ok := KindByName(o.Kind); ok {
		return OverrideName(k, o.Name)
	}
	return o.Kind + "/" + o.Name
}

// Normalize spells the values with sorted keys and without white space.
func (o *Override) Normalize() {
	if v, err := readValues(o.Values); err == nil {
		if b, err := json.Marshal(v); err == nil {
			o.Values = b
		}
	}
}

// Validate checks what the override alone decides; Lay says whether it fits the object.
func (o *Override) Validate() []fault.Field {
	var c checks
	kind, known := KindByName(o.Kind)
	c.want(known && kind.Overridable, "/kind", "%q is not one of %s", clip(o.Kind), strings.Join(overridable(), ", "))
	c.name("/name", o.Name)
	c.want(!kind.Singleton || o.Name == SingletonName, "/name", "must be %q: there is one %s", SingletonName, kind.Name)
	c.want(len(o.Values) <= maxOverride, "/values", "are %d bytes long; at most %d are allowed", len(o.Values), maxOverride)
	values, err := readValues(o.Values)
	c.want(err == nil && len(values) > 0, "/values", "must be a JSON object with at least one field")
	if _, comes := o.BindPassword.Plain(); comes {
		c.want(kind.Name == IdentityStoreKind().Name, "/bind_password", "means something for an identity_store only")
	}
	if known && kind.Overridable && err == nil {
		o.fixed(&c, kind, values)
	}
	return c.fields
}

// fixed refuses what no data center may have of its own: the object's name, its secrets, and fields it does not have.
func (o *Override) fixed(c *checks, kind Kind, values map[string]any) {
	sample := kind.New()
	holder, _ := sample.(SecretHolder)
	kept, _ := sample.(CredentialHolder)
	for field := range values {
		secret := false
		if holder != nil {
			_, secret = holder.Secrets()["/"+field]
		}
		secret = secret || kept != nil && field == CredentialField
		c.want(!secret, "/values/"+escape(field), "is a secret; secrets are the same in every data center")
		c.want(field != "name", "/values/name", "is the object's name; it cannot be changed")
		c.want(field != "security_domain", "/values/security_domain", "says who may change the object; it is the same in every data center")
	}
	for _, pointer := range strangers(sample, values) {
		c.want(false, "/values"+pointer, "is not a field of a %s", kind.Name)
	}
}

// References gives the object that it lies over.
func (o *Override) References() []Reference {
	if o.Kind == "" {
		return nil
	}
	return []Reference{{Kind: o.Kind, Name: o.Name, Pointer: "/name"}}
}

// Fields gives the JSON pointers of the values that it sets or takes away, sorted.
func (o *Override) Fields() []string {
	values, err := readValues(o.Values)
	if err != nil {
		return nil
	}
	out := leaves(values, "")
	slices.Sort(out)
	return out
}

// Lay gives what the override makes of an object with this stored body, or why it does not fit: pointers lead into the
// override. The error is for a body that is no object of the kind.
func (o *Override) Lay(kind Kind, body []byte) (Object, []fault.Field, error) {
	values, err := readValues(o.Values)
	if err != nil {
		return nil, []fault.Field{{Pointer: "/values", Detail: "are no JSON object: " + clip(err.Error()).String()}}, nil
	}
	stored, err := readValues(body)
	if err != nil {
		return nil, nil, fmt.Errorf("lay override over %s: %w", o.ObjectName(), err)
	}
	merged, err := json.Marshal(merge(stored, values))
	if err != nil {
		return nil, nil, fmt.Errorf("lay override over %s: %w", o.ObjectName(), err)
	}
	laid, err := kind.Decode(merged)
	if err != nil {
		return nil, []fault.Field{{Pointer: "/values", Detail: "cannot be laid over the " + kind.Name + ": " + clip(err.Error()).String()}}, nil
	}
	laid.Normalize()
	faults := laid.Validate()
	for i := range faults {
		faults[i].Pointer = "/values" + faults[i].Pointer
	}
	if kind.Key(laid.ObjectName()) != kind.Key(o.Name) {
		faults = append(faults, fault.Field{Pointer: "/values", Detail: "would change the object's name"})
	}
	return laid, faults, nil
}

func overridable() (names []string) {
	for _, k := range Kinds() {
		if k.Overridable {
			names = append(names, k.Name)
		}
	}
	return names
}

// readValues keeps numbers as they are written.
func readValues(b []byte) (v map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err = d.Decode(&v); err == nil && v == nil {
		err = fmt.Errorf("read values: %q is no object", clip(string(b)))
	}
	return v, err
}

// merge applies a merge patch to target, which it changes (RFC 7396 section 2).
func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(target, k)
		case map[string]any:
			below, _ := target[k].(map[string]any)
			target[k] = merge(below, v)
		default:
			target[k] = v
		}
	}
	return target
}

func leaves(values map[string]any, at string) (out []string) {
	for k, v := range values {
		here := at + "/" + escape(k)
		if below, ok := v.(map[string]any); ok && len(below) > 0 {
			out = append(out, leaves(below, here)...)
		} else {
			out = append(out, here)
		}
	}
	return out
}
