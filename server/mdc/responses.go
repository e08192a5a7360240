package mdc

import (
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
)

// Responses are what an application is told when a policy allows.
type Responses struct {
	// Headers holds an expression (condition.Value) by the name of the header that gets its value.
	Headers map[string]string `json:"headers,omitempty"`
}

func (r *Responses) validate(c *checks) {
	c.want(len(r.Headers) <= condition.MaxHeaders, "/responses/headers", "has more than %d entries", condition.MaxHeaders)
	seen := map[string]bool{}
	for name, text := range r.Headers {
		at := "/responses/headers/" + escape(name)
		c.failed(at, condition.HeaderName(name))
		folded := strings.ToLower(name)
		c.want(!seen[folded], at, "is there twice, in two spellings")
		seen[folded] = true
		_, err := condition.Value(text)
		c.failed(at, err)
	}
}
