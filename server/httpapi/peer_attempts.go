package httpapi

import (
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// attemptWindow is the one in which checks of passwords count.
const attemptWindow = "1m"

// peerSignInAttempts counts a check of a password for a partner.
func (s *Server) peerSignInAttempts(c *call) error {
	var in wire.SignInAttempt
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := s.c.Sessions.CheckPartner(c.partner()); err != nil {
		return err
	}
	if len(in.Source) > 64 || !mdc.ValidName(in.Account) || in.Window != attemptWindow {
		return fault.New(fault.Invalid, "invalid_input", "Give an account and the window %s.", attemptWindow)
	}
	if in.GiveBack != nil {
		s.c.Guesses.GiveBack(in.Account, *in.GiveBack)
		return c.answer(wire.SignInGrant{Granted: true})
	}
	at, granted := s.c.Guesses.Take(in.Account, in.Source, in.Known)
	if !granted {
		return c.answer(wire.SignInGrant{})
	}
	return c.answer(wire.SignInGrant{Granted: true, At: &at})
}
