package identity

import (
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxWord bounds what a Turn says: names of stores and accounts, and networks, are shorter.
const maxWord = 400

// Turn is what came of one password, as it counts for the pause of who guesses on (SEC-32).
type Turn struct {
	Series string // identity store and account
	Source string // network
	Wrong  bool   // one more in a row; false = the series is over
}

// Valid says whether it is short enough to be believed.
func (t Turn) Valid() bool {
	return t.Series != "" && t.Source != "" && len(t.Series) <= maxWord && len(t.Source) <= maxWord
}

// Hear takes over what passwords came to at other nodes of this data center: pauses grow with all wrong ones together.
func (a *Authenticator) Hear(turns []Turn) {
	now := a.Clock.Now()
	for _, t := range turns {
		if from := (by{source: t.Source}); t.Wrong {
			a.pauses.wrong(t.Series, from, now)
		} else {
			a.pauses.right(t.Series, from)
		}
	}
}

// wrong counts a wrong password here, and has other nodes told.
func (a *Authenticator) wrong(account, series string, b by) {
	a.pauses.wrong(series, b, a.Clock.Now())
	if b.source != "" && !b.known {
		a.tell(account, Turn{series, b.source, true})
	}
}

// right ends a series here and, where there was one, at other nodes.
func (a *Authenticator) right(account, series string, b by) {
	if a.pauses.right(series, b) {
		a.tell(account, Turn{series, b.source, false})
	}
}

func (a *Authenticator) tell(account string, t Turn) {
	if a.Told != nil && mdc.ValidName(account) && t.Valid() {
		a.Told(t)
	}
}
