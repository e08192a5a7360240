package attr_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

// TestJSONMeaning: the order of fields and white space are no difference, everything else is.
func TestJSONMeaning(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b string
		same bool
	}{
		"order":       {`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		"white space": {`{"a":[1,2]}`, "{ \"a\": [ 1,\n 2 ] }", true},
		"list order":  {`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		"null":        {`{"a":null}`, `{}`, false},
		"big number":  {`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		"broken":      {`{"a":`, `{"a":`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := attr.JSONValue(tc.a).StringSemanticEquals(t.Context(), attr.JSONValue(tc.b)); got != tc.same {
				t.Errorf("the same: %t", got)
			}
		})
	}
}

// TestJSONIsAnObject: anything else is refused at plan.
func TestJSONIsAnObject(t *testing.T) {
	for text, ok := range map[string]bool{`{"a":1}`: true, `{}`: true, `null`: false, `[1]`: false, `"a"`: false, `{"a":1} x`: false, `{"a":1}{}`: false, ``: false} {
		var resp xattr.ValidateAttributeResponse
		attr.JSONValue(text).ValidateAttribute(t.Context(), xattr.ValidateAttributeRequest{Path: path.Root("values")}, &resp)
		if resp.Diagnostics.HasError() == ok {
			t.Errorf("%q: %v", text, resp.Diagnostics)
		}
	}
}
