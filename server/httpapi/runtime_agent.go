package httpapi

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// registration tells an agent which servers it is to ask, and how it is treated, under this data center's overrides (OAM-10, OAM-11).
func (s *Server) registration(c *call) error {
	a := c.agent()
	return c.answer(wire.AgentRegistration{Name: a.Name, Primary: append([]string{}, a.Primary...), Secondary: append([]string{}, a.Secondary...),
		CookieLifetime: mdc.Duration(s.c.Sessions.AgentCookieLifetime(a)).String(), CookieDomain: s.c.Sessions.InactivityDomain(),
		CacheLifetime: a.CacheLifetime.String(), BackchannelCalls: a.BackchannelLogoutURL != ""})
}

// cacheSeconds is for how long an agent may use an allow again: as registered, and not beyond the session.
func (s *Server) cacheSeconds(a *mdc.Agent, v *mdc.Session) int {
	life := a.CacheLifetime.D()
	if life <= 0 {
		return 0
	}
	return int(max(min(life, v.ExpiresAt.Sub(s.c.Clock.Now())), 0) / time.Second)
}
