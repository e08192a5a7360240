package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// openMembers makes this node one of its data center's, once the stores were found sound: nothing is written to others. It refuses a name that a living node has, a store of another data
// center and a version that the others do not work with (CAMS-01).
func (n *Node) openMembers(ctx context.Context) error {
	id, err := nodeID(n.cfg.DataDir)
	if err != nil {
		return err
	}
	every := time.Duration(0)
	if !n.shared() { // nobody waits for its signs of life
		every = aloneEvery
	}
	n.members, err = cluster.New(cluster.Config{Every: every, Store: n.state, Clock: n.opts.Clock, Logger: n.log, ClusterID: n.cfg.ClusterID,
		Self: cluster.Node{Name: n.cfg.NodeName, ID: id, Version: n.opts.Version}, Gap: topology.VersionGap, Condition: n.reasons})
	if err != nil {
		return err
	}
	n.lease, err = cluster.NewLease(cluster.LeaseConfig{Store: n.state, Clock: n.opts.Clock, Job: cluster.Work, Holder: cluster.HolderOf(n.members.Self())})
	if err != nil {
		return err
	}
	if err := n.members.Join(ctx); err != nil {
		return err
	}
	return n.lonely(ctx)
}

// aloneEvery is the interval of signs of life of a node that shares its store with no other one.
const aloneEvery = 5 * time.Second

// shared says whether other nodes may be on the same store.
func (n *Node) shared() bool { return n.cfg.Etcd != nil }

// nodeID tells this data directory from every other one: a node that starts again is the same node, under whatever name.
func nodeID(dir string) (string, error) {
	path := nodeIDFile(dir)
	b, err := os.ReadFile(path)
	switch {
	case err == nil && len(b) > 0:
		return string(b), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("read node id: %w", err)
	}
	id := rand.Text()
	return id, writeSecretFile(path, []byte(id))
}

func nodeIDFile(dir string) string { return filepath.Join(dir, "node.id") }

// hasNodeID says that the node has joined its data center from this directory before.
func hasNodeID(dir string) bool {
	_, err := os.Stat(nodeIDFile(dir))
	return err == nil
}
