package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/keyring"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/topology"
	"github.com/concord-access/terraform-provider-concord/server/trust"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// Options of a node that are not in its file.
type Options struct {
	Logger  *slog.Logger // nil = silent
	Version string
	Clock   clock.Clock     // nil = the machine's
	Reload  <-chan struct{} // each value makes the node read its certificate files and those of its pages again; may be nil
	// MemTableBytes and CacheBytes are those of each Badger store; 0 = the store's own. Many nodes in one process take less.
	MemTableBytes, CacheBytes int64
	LeaveTime                 time.Duration // how long the node still answers, as not ready, after it was told to stop; 0 = the file's by Run, none by Node.Run
}

func (o Options) normal() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return o
}

// Node is one node of one data center: open, listening soon, not running yet.
type Node struct {
	cfg         *config.Node
	opts        Options
	log         *slog.Logger
	lock        *os.File // of the data directory
	state       kept
	sessions    kept
	members     *cluster.Members
	lease       *cluster.Lease // of the work that one node at a time does
	key         *nodeKey
	token       *bootstrapToken
	acts        *audit.Log // of administrators and of the data center itself
	trail       audit.Trail
	events      *audit.Recorder // of people's sign-ons
	journal     *journal.Log
	authority   *ca.Authority
	model       *model
	ring        *ring
	keeper      *keyring.Keeper
	trust       *trust.Store
	book        *federation.Book
	publisher   *federation.Publisher
	refresher   *federation.Refresher
	rotation    *federation.Rotation
	dialer      *outbound.Dialer // every connection to another machine is opened by it
	links       *links
	neighbours  *neighbours
	callers     callers
	refusals    *refusals
	validator   *topology.Validator
	modes       *modes
	reported    atomic.Pointer[string] // the mode that the log told last
	passphrases *passphrase.Keys
	pairings    *passphrase.Pairings
	gate        *passphrase.Gate
	epochs      *epochs
	keys        *replication.Keys
	identities  *replication.Identities
	feed        *replication.Feed
	follower    *replication.Follower
	partners    *topology.Partners
	agreement   *topology.Agreements
	signer      *topology.Signer
	mastership  *topology.Mastership
	directories *directories
	engine      *session.Engine
	assertions  *assertion.Signer
	calls       *logoutCalls
	service     *configuration.Service
	blobs       *blob.Store
	fetcher     *blob.Fetcher
	ready       readiness
	still       *standstill  // nil where no other node is on the same store
	listeners   [3]*listener // admin, runtime, peer
	people      people
	admission   *admission.Node
	handlers    *httpapi.Server
}

// Open prepares a node: its stores, its keys and certificates, its parts, and last its listeners' addresses. A first start
// makes what is missing and leaves ca.pem and bootstrap.token in the data directory. The caller must Run it.
func Open(ctx context.Context, cfg *config.Node, opts Options) (n *Node, err error) {
	n = &Node{cfg: cfg, opts: opts.normal(), refusals: newRefusals()}
	n.log = n.opts.Logger.With("cluster_id", cfg.ClusterID, "node_name", cfg.NodeName)
	n.dialer = outbound.New(outbound.Config{AllowOpen: cfg.AllowOpen,
		Rule: outbound.Rule{Allow: cfg.Outbound.Allow, Deny: cfg.Outbound.Deny, AllowLoopback: cfg.LoopbackAllowed()}})
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
			n = nil
		}
	}()
	for i, step := range []func(context.Context) error{n.openStores, n.openAudit, n.openJournal, n.openMembers, n.openAuthority, n.openListeners, n.wire, n.openStandstill} {
		if err := step(ctx); err != nil {
			return n, fmt.Errorf("start node %s of %s: %w", cfg.NodeName, cfg.ClusterID, err)
		}
		failpoint.Here("start." + [...]string{"stores", "audit", "journal", "members", "authority", "listeners", "wire", "standstill"}[i])
	}
	return n, nil
}

// InUse says whether another process runs on the data directory now. It waits for nobody; Open's own lock decides.
func InUse(cfg *config.Node) bool { return lockedDir(cfg.DataDir) || badger.InUse(stateDir(cfg)) }

// Addresses are the node's listeners as others reach them.
func (n *Node) Addresses() httpapi.Addresses {
	return httpapi.Addresses{Admin: n.listeners[0].url(), Runtime: n.listeners[1].url(), Peer: n.listeners[2].url()}
}

func (n *Node) openJournal(ctx context.Context) error {
	if err := n.verifyPresent(ctx); err != nil {
		return n.restorable(err)
	}
	var err error
	n.journal, err = journal.New(ctx, journal.Config{Store: n.state, Wrapper: n.key, ClusterID: n.cfg.ClusterID, Clock: n.opts.Clock})
	if err != nil {
		return err
	}
	for _, verify := range []func(context.Context) error{n.verifyHead, n.verifyCommits, n.journal.VerifyRecords} {
		if err := verify(ctx); err != nil {
			if err := n.heal(ctx, err); err != nil {
				return n.restorable(err)
			}
			break // what is left is an empty copy
		}
	}
	if err := n.journal.VerifyLocal(ctx); err != nil {
		return err
	}
	if err := n.verifyContent(ctx); err != nil {
		return err
	}
	if err := n.journal.Sweep(ctx); err != nil {
		return err
	}
	return firstStart(ctx, n.journal, n.cfg.ClusterID, n.opts.Clock.Now())
}

// restorable says besides what a backup is where the stores lie in etcd: of a snapshot alone the node would say the same again.
func (n *Node) restorable(err error) error {
	var f *fault.Error
	if n.cfg.Etcd == nil || !errors.As(err, &f) || f.Code != "state_damaged" {
		return err
	}
	out := *f
	out.Message += " On etcd a backup is a snapshot and the " + headFile(n.cfg) + " that was saved before it; docs/etcd.md says how to go on without."
	out.Err = err
	return &out
}

// verifyPresent refuses a database without a position beside a head record that has one, before the journal writes its first
// position there: that would take the head record's place, and the next start would find nothing wrong (FLT-07).
func (n *Node) verifyPresent(ctx context.Context) error {
	if _, found := n.state.Mirrored(); !found {
		return nil
	}
	err := n.state.View(ctx, func(r store.Reader) error {
		_, err := r.Get(journal.PositionKey())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Conflict, "state_damaged", "The state store lost acknowledged changes: it holds none at all. Restore a backup, or empty data_dir and copy from another data center.")
	}
	return err
}

// verifyHead refuses a database that lost what was acknowledged (FLT-07). The head record is missing only before the first
// change was acknowledged, and at a new node of a data center that has others: it acknowledged nothing yet.
func (n *Node) verifyHead(ctx context.Context) error {
	head, found := n.state.Mirrored()
	if found {
		return n.journal.VerifyHead(ctx, head, n.shared())
	}
	pos, err := n.journal.Position(ctx)
	if err != nil || pos.Sequence == 0 {
		return err
	}
	if n.shared() && !hasNodeID(n.cfg.DataDir) {
		return n.beginHead(ctx)
	}
	return fault.New(fault.Conflict, "state_damaged",
		"The head record %s is missing, so nothing proves that the state store still has every acknowledged change. Restore the file or a backup, or empty data_dir and copy from another data center.",
		headFile(n.cfg))
}

// beginHead gives a new node the head record of the moment, before it joins: it may be killed before its own first change, and would not start
// again without one.
func (n *Node) beginHead(ctx context.Context) error {
	return n.journal.Touch(ctx)
}

// verifyCommits refuses a database that lost its last commits, although none of them was a change of the configuration.
func (n *Node) verifyCommits(context.Context) error {
	lost := n.state.LostCommits()
	if lost == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "state_damaged", "The state store lost its last %d acknowledged transactions, acts of administrators or ended sign-ons. Restore a backup, or empty data_dir and copy from another data center.", lost)
}

// verifyContent refuses a database that lost something older than its last changes: acts in the audit record (FLT-07, SEC-75),
// or objects of a master. Those of a clone are compared with its master's: `concord replication verify`.
func (n *Node) verifyContent(ctx context.Context) error {
	if _, err := n.acts.Verify(ctx, n.state); err != nil {
		return fault.New(fault.Conflict, "state_damaged", "The state store is damaged: %v. Restore a backup, or empty data_dir and copy from another data center.", err)
	}
	id, err := n.followed(ctx)
	if err != nil || id != "" {
		return err
	}
	return n.journal.VerifyObjects(ctx)
}

func (n *Node) openAuthority(ctx context.Context) error {
	var names []string
	for _, l := range []config.Listener{n.cfg.Admin, n.cfg.Runtime} {
		for _, a := range []string{l.Address, l.Advertise} {
			if host, _, err := net.SplitHostPort(a); err == nil && host != "" && host != "0.0.0.0" && host != "::" {
				names = append(names, host)
			}
		}
	}
	present, err := ca.Present(ctx, n.state)
	if err != nil {
		return err
	}
	if _, err := os.Stat(n.cfg.CAFile()); err == nil && !present { // another authority would be a stranger to every partner (FLT-07)
		return fault.New(fault.Conflict, "state_damaged",
			"The state store lost this data center's certificate authority, whose root lies in %s. Restore a backup, or empty data_dir and copy from another data center.", n.cfg.CAFile())
	}
	n.authority, err = ca.Open(ctx, ca.Config{ClusterID: n.cfg.ClusterID, NodeName: n.cfg.NodeName, Store: n.state, Wrapper: n.key,
		LeafTTL: n.cfg.LeafTTL, WebNames: names, Audit: n.acts, Clock: n.opts.Clock, Logger: n.log,
		External: externalCA(n.cfg.ExternalCA, n.dialer)})
	if err != nil {
		return err
	}
	if err := writeFile(n.cfg.CAFile(), []byte(n.authority.RootsPEM()), 0o644); err != nil {
		return err
	}
	made := false
	if n.token, made, err = openBootstrapToken(n.cfg.TokenFile()); err == nil && made {
		n.log.Info("first start: the root certificate and an administrator's token are in the data directory", "ca_file", n.cfg.CAFile(), "token_file", n.cfg.TokenFile())
	}
	return err
}

func (n *Node) openListeners(ctx context.Context) error {
	for i, l := range []struct {
		name string
		cfg  config.Listener
	}{{"admin", n.cfg.Admin}, {"runtime", n.cfg.Runtime}, {"peer", n.cfg.Peer}} {
		bound, err := bind(ctx, l.name, l.cfg)
		if err != nil {
			return err
		}
		n.listeners[i] = bound
		if l.name == "peer" {
			continue // its TLS is the trust store's, see wire
		}
		if err := bound.webTLS(l.cfg.TLS, n.authority.WebCertificate); err != nil {
			return err
		}
	}
	return nil
}

// close releases what Open took, in the reverse order; it is safe on a node that is half open.
func (n *Node) close() error {
	var errs []error
	for _, l := range n.listeners {
		if l != nil {
			if err := l.net.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if n.links != nil {
		n.links.drop()
	}
	if n.people.tally != nil {
		n.people.tally.close()
	}
	if n.calls != nil {
		n.calls.close()
	}
	if n.directories != nil {
		n.directories.close()
	}
	if n.authority != nil {
		errs = append(errs, n.authority.Close())
	}
	if n.blobs != nil {
		errs = append(errs, n.blobs.Close())
	}
	for _, s := range []kept{n.sessions, n.state} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close()) // lets it go
	}
	return errors.Join(errs...)
}

func runtimeOrigin(url string) string { return strings.ToLower(url) }
