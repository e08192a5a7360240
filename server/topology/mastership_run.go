package topology

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Heard takes a partner's hello: a later epoch than ours, a stale master, or a master of ours that is none any more is looked
// into. It does not block.
func (m *Mastership) Heard(h Hello) {
	ours, err := m.c.Log.Position(context.Background())
	if err != nil {
		return
	}
	m.mu.Lock()
	gaveUp := h.Role == mdc.RoleClone && mdc.SameName(h.ClusterID, m.follows)
	m.mu.Unlock()
	if ours.Epoch.Less(h.Epoch) || gaveUp || h.Role == mdc.RoleMaster && h.Epoch.Less(ours.Epoch) {
		m.Suspect(h.ClusterID)
	}
}

// Suspect makes Run ask a partner where it stands. It does not block.
func (m *Mastership) Suspect(clusterID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.suspects) < 1000 {
		m.suspects[clusterID] = true
	}
	m.work()
}

// work wakes Run.
func (m *Mastership) work() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run watches over this data center's mastership until ctx ends. It gives nil.
func (m *Mastership) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { m.beats(ctx); return nil })
	group.Go(func() error { m.works(ctx); return nil })
	err := group.Wait()
	m.release()
	return err
}

// release lets changes go that wait when the server stops; the store decides about them.
func (m *Mastership) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checking != nil {
		close(m.checking)
		m.checking = nil
	}
	m.thawLocked()
}

func (m *Mastership) beats(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.mu.Lock()
			m.notice()
			m.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

func (m *Mastership) works(ctx context.Context) {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	m.introduceAll(ctx)
	for {
		m.check(ctx)
		m.announceAll(ctx)
		m.examine(ctx)
		m.remind(ctx)
		m.followAll(ctx)
		select {
		case <-m.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lock takes the turn for a change of mastership; one is under way at a time.
func (m *Mastership) lock(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Conflict, "contended", "Another change of mastership is under way; try again.")
	}
}

func (m *Mastership) unlock() { <-m.turn }
