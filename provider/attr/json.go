package attr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	_ basetypes.StringTypable                    = JSONType{}
	_ basetypes.StringValuableWithSemanticEquals = JSON{}
	_ xattr.ValidateableAttribute                = JSON{}
)

// JSONType is the type of a text that is one JSON object.
type JSONType struct{ basetypes.StringType }

// JSON is such a text; white space and the order of fields do not count.
type JSON struct{ basetypes.StringValue }

// JSONValue is the known text s.
func JSONValue(s string) JSON { return JSON{basetypes.NewStringValue(s)} }

// Equal compares types.
func (t JSONType) Equal(o attr.Type) bool {
	_, ok := o.(JSONType)
	return ok
}

// String names the type.
func (JSONType) String() string { return "attr.JSONType" }

// ValueType is the zero value.
func (JSONType) ValueType(context.Context) attr.Value { return JSON{} }

// ValueFromString wraps in.
func (JSONType) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return JSON{in}, nil
}

// ValueFromTerraform reads a string.
func (t JSONType) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	v, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	s, ok := v.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("read JSON: got a %T", v)
	}
	return JSON{s}, nil
}

// Type is JSONType.
func (JSON) Type(context.Context) attr.Type { return JSONType{} }

// Equal compares spellings; StringSemanticEquals compares objects.
func (j JSON) Equal(o attr.Value) bool {
	other, ok := o.(JSON)
	return ok && j.StringValue.Equal(other.StringValue)
}

// StringSemanticEquals says whether both are the same object.
func (j JSON) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(JSON)
	if !ok {
		return false, nil
	}
	a, errA := oneSpelling(j.ValueString())
	b, errB := oneSpelling(other.ValueString())
	return errA == nil && errB == nil && bytes.Equal(a, b), nil
}

// ValidateAttribute refuses what is no JSON object.
func (j JSON) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if j.IsNull() || j.IsUnknown() {
		return
	}
	if _, err := oneSpelling(j.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a JSON object",
			fmt.Sprintf("%s is no JSON object: %v. Write it with jsonencode({…}).", req.Path, err))
	}
}

// oneSpelling sorts the fields of an object and keeps its numbers as they are.
func oneSpelling(s string) ([]byte, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("it is null")
	}
	if d.More() {
		return nil, fmt.Errorf("something follows it")
	}
	return json.Marshal(v)
}
