package httpapi

import (
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// overrideView says whether the override is in force: a replicated change may have made it impossible.
func (s *Server) overrideView(c *call, o mdc.Object) (any, error) {
	override, ok := o.(*mdc.Override)
	if !ok {
		return nil, fmt.Errorf("present override: %T", o)
	}
	v := &wire.OverrideView{ID: override.ObjectName()}
	if err := fill(v, override); err != nil {
		return nil, err
	}
	misfits, err := s.c.Configuration.Fit(c.Request.Context(), c.actor(), override)
	if err != nil {
		return nil, err
	}
	v.Applied = len(misfits) == 0
	var why []string
	for _, f := range misfits {
		why = append(why, f.Pointer+" "+f.Detail)
	}
	v.Reason = strings.Join(why, "; ")
	return v, nil
}
