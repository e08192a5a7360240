package config

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"
)

// Names of the listeners, as they are written in the file.
const (
	ListenerAdmin   = "admin"
	ListenerRuntime = "runtime"
	ListenerPeer    = "peer"
)

// ListenerNames gives the names of all listeners; each has to be configured.
func ListenerNames() []string { return []string{ListenerAdmin, ListenerRuntime, ListenerPeer} }

// Formats of the log.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// Node is what one node of one data center is told at its start.
type Node struct {
	ClusterID  string        // the data center's id (OAM-05, CAMS-01)
	NodeName   string        // unique in the cluster; the same rule
	DataDir    string        // absolute
	Admin      Listener      // admin API
	Runtime    Listener      // sign-in pages, agents, forward-auth
	Peer       Listener      // other data centers
	LeafTTL    time.Duration // how long a certificate of this node is valid; an external CA has to allow it
	Etcd       *Etcd         // nil = Badger in DataDir
	ExternalCA *ExternalCA   // nil = the embedded CA
	AllowOpen  bool          // whether security mode open, or a peer listener without TLS, may be used at all (SEC-40)
	Log        Log
	Journal    Journal
	Audit      Audit
	Outbound   Outbound
	Pages      Pages
	LeaveTime  time.Duration // how long the node still answers, as not ready, after it was told to stop (FLT-30)
}

// Journal says which records of the journal stay. One is removed only when it is beyond both bounds.
type Journal struct {
	KeepRecords uint64        // newest records that always stay
	KeepFor     time.Duration // age below which a record always stays
}

// Listener is one address that the node serves.
type Listener struct {
	Address   string // host:port to bind; port 0 lets the system choose
	Advertise string // host:port that others are told; Address when the file does not say
	TLS       TLS
	// TrustedProxies are who may say in X-Forwarded-For where a request comes from.
	TrustedProxies []netip.Prefix
}

// TLS says what a listener shows. The zero value means: a certificate of the node's own CA.
type TLS struct {
	CertFile     string // PEM, absolute; "" = issued by the embedded CA
	KeyFile      string // PEM, absolute; goes with CertFile
	ClientCAFile string // PEM, absolute; roots of client certificates that the listener takes
	Disabled     bool   // plain HTTP, for development or behind a proxy that ends TLS
}

// Log is how the node logs, to standard error.
type Log struct {
	Level  slog.Level
	Format string // json or text
}

// Defaults gives a Node with every documented default set and everything else empty.
func Defaults() *Node {
	return &Node{LeafTTL: 24 * time.Hour, LeaveTime: time.Second, Journal: Journal{KeepRecords: 100_000, KeepFor: 7 * 24 * time.Hour}, Audit: Audit{KeepRecords: 1_000_000, Decisions: "aggregated", Sample: 1000}, Log: Log{Level: slog.LevelInfo, Format: FormatJSON}}
}

// CAFile is where the node keeps its root certificate for others to read.
func (n *Node) CAFile() string { return filepath.Join(n.DataDir, "ca.pem") }

// TokenFile is where a first start leaves the administrator's token, readable by the owner only.
func (n *Node) TokenFile() string { return filepath.Join(n.DataDir, "bootstrap.token") }

// listener gives the listener of that name, nil when there is none such.
func (n *Node) listener(name string) *Listener {
	switch name {
	case ListenerAdmin:
		return &n.Admin
	case ListenerRuntime:
		return &n.Runtime
	case ListenerPeer:
		return &n.Peer
	}
	return nil
}
