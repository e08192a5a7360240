package topology

import (
	"context"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TakeOver is after how long without an active partner that is ready a hot standby serves: some five questions unanswered, so that a
// restart of a node moves nobody, and no more.
const TakeOver = 10 * time.Second

// NoUsers says why this data center should get no users by what is declared and by what partners say; "" when it should (OAM-08).
// A passive one waits for an administrator, a hot standby for the active ones to fall silent or not to be ready. Two data centers
// that cannot see each other may both serve: sign-ons are told apart and ended as between any two.
func (p *Partners) NoUsers(ctx context.Context, availability string) string {
	switch availability {
	case mdc.AvailabilityPassive:
		return `this data center is passive: it gets users when an administrator declares availability = "active"`
	case mdc.AvailabilityHotStandby:
	default:
		return ""
	}
	ids, err := p.registered(ctx)
	if err != nil {
		return "whether another data center serves cannot be read"
	}
	now := p.c.Clock.Now()
	for _, id := range ids {
		st := p.State(id)
		switch {
		case !st.LastServing.IsZero() && now.Sub(st.LastServing) < TakeOver:
			return fmt.Sprintf("this data center is a hot standby, and %s serves", id)
		case st.LastSuccess.Before(p.started) && now.Sub(p.started) < TakeOver:
			return fmt.Sprintf("this data center is a hot standby, and whether %s serves is being found out", id)
		}
	}
	return ""
}

// serves says whether a partner gets users by its own word. An older version knows no availability and is active.
func (h Hello) serves() bool {
	return h.Ready && (h.Availability == "" || h.Availability == mdc.AvailabilityActive)
}
