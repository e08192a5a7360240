package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	defaultEvery = time.Second
	forgotten    = 15 * time.Second // after so long without a sign of life a node is not listed any more
	patience     = 5                // a node whose own sign of life comes back later than so many intervals does not keep up
)

// Config wires Members. All fields but Condition are required.
type Config struct {
	Store     store.Store
	Clock     clock.Clock
	Logger    *slog.Logger
	ClusterID string
	Self      Node // Name, ID, Version
	Gap       VersionGap
	Every     time.Duration   // between signs of life, 5 s at most; 0 = 1 s
	Condition func() []string // why this node is not ready; nil or empty = ready
}

// VersionGap says how many minor versions b is ahead of a; known is false where that cannot be told, such as for a build without a version.
type VersionGap func(a, b string) (gap int, known bool)

// Members is this node among the others. Safe for concurrent use.
type Members struct {
	c Config

	mu      sync.Mutex // guards the rest
	self    Node
	begun   time.Time // when Run was
	written time.Time // when the last sign of life that is in the store was begun, by our clock
	beat    time.Time // when the last one was given that came back by the watch
}

// New checks the wiring.
func New(c Config) (*Members, error) {
	if c.Store == nil || c.Clock == nil || c.Logger == nil || c.Gap == nil || !mdc.ValidClusterID(c.ClusterID) || !mdc.ValidClusterID(c.Self.Name) || c.Self.ID == "" || c.Every < 0 || c.Every > forgotten/3 {
		return nil, errors.New("make members: incomplete configuration")
	}
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	m := &Members{c: c, self: c.Self}
	m.self.State, m.self.StartedAt = Starting, c.Clock.Now().UTC()
	return m, nil
}

// Join registers this node. Errors: faults wrong_cluster, node_name_taken and version_gap, which name what is there.
func (m *Members) Join(ctx context.Context) error {
	return m.write(ctx, func(w store.Writer) error {
		if err := m.sameCluster(w); err != nil {
			return err
		}
		return each(w, func(other Node) error {
			if mdc.SameName(other.Name, m.self.Name) || other.State == Leaving {
				return nil
			}
			if gap, known := m.c.Gap(m.self.Version, other.Version); known && (gap < -1 || gap > 1) {
				return fault.New(fault.Conflict, "version_gap", "Node %s of this data center runs version %s, this one is %s: nodes differ by one version at most. Upgrade step by step.",
					other.Name, other.Version, m.self.Version)
			}
			return nil
		})
	})
}

// sameCluster keeps a node of another data center away from this store.
func (m *Members) sameCluster(w store.Writer) error {
	id, err := w.Get(clusterKey)
	if errors.Is(err, store.ErrNotFound) {
		return w.Put(clusterKey, []byte(m.c.ClusterID), 0)
	}
	if err == nil && !mdc.SameName(string(id), m.c.ClusterID) {
		return fault.New(fault.Conflict, "wrong_cluster", "The store belongs to data center %s, this node is of %s. Give each data center its own prefix.", id, m.c.ClusterID)
	}
	return err
}

// write puts this node's record, after also; never over that of another node which is alive.
func (m *Members) write(ctx context.Context, also func(store.Writer) error) error {
	m.mu.Lock()
	self := m.self
	m.mu.Unlock()
	begin := m.c.Clock.Now()
	self.SeenAt = begin.UTC().Round(0)
	b, err := json.Marshal(self)
	if err != nil {
		return fmt.Errorf("encode node: %w", err)
	}
	err = m.c.Store.Update(ctx, func(w store.Writer) error {
		if err := m.ours(w); err != nil {
			return err
		}
		if err := also(w); err != nil {
			return err
		}
		return w.Put(nodeKey(self.Name), b, forgotten)
	})
	if err != nil {
		return fmt.Errorf("register node %s: %w", self.Name, err)
	}
	m.mu.Lock()
	m.written = begin
	m.mu.Unlock()
	return nil
}

func (m *Members) ours(r store.Reader) error {
	b, err := r.Get(nodeKey(m.c.Self.Name))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	there, err := decodeNode(b)
	if err != nil || there.ID == m.c.Self.ID || there.State == Leaving {
		return err
	}
	return fault.New(fault.Conflict, codeNameTaken, "Another node %s of this data center is alive, at %s. Give each node its own node_name and data_dir.", there.Name, there.Admin)
}

const codeNameTaken = "node_name_taken"

// At tells where this node is reached; from the next sign of life on others see it.
func (m *Members) At(admin, runtime, peer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.self.Admin, m.self.Runtime, m.self.Peer = admin, runtime, peer
}

// Run gives signs of life until ctx ends, then says that the node has left. It fails when another node has its name.
func (m *Members) Run(ctx context.Context) error {
	m.mu.Lock()
	m.begun = m.c.Clock.Now()
	m.mu.Unlock()
	var watching sync.WaitGroup
	watching.Go(func() { m.watch(ctx) })
	defer watching.Wait()
	tick := time.NewTicker(m.c.Every)
	defer tick.Stop()
	for {
		if err := m.live(ctx); fault.CodeOf(err) == codeNameTaken {
			return err
		} else if err != nil && ctx.Err() == nil {
			m.c.Logger.Warn("the other nodes of this data center cannot be told that this one is alive", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (m *Members) live(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience*m.c.Every)
	defer cancel()
	m.describe()
	return m.write(ctx, func(store.Writer) error { return nil })
}

// describe puts the node's condition into its record.
func (m *Members) describe() {
	var reasons []string
	if m.c.Condition != nil {
		reasons = m.c.Condition()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self.State == Leaving {
		return
	}
	m.self.State, m.self.Reasons = Ready, reasons
	if len(reasons) > 0 {
		m.self.State = NotReady
	}
}

// now is this node as it is, once it runs: what it said last may be from before it was ready.
func (m *Members) now() Node {
	m.mu.Lock()
	begun := !m.begun.IsZero()
	m.mu.Unlock()
	if begun {
		m.describe()
	}
	return m.Self()
}

// Leave says that this node stops; its name is free at once.
func (m *Members) Leave(ctx context.Context) error {
	m.mu.Lock()
	m.self.State = Leaving
	m.mu.Unlock()
	return m.write(ctx, func(store.Writer) error { return nil })
}

// watch notes when our own signs of life come back: that is how far behind everything is that this node hears of others.
func (m *Members) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.c.Store.Watch(ctx, nodeKey(m.c.Self.Name), 0, func(events []store.Event) error {
			for _, e := range events {
				if n, err := decodeNode(e.Value); err == nil && n.ID == m.c.Self.ID {
					m.mu.Lock()
					m.beat = n.SeenAt
					m.mu.Unlock()
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			m.c.Logger.Warn("the watch of the store ended and is begun again", "error", err)
			rest(ctx, m.c.Every)
		}
	}
}

// Health says why this node should get no users: its signs of life are not written, or come back late (CAMS-01). nil when it keeps up.
func (m *Members) Health() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.c.Clock.Now()
	switch {
	case m.begun.IsZero():
		return nil
	case now.Sub(m.written) > patience*m.c.Every:
		return fmt.Errorf("the store took no sign of life of this node for %s", now.Sub(m.written).Round(time.Second))
	case m.beat.IsZero() && now.Sub(m.begun) > patience*m.c.Every:
		return errors.New("this node hears nothing of changes")
	case !m.beat.IsZero() && now.Sub(m.beat) > patience*m.c.Every: // by one clock, ours: the last sign of life that came back was given so long ago
		return fmt.Errorf("this node hears of changes %s late", now.Sub(m.beat).Round(time.Second))
	}
	return nil
}

// List gives the nodes that gave a sign of life lately, in the order of their names; the one that is asked as it is now, the
// others as they last said.
func (m *Members) List(ctx context.Context) (nodes []Node, err error) {
	self := m.now()
	err = m.c.Store.View(ctx, func(r store.Reader) error {
		nodes = nil
		works, err := readTerm(r, Work)
		if err != nil {
			return err
		}
		return each(r, func(n Node) error {
			if n.ID == self.ID {
				n.State, n.Reasons = self.State, self.Reasons
			}
			n.Works = works.Holder == HolderOf(n)
			nodes = append(nodes, n)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return nodes, nil
}

// HolderOf is how a node holds leases: its id and when it started, so that one that was killed and runs again is another holder.
func HolderOf(n Node) string { return n.ID + "/" + n.StartedAt.Format(time.RFC3339Nano) }

// Self is this node as it describes itself.
func (m *Members) Self() Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.self
}

func each(r store.Reader, visit func(Node) error) error {
	return r.Range(store.Span{Prefix: nodePrefix}, func(_, v []byte) error {
		n, err := decodeNode(v)
		if err != nil {
			return err
		}
		return visit(n)
	})
}

// Alive gives the nodes on a store that gave a sign of life lately and have not left, but the one whose id is but.
func Alive(ctx context.Context, s store.Store, but string) (names []string, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		names, err = AliveIn(r, but)
		return err
	})
	return names, err
}

// AliveIn is Alive in a transaction.
func AliveIn(r store.Reader, but string) (names []string, err error) {
	err = each(r, func(n Node) error {
		if n.ID != but && n.State != Leaving {
			names = append(names, n.Name)
		}
		return nil
	})
	return names, err
}
