package administration

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

func eachContext(r store.Reader, after string, visit func(Context) error) error {
	span := store.Span{Prefix: []byte(contextPrefix)}
	if after != "" {
		span.After = []byte(contextPrefix + after)
	}
	return r.Range(span, func(_, raw []byte) error {
		var c Context
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("decode security context: %w", err)
		}
		return visit(c)
	})
}

// getContext refuses as for one that has ended when there is none.
func getContext(r store.Reader, id string) (c Context, err error) {
	raw, err := r.Get([]byte(contextPrefix + id))
	if errors.Is(err, store.ErrNotFound) {
		return c, errEnded()
	}
	if err != nil {
		return c, fmt.Errorf("read security context: %w", err)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("decode security context: %w", err)
	}
	return c, nil
}

// putContext keeps one for as long as it lives: what has ended is no burden.
func putContext(w store.Writer, c Context, now time.Time) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode security context: %w", err)
	}
	return w.Put([]byte(contextPrefix+c.ID), raw, c.Expires.Sub(now)+time.Second)
}
