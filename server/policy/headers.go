package policy

import (
	"slices"
	"strings"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// expressed is a header whose value is computed for each decision.
type expressed struct {
	name  string                                // as of condition.SpellHeader
	value func() (*condition.Expression, error) // compiled when it is first evaluated
}

// compileHeaders gives the headers in the order of their names, which is the order in which they share MaxValues.
func compileHeaders(r *mdc.Responses) (out []expressed) {
	if r == nil {
		return nil
	}
	for name, text := range r.Headers {
		if condition.HeaderName(name) != nil { // no version saves such a name
			continue
		}
		out = append(out, expressed{condition.SpellHeader(name), sync.OnceValues(func() (*condition.Expression, error) { return condition.Value(text) })})
	}
	slices.SortFunc(out, func(a, b expressed) int { return strings.Compare(a.name, b.name) })
	return out
}

// told gives what the application is told at this site: the headers of the policy that allowed, and every other header that some
// policy of the site sets, empty, so that none is a browser's. A value that cannot be computed or sent is empty too.
func (s *site) told(t *target, q *question) map[string]string {
	if len(s.headers) == 0 {
		return nil
	}
	out := make(map[string]string, len(s.headers))
	for _, name := range s.headers {
		out[name] = ""
	}
	if t == nil || t.policy == nil || q.subject == nil || q.foreign(t.domain) {
		return out
	}
	room := condition.MaxValues
	for _, h := range t.policy.headers {
		if v, ok := h.sendable(q); ok && len(v) <= room {
			out[h.name] = v
			room -= len(v)
		}
	}
	return out
}

func (h *expressed) sendable(q *question) (string, bool) {
	e, err := h.value()
	if err != nil {
		return "", false
	}
	texts, err := e.Texts(q.input())
	if err != nil {
		return "", false
	}
	return condition.SendableValue(texts)
}
