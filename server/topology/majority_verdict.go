package topology

import (
	"context"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// What is known of a majority (write_requires).
const (
	MajorityNone    = ""        // nobody asks for one here
	MajorityReached = "reached" // enough data centers answer
	MajorityLost    = "lost"    // too few do: changes of what replicates are refused
)

// Majority says whether a change could be acknowledged now, and why not.
func (m *Mastership) Majority(ctx context.Context) (state, reason string, err error) {
	err = m.c.Log.View(ctx, func(s *journal.Snapshot) error {
		state, reason = MajorityNone, ""
		q, err := m.Enough(s)
		f, worded := asFault(err)
		switch {
		case worded && f.Code == "no_majority":
			state = MajorityLost
			reason, _, _ = strings.Cut(f.Message, " Nothing was written.") // the rest is for whoever tries a change
			return nil
		case err == nil && q != nil:
			state = MajorityReached
		}
		return err
	})
	return state, reason, err
}

// majority finds that changes cannot be acknowledged now.
func (r *report) majority(ctx context.Context) error {
	if r.v.c.Majority == nil {
		return nil
	}
	state, reason, err := r.v.c.Majority(ctx)
	if state == MajorityLost {
		r.add(SeverityError, "no_majority", "data_center "+r.v.c.ClusterID, reason, "Bring the others back; changes are accepted again by themselves.")
	}
	return err
}
