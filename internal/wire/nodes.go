package wire

import "time"

// Nodes is GET /v1/nodes: the nodes of this data center that gave a sign of life in the last 15 seconds, by name.
type Nodes struct {
	ClusterID string `json:"cluster_id"`
	Nodes     []Node `json:"nodes"`
}

// Node is one of them, as it said of itself.
type Node struct {
	NodeName   string    `json:"node_name"`
	Version    string    `json:"version"`
	State      string    `json:"state"`             // starting, ready, not_ready, leaving
	Reasons    []string  `json:"reasons,omitempty"` // why it is not ready
	Works      bool      `json:"works"`             // it does what one node at a time does: follow the master, send to partners, rotate keys
	AdminURL   string    `json:"admin_url,omitempty"`
	RuntimeURL string    `json:"runtime_url,omitempty"`
	PeerURL    string    `json:"peer_url,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	SeenAt     time.Time `json:"seen_at"` // its last sign of life
}
