package identity

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Shared counts the password checks of an account over all data centers (SEC-30).
type Shared interface {
	// Take counts one check at the data center that counts for the account; granted is false when none is left there. uncount
	// takes it back. source tells browsers and networks apart and says nothing else of them; known is a browser that signed in to
	// the account before. An error says that nobody could be asked: then Share bounds what this data center grants by itself.
	Take(ctx context.Context, account, source string, known bool) (uncount func(), granted bool, err error)
	// Share is this data center's part of a limit, at least 1.
	Share(limit int) int
}

// Counter counts checks for the data centers that ask. Safe for concurrent use, and of fixed size.
type Counter struct {
	throttle *throttle
	clock    clock.Clock
}

// NewCounter counts by a clock.
func NewCounter(c clock.Clock) *Counter { return &Counter{newThrottle(), c} }

// Take counts one check; false when the account had its checks of the last minute, or source its part of them. at is what
// GiveBack takes; source and known are as of Shared.
func (c *Counter) Take(account, source string, known bool) (at time.Time, ok bool) {
	g, ok := c.throttle.take(mdc.FoldName(account), by{source, known}, c.clock.Now())
	return time.Unix(0, g.at).UTC(), ok
}

// GiveBack uncounts a check that was no guess.
func (c *Counter) GiveBack(account string, at time.Time) {
	if g := c.throttle.find(mdc.FoldName(account), at.UnixNano()); g.at != 0 {
		c.throttle.giveBack(g)
	}
}

// share asks for a check beside the one that g counts here. A name that nobody can have is no secret of anybody's to guess.
func (a *Authenticator) share(ctx context.Context, account string, b by, g grant) (uncount func(), ok bool) {
	none := func() {}
	if a.Shared == nil || !mdc.ValidName(account) {
		return none, true
	}
	uncount, ok, err := a.Shared.Take(ctx, account, b.source, b.known)
	if err != nil {
		a.Logger.Debug("an account's password checks are counted here alone", "error", err)
		return none, g.before < a.Shared.Share(guesses)
	}
	return uncount, ok
}
