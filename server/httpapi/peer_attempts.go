package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/identity"
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
	return countAttempt(c, in, s.c.Guesses)
}

// neighbourAttempts counts one for another node. It never goes further.
func (s *Server) neighbourAttempts(c *call) error {
	var in wire.SignInAttempt
	if err := c.decode(&in); err != nil {
		return err
	}
	return countAttempt(c, in, ownGuesses{s.c.OwnGuesses})
}

// ownGuesses are those of this node, which asks nobody.
type ownGuesses struct{ counter *identity.Counter }

var _ Guesses = ownGuesses{}

// Take counts here.
func (g ownGuesses) Take(_ context.Context, account, source string, known bool) (time.Time, bool) {
	return g.counter.Take(account, source, known)
}

// GiveBack uncounts here.
func (g ownGuesses) GiveBack(_ context.Context, account string, at time.Time) {
	g.counter.GiveBack(account, at)
}

func countAttempt(c *call, in wire.SignInAttempt, at Guesses) error {
	if len(in.Source) > 64 || !mdc.ValidName(in.Account) || in.Window != attemptWindow {
		return fault.New(fault.Invalid, "invalid_input", "Give an account and the window %s.", attemptWindow)
	}
	ctx := c.Request.Context()
	if in.GiveBack != nil {
		at.GiveBack(ctx, in.Account, *in.GiveBack)
		return c.answer(wire.SignInGrant{Granted: true})
	}
	when, granted := at.Take(ctx, in.Account, in.Source, in.Known)
	if !granted {
		return c.answer(wire.SignInGrant{})
	}
	return c.answer(wire.SignInGrant{Granted: true, At: &when})
}

// neighbourTurns hears what passwords came to at another node.
func (s *Server) neighbourTurns(c *call) error {
	var in wire.PasswordTurns
	if err := c.decode(&in); err != nil {
		return err
	}
	turns := make([]identity.Turn, 0, min(len(in.Turns), wire.MaxPasswordTurns))
	for _, t := range in.Turns {
		turn := identity.Turn{Series: t.Series, Source: t.Source, Wrong: t.Wrong}
		if !turn.Valid() || len(turns) == wire.MaxPasswordTurns {
			return fault.New(fault.Invalid, "invalid_input", "Give up to %d turns, each with a series and a source.", wire.MaxPasswordTurns)
		}
		turns = append(turns, turn)
	}
	s.c.Users.Hear(turns)
	c.Status(http.StatusNoContent)
	return nil
}
