package topology

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// SecureTime is how long the answer to a change waits for a majority of the data centers (write_requires).
const SecureTime = 5 * time.Second

// silentRetry is when to try again while too few data centers answer: hellos go out about that often.
const silentRetry = 2 * time.Second

// Clones is the master's side of replication as mastership sees it: what each clone has, durably.
type Clones interface {
	Side
	// Shown gives the position on this data center's journal that a clone said it stands at, and when it last said another
	// one than before.
	Shown(agreement string) (at mdc.Position, moved time.Time, found bool)
	// Moved gives a channel that is closed when a clone shows another one; take it before Shown.
	Moved() <-chan struct{}
	// Closing gives a channel that is closed when the server stops.
	Closing() <-chan struct{}
}

// seat is one member of the topology besides this data center.
type seat struct {
	clusterID string
	agreement string // in which it is this master's clone; "" = in none
	follows   bool   // the agreement is enabled, and the clone asks as soon as there is something
}

// majority is the members of the topology, who are counted: those that have a replicated data_center_key, so that every copy
// has the same list. This data center always is one.
type majority struct {
	m     *Mastership
	seats []seat
}

var _ journal.Quorum = (*majority)(nil)

// membersOf reads who is counted.
func (m *Mastership) membersOf(v *journal.Snapshot) (*majority, error) {
	list, err := all(v)
	if err != nil {
		return nil, err
	}
	out := &majority{m: m}
	kind := mdc.DataCenterKeyKind()
	err = v.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil || mdc.SameName(o.ObjectName(), m.c.ClusterID) {
			return err
		}
		s := seat{clusterID: o.ObjectName()}
		for _, a := range list {
			if a.Side == mdc.SideMaster && mdc.SameName(a.Target, s.clusterID) {
				s.agreement, s.follows = a.Identifier, a.Enabled && a.Follow
			}
		}
		out.seats = append(out.seats, s)
		return nil
	})
	return out, err
}

func (q *majority) need() int { return (len(q.seats)+1)/2 + 1 }

// have counts this data center and those of the others of whom ok.
func (q *majority) have(ok func(seat) bool) (n int, others []string) {
	n = 1
	for _, s := range q.seats {
		if ok(s) {
			n++
		} else {
			others = append(others, s.clusterID)
		}
	}
	return n, others
}

// stands says whether a member has shown a position in epoch, at least at sequence.
func (q *majority) stands(s seat, epoch mdc.Epoch, sequence uint64) bool {
	at, _, found := q.m.c.Feed.Shown(s.agreement)
	return found && at.Epoch == epoch && at.Sequence >= sequence
}

// Enough refuses a change that is known not to reach a majority, where write_requires asks for one: Unavailable no_majority.
func (m *Mastership) Enough(after *journal.Snapshot) (journal.Quorum, error) {
	// From this state and not from what was noticed of it: a promotion counts for the change that comes next in the same commit.
	d, err := after.DataCenter()
	if err != nil || d.Role != mdc.RoleMaster || d.WriteRequires != mdc.WriteMajority {
		return nil, err
	}
	q, err := m.membersOf(after)
	if err != nil {
		return nil, err
	}
	return q, q.reachable()
}

// MayJoin refuses to bring in a member while too few of the present ones answer. before is the state without it: members that
// a minority brought in by itself would make it the majority.
func (m *Mastership) MayJoin(before *journal.Snapshot) error {
	_, err := m.Enough(before)
	return err
}

// reachable refuses when too few members can have a change: those that did not answer the last hello, and have not moved on
// since. Whoever was not asked yet counts as reachable.
func (q *majority) reachable() error {
	n, silent := q.have(func(s seat) bool {
		st := q.m.c.State(s.clusterID)
		_, moved, found := q.m.c.Feed.Shown(s.agreement) // a position that does not lie on the journal is no sign of life
		return s.follows && (st.Reachable || st.LastErrorAt.IsZero() || found && moved.After(st.LastErrorAt))
	})
	if n >= q.need() {
		return nil
	}
	f := fault.New(fault.Unavailable, "no_majority",
		"write_requires is \"majority\" and %d of the %d data centers of the topology must have a change; %s cannot be reached or do not follow this one. Nothing was written. Call again when they do; to go on without them declare write_requires = \"local\" on %s, and see what that risks first.",
		q.need(), len(q.seats)+1, strings.Join(silent, ", "), q.m.c.ClusterID)
	f.RetryAfter = silentRetry
	return f
}

// Secure waits until a majority has a position, for SecureTime at most: Unavailable not_confirmed_by_majority. Clones say
// what they have by asking for what follows it.
func (q *majority) Secure(ctx context.Context, at mdc.Position) error {
	end := time.NewTimer(q.m.c.SecureTime)
	defer end.Stop()
	for {
		moved := q.m.c.Feed.Moved()
		n, behind := q.have(func(s seat) bool { return q.stands(s, at.Epoch, at.Sequence) })
		if n >= q.need() {
			return nil
		}
		select {
		case <-moved:
			continue
		case <-end.C:
		case <-q.m.c.Feed.Closing():
		case <-ctx.Done():
		}
		return q.late(at, behind)
	}
}

// late words that a change is written and not acknowledged. It is for the administrator to find out what became of it.
func (q *majority) late(at mdc.Position, behind []string) error {
	q.m.mu.Lock()
	fenced := q.m.fencedLate()
	q.m.mu.Unlock()
	if fenced != nil {
		return fenced
	}
	q.m.c.Logger.Warn("a change is not confirmed by a majority", "sequence", at.Sequence, "behind", behind)
	return fault.New(fault.Unavailable, CodeNotConfirmed,
		"The change is written on %s as sequence %d and will replicate, but it is not acknowledged: write_requires is \"majority\", and %s %s not shown in time to have it. If another data center is promoted now it may be lost. Make the same call again to learn whether it is confirmed.",
		q.m.c.ClusterID, at.Sequence, strings.Join(behind, ", "), plural(len(behind), "has", "have"))
}

// CodeNotConfirmed is the code of a change that is written and not acknowledged; it must not be repeated blindly.
const CodeNotConfirmed = "not_confirmed_by_majority"

func plural[N int | uint64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// secured says whether a majority of the members stands in the epoch of this master.
func (m *Mastership) secured(v *journal.Snapshot, epoch mdc.Epoch) (bool, error) {
	q, err := m.membersOf(v)
	if err != nil {
		return false, fmt.Errorf("read members: %w", err)
	}
	n, _ := q.have(func(s seat) bool { return q.stands(s, epoch, 0) })
	return n >= q.need(), nil
}
