package topology

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// With write_requires = "majority" nothing that a majority acknowledged may be lost to a forced promotion. A change was
// acknowledged only when a majority had it, and the promoter lacks what comes after its base. So a member that has changes
// behind the base does not obey the new epoch while a majority may have them too. It does when the promoter shows that a
// majority stands in its epoch: then none can have had more. Two majorities share a member, so one of the two ends it.
const (
	obey  = iota // nothing that was acknowledged is at stake
	wait         // it cannot be told yet: stay, and look again at the next hello
	excel        // a majority has what the promoter lacks: this master begins a later epoch
)

// judge says what to do about the later epoch of s, which parts from ours at base.
func (m *Mastership) judge(ctx context.Context, s Standing, base mdc.Position) (verdict int, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		verdict, err = m.weigh(v, s, base)
		return err
	})
	return verdict, err
}

func (m *Mastership) weigh(v *journal.Snapshot, s Standing, base mdc.Position) (int, error) {
	d, err := v.DataCenter()
	said := s.Secured && mdc.SameName(s.ClusterID, s.Position.Epoch.ClusterID) // its own word only
	if err != nil || said || d.WriteRequires != mdc.WriteMajority {
		return obey, err
	}
	if tail, err := v.Tail(base.Sequence); err != nil || !tail {
		return obey, err
	}
	q, err := m.membersOf(v)
	if err != nil {
		return wait, err
	}
	promoter := s.Position.Epoch.ClusterID
	if may, _ := q.have(func(s seat) bool { return !mdc.SameName(s.clusterID, promoter) }); may < q.need() {
		return obey, nil
	}
	pos, err := v.Position()
	if err != nil || d.Role != mdc.RoleMaster {
		return wait, err
	}
	if have, _ := q.have(func(s seat) bool { return q.stands(s, pos.Epoch, base.Sequence+1) }); have >= q.need() {
		return excel, nil
	}
	return wait, nil
}

// contest keeps what may have been acknowledged: nil lets the later epoch be obeyed. Conflict majority_ahead.
func (m *Mastership) contest(ctx context.Context, s Standing, base mdc.Position) error {
	verdict, err := m.judge(ctx, s, base)
	if err != nil || verdict == obey {
		return err
	}
	holder := s.Position.Epoch.ClusterID
	m.mu.Lock()
	if mdc.SameName(m.fencer, holder) { // not what another one is the reason for
		m.fenced = nil
	}
	m.mu.Unlock()
	if verdict == excel {
		m.c.Logger.Error("another data center was promoted without changes that a majority has; this master begins a later epoch", "promoted", holder, "epoch", s.Position.Epoch.String(), "base", base.Sequence)
		if _, err := m.raise(ctx, Actor{Name: "system:majority"}, true, nil, s.Position.Epoch.Number); err != nil {
			return err
		}
	} else {
		m.c.Logger.Warn("the data center that was promoted lacks changes that a majority may have; it is not followed until a majority does", "promoted", holder, "epoch", s.Position.Epoch.String(), "base", base.Sequence)
	}
	return majorityAhead(m.c.ClusterID, holder, base.Sequence)
}

func majorityAhead(ours, promoter string, base uint64) error {
	return fault.New(fault.Conflict, codeAhead,
		"%s has changes after sequence %d that %s lacks and that a majority of the data centers may have acknowledged; with write_requires = \"majority\" they are not given up. Promote a data center that has them, or let %s catch up first.", ours, base, promoter, promoter)
}

const codeAhead = "majority_ahead"

// mayYield refuses to step down by force for a clone that lacks what a majority may have.
func (m *Mastership) mayYield(v *journal.Snapshot, caller string, at mdc.Position) error {
	next := Standing{ClusterID: caller, Position: mdc.Position{Epoch: mdc.Epoch{ClusterID: caller}}}
	verdict, err := m.weigh(v, next, at)
	if err == nil && verdict != obey {
		err = majorityAhead(m.c.ClusterID, caller, at.Sequence)
	}
	return err
}
