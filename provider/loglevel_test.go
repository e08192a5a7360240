package provider_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/provider"
)

// TestLogLevels: nothing is logged that Terraform would drop, and all that it would show.
func TestLogLevels(t *testing.T) {
	both := func(level string) map[string]string {
		return map[string]string{"TF_LOG_SDK": level, "TF_LOG_PROVIDER_CONCORD": level}
	}
	for name, c := range map[string]struct{ set, want map[string]string }{
		"nothing is shown":          {nil, both("off")},
		"everything":                {map[string]string{"TF_LOG": "TRACE"}, both("trace")},
		"as JSON":                   {map[string]string{"TF_LOG": "JSON"}, both("trace")},
		"a level":                   {map[string]string{"TF_LOG": "debug"}, both("debug")},
		"of the core alone":         {map[string]string{"TF_LOG_CORE": "TRACE"}, both("off")},
		"of providers alone":        {map[string]string{"TF_LOG_PROVIDER": "INFO"}, both("info")},
		"of providers before all":   {map[string]string{"TF_LOG": "TRACE", "TF_LOG_PROVIDER": "OFF"}, both("off")},
		"what Terraform mistrusts":  {map[string]string{"TF_LOG": "yes"}, both("trace")},
		"the libraries are set":     {map[string]string{"TF_LOG_SDK": "warn"}, map[string]string{"TF_LOG_PROVIDER_CONCORD": "off"}},
		"this provider is set":      {map[string]string{"TF_LOG": "error", "TF_LOG_PROVIDER_CONCORD": "debug"}, map[string]string{"TF_LOG_SDK": "error"}},
		"everything is set already": {map[string]string{"TF_LOG_SDK": "off", "TF_LOG_PROVIDER_CONCORD": "off"}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, provider.LogLevels(func(name string) string { return c.set[name] })); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}
