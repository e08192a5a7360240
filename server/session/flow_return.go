package session

import (
	"crypto/subtle"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Return ends a sign-in whose agent's cookie was set already, where one answer can carry one cookie only: the way back, which the
// flow cookie keeps, and that cookie cleared. It needs no code and gives no right; without the flow cookie of that state it is a
// fault of kind Forbidden.
func (e *Engine) Return(a *mdc.Agent, in RedeemInput) (location, forget string, err error) {
	refused := fault.New(fault.Forbidden, "flow_refused", "This sign-in cannot be finished. Go back to the application and try again.")
	refused.Hint = startPage(a)
	state, ok := parse128(in.State)
	if !ok || !ownsOrigin(a, in.Scheme, in.Host) {
		return "", "", refused
	}
	secure := e.SecureCookies(in.Scheme)
	name := flowCookieName(a.Name, state, secure)
	f, ok := e.openFlow(a, in.Host, only(in.FlowCookies, name))
	if !ok || subtle.ConstantTimeCompare(f.state[:], state[:]) != 1 {
		return "", "", refused
	}
	return f.target, clearCookie(name, secure), nil
}
