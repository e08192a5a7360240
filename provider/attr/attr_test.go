package attr_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestRulesAreTheServers: what the plan lets through the server takes, and what the plan refuses the server refuses.
func TestRulesAreTheServers(t *testing.T) {
	hosts := func(h string) bool {
		return len((&mdc.Application{Name: "a", Hosts: []string{h}}).Validate()) == 0
	}
	paths := func(p string) bool {
		return len((&mdc.Application{Name: "a", Hosts: []string{"a"}, Resources: map[string]mdc.Resource{"r": {Paths: []string{p}}}}).Validate()) == 0
	}
	address := func(a string) bool {
		return len((&mdc.Partner{ClusterID: "A", AgentID: "a", SecurityMode: mdc.ModeCert, Primary: []string{a}}).Validate()) == 0
	}
	mail := func(m string) bool { return len((&mdc.User{Name: "a", Email: m}).Validate()) == 0 }
	rules := map[string]struct {
		plan   validator.String
		server func(string) bool
	}{
		"name": {attr.Name(), mdc.ValidName}, "agent name": {attr.AgentName(), mdc.ValidAgentName}, "cluster id": {attr.ClusterID(), mdc.ValidClusterID},
		"origin": {attr.Origin(), mdc.ValidOrigin}, "host": {attr.HostPattern(), hosts}, "path": {attr.PathPattern(), paths},
		"address": {attr.HostPort(), address}, "mail": {attr.Email(), mail},
	}
	values := strings.Split(`a|A|9|-|a-b|a.b|a_b|a@b|a+b|a/b|a b|é|.a|a.|NYDC|nydc1|a:1|a:0|a:65536|a:x|:1|[::1]:1|::1|a:1/|h@a:1|
http://a|https://a|https://A|https://a/|https://a:1|https://a:1/b|https://u@a|ftp://a|https://|https://a?b|https://a#b|//a|
*.a|*.a.b|*a|a.*|**.a|*.|a:443|a%2f|a\b|/|/a|/a/|/a//b|/a/*|/a/*/b|/a/**|/a/**/b|/**|/*|/a*|/a/../b|/./a|/a?b|/a#b|/a%2f|/a;b|/a\b|/a`+"\t"+`b|a@b@c|@|`, "|")
	values = append(values, strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 128), strings.Repeat("a", 129), "a\n",
		"/"+strings.Repeat("a", 2048), "https://"+strings.Repeat("a", 520), strings.Repeat("a", 301), strings.Repeat("a", 320)+"@b")
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			for _, v := range values {
				if got, want := !validate(r.plan, v).HasError(), r.server(v); got != want {
					t.Errorf("%q: plan accepts %t, server %t", v, got, want)
				}
			}
		})
	}
}

func validate(v validator.String, s string) diag.Diagnostics {
	return validateValue(v, types.StringValue(s))
}

func validateValue(v validator.String, s types.String) diag.Diagnostics {
	var resp validator.StringResponse
	v.ValidateString(context.Background(), validator.StringRequest{Path: path.Root("x"), ConfigValue: s}, &resp)
	return resp.Diagnostics
}

// TestUnknownPasses: what is not known yet cannot be wrong yet.
func TestUnknownPasses(t *testing.T) {
	all := []validator.String{attr.Name(), attr.AgentName(), attr.ClusterID(), attr.Origin(), attr.HostPattern(), attr.PathPattern(), attr.HostPort(), attr.Email(),
		attr.Is("cert", "why"), attr.DurationBetween(time.Second, time.Hour)}
	for _, v := range all {
		for _, s := range []types.String{types.StringNull(), types.StringUnknown()} {
			if d := validateValue(v, s); d.HasError() {
				t.Errorf("%s refuses %s: %v", v.Description(t.Context()), s, d)
			}
		}
	}
}

func TestDurationMeaning(t *testing.T) {
	cases := map[string]struct {
		a, b string
		same bool
	}{
		"shorter spelling": {"30m", "30m0s", true},
		"other unit":       {"90s", "1m30s", true},
		"fraction":         {"1.5s", "1500ms", true},
		"longer":           {"30m", "31m", false},
		"no duration":      {"x", "x", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, _ := attr.DurationValue(tc.a).StringSemanticEquals(t.Context(), attr.DurationValue(tc.b)); got != tc.same {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestDurationsAreTheServers: what the type refuses is what the server cannot read.
func TestDurationsAreTheServers(t *testing.T) {
	for _, s := range []string{"30m", "1h30m", "1.5s", "0", "0s", "-1s", "5", "", "m", "1d", " 1s", "1µs"} {
		var d mdc.Duration
		server := d.UnmarshalJSON([]byte(`"`+s+`"`)) == nil
		if plan := !check(attr.DurationValue(s)).HasError(); plan != server {
			t.Errorf("%q: plan accepts %t, server %t", s, plan, server)
		}
	}
}

func check(v xattr.ValidateableAttribute) diag.Diagnostics {
	var resp xattr.ValidateAttributeResponse
	v.ValidateAttribute(context.Background(), xattr.ValidateAttributeRequest{Path: path.Root("x")}, &resp)
	return resp.Diagnostics
}

func TestUnknownValuesPass(t *testing.T) {
	for _, s := range []basetypes.StringValue{types.StringNull(), types.StringUnknown()} {
		if d := check(attr.Duration{StringValue: s}); d.HasError() {
			t.Error(d)
		}
		if d := check(attr.PEM{StringValue: s}); d.HasError() {
			t.Error(d)
		}
	}
}
