package ca

import (
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Trouble says why this node's certificates are not believed by others any more, one sentence for each of peer and web that
// it concerns; empty while they are. With the embedded authority that takes a clock that was set; with an external one it
// is enough that it was away for too long. It ends by itself (FLT-21).
func (a *Authority) Trouble() (peer, web string) {
	return a.troubleOf(a.own[0]), a.troubleOf(a.own[1])
}

func (a *Authority) troubleOf(l ownLeaf) string {
	end := a.current(l).Load().Leaf.NotAfter
	if !a.config.Clock.Now().After(end) {
		return ""
	}
	text := fmt.Sprintf("the %s certificate of this node ended at %s and is not believed any more", l.name, end.UTC().Format(time.RFC3339))
	if why := a.leafTrouble.Load(); why != nil {
		if f, ok := errors.AsType[*fault.Error](*why); ok {
			text += "; " + cause(f)
		}
	}
	return text
}

// cause words what keeps an external authority from renewing, without its address: anybody may read this.
func cause(f *fault.Error) string {
	if f.Code == "ca_unreachable" {
		return "the external certificate authority cannot be reached"
	}
	return "the external certificate authority does not give another (" + f.Code + "); the log has the reason"
}

func (a *Authority) noteLeaves(err error) {
	if err == nil {
		a.leafTrouble.Store(nil)
		return
	}
	a.leafTrouble.Store(&err)
}
