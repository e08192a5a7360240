package topology

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// check asks every member whether it knows a later epoch, for a bounded time, when changes wait for that.
func (m *Mastership) check(ctx context.Context) {
	m.mu.Lock()
	checking := m.checking
	m.mu.Unlock()
	if checking == nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	all := m.askAll(asking)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unproved = !all
	if !all {
		m.c.Logger.Warn("some members did not say in time whether another data center was promoted; this one goes on as the master")
	}
	if m.checking == checking {
		close(checking)
		m.checking = nil
	}
}

// askAll says whether every member has answered.
func (m *Mastership) askAll(ctx context.Context) bool {
	ids, err := m.members(ctx)
	if err != nil {
		m.c.Logger.Error("cannot read the members of the topology", "error", err)
		return false
	}
	var group errgroup.Group
	group.SetLimit(probeMany)
	for _, id := range ids {
		group.Go(func() error {
			for {
				s, err := m.standingOf(ctx, id)
				if err == nil {
					err = m.consider(ctx, s)
				}
				if err == nil || refused(err) {
					return nil // whoever does not know us, or proves nothing, cannot overtake us
				}
				select {
				case <-time.After(askAgain):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	return group.Wait() == nil
}

// members are the registered partners that belong to the topology.
func (m *Mastership) members(ctx context.Context) (ids []string, err error) {
	err = m.c.Log.View(ctx, func(v *journal.Snapshot) error {
		ids = nil
		var partners []string
		err := v.Range(mdc.PartnerKind(), "", func(_ string, body []byte) error {
			o, err := mdc.PartnerKind().Decode(body)
			if p, ok := o.(*mdc.Partner); ok && err == nil {
				partners = append(partners, p.ClusterID)
			}
			return err
		})
		for _, id := range partners {
			ok, err := member(v, id)
			if err != nil {
				return err
			}
			if ok {
				ids = append(ids, id)
			}
		}
		return err
	})
	return ids, err
}

// examine asks those who may know something.
func (m *Mastership) examine(ctx context.Context) {
	m.mu.Lock()
	suspects := m.suspects
	m.suspects = map[string]bool{}
	m.mu.Unlock()
	for id := range suspects {
		s, err := m.standingOf(ctx, id)
		if err == nil {
			err = m.consider(ctx, s)
		}
		if err != nil && ctx.Err() == nil {
			m.c.Logger.Debug("a partner's standing is of no use", "partner", id, "error", err)
		}
	}
}

// announceAll tells every member of a new epoch of ours.
func (m *Mastership) announceAll(ctx context.Context) {
	m.mu.Lock()
	due := m.announce
	m.announce = false
	m.mu.Unlock()
	if !due {
		return
	}
	ids, err := m.members(ctx)
	if err != nil {
		m.c.Logger.Error("cannot read the members of the topology", "error", err)
	}
	var group errgroup.Group
	group.SetLimit(probeMany)
	for _, id := range ids {
		group.Go(func() error {
			m.tell(ctx, id)
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error; who missed it hears of it in the next hello
}

func (m *Mastership) tell(ctx context.Context, clusterID string) {
	ctx, cancel := context.WithTimeout(ctx, standTime)
	defer cancel()
	s, err := m.Standing(ctx, clusterID)
	if err == nil {
		s.Secured = false // an older version knows no such field; whoever doubts asks for it
		err = m.c.Link.Present(ctx, clusterID, s)
	}
	if err != nil {
		m.c.Logger.Info("a member could not be told of this data center's epoch", "partner", clusterID, "error", err)
	}
}
