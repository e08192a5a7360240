package cluster

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// States of a node.
const (
	Starting = "starting"
	Ready    = "ready"
	NotReady = "not_ready" // Reasons say why
	Leaving  = "leaving"
)

// Node is one node of this data center, as it said of itself.
type Node struct {
	Name      string    `json:"name"`
	ID        string    `json:"id"` // of its data directory: who starts again is the same node
	Version   string    `json:"version"`
	Admin     string    `json:"admin,omitempty"` // addresses of its listeners, with scheme
	Runtime   string    `json:"runtime,omitempty"`
	Peer      string    `json:"peer,omitempty"`
	State     string    `json:"state"`
	Reasons   []string  `json:"reasons,omitempty"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"` // its last sign of life, by its own clock
	Works     bool      `json:"-"`       // it holds the lease of Work; List fills it
}

var (
	clusterKey  = []byte("y/c")
	nodePrefix  = []byte("y/n/")
	leasePrefix = []byte("y/l/")
)

func nodeKey(name string) []byte {
	return append(append([]byte(nil), nodePrefix...), mdc.FoldName(name)...)
}

func leaseKey(job string) []byte { return append(append([]byte(nil), leasePrefix...), job...) }

func decodeNode(b []byte) (Node, error) {
	var n Node
	if err := json.Unmarshal(b, &n); err != nil {
		return Node{}, fmt.Errorf("decode node: %w", err)
	}
	return n, nil
}
