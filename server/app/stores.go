package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// kept is a store as a node needs it, on whatever it lies.
type kept interface {
	store.Store
	// Health is why the store is in trouble; nil when it is not.
	Health() error
	// Mirrored is what the head record beside the store says; LostCommits how many commits the store lacks by it.
	Mirrored() (value []byte, found bool)
	LostCommits() uint64
	// Verify reads what nothing else verifies; it takes as long as that takes.
	Verify() error
}

var (
	_ kept = (*badger.Store)(nil)
	_ kept = (*etcd.Store)(nil)
)

// Names of the two stores of a node: folders with Badger, spaces with etcd.
const (
	stateSpace    = "state"
	sessionsSpace = "sessions"
)

func (n *Node) openStores(ctx context.Context) error {
	dir := n.cfg.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory needs x (SEC-71)
		return fmt.Errorf("close data directory to others: %w", err)
	}
	var err error
	if n.lock, err = lockDir(dir); err != nil {
		return err
	}
	if err := notMoved(n.cfg); err != nil {
		return err
	}
	if n.key, err = openNodeKey(dir, !hasState(n.cfg)); err != nil {
		return err
	}
	if n.state, err = n.openSpace(ctx, stateSpace); err != nil {
		return err
	}
	if n.sessions, err = n.openSpace(ctx, sessionsSpace); err != nil {
		return err
	}
	if err := n.verifyCopied(ctx); err != nil {
		return err
	}
	n.blobs, err = blob.Open(blob.Config{Dir: filepath.Join(dir, "blobs"), Clock: n.opts.Clock, Logger: n.log})
	return err
}

// openSpace opens one of the two stores where the node's file says.
func (n *Node) openSpace(ctx context.Context, space string) (kept, error) {
	if n.cfg.Etcd != nil {
		return n.openEtcd(ctx, space)
	}
	cfg := badger.Config{Dir: filepath.Join(n.cfg.DataDir, space), Logger: n.log, Clock: n.opts.Clock,
		MemTableBytes: n.opts.MemTableBytes, CacheBytes: n.opts.CacheBytes}
	word := sessionsFault // its tables are read later: see verifySessions
	if space == stateSpace {
		cfg.VerifyTables, cfg.Mirror, word = true, &badger.MirrorConfig{Path: headFile(n.cfg), Key: journal.PositionKey()}, openFault
	}
	s, err := badger.Open(cfg)
	switch {
	case errors.Is(err, badger.ErrInUse):
		return nil, inUse(n.cfg.DataDir)
	case err != nil:
		return nil, word(err)
	}
	return s, nil
}

func inUse(dir string) error {
	return fault.New(fault.Conflict, "data_dir_in_use", "another concord is running on %s; stop it or give this one a data_dir of its own", dir)
}

// headFile is where the head record of a node lies. Each kind of store has one of its own, so that who changes the store and
// changes back is not measured by the other one.
func headFile(cfg *config.Node) string {
	if cfg.Etcd != nil {
		return filepath.Join(cfg.DataDir, "head.etcd")
	}
	return filepath.Join(cfg.DataDir, "head")
}

func stateDir(cfg *config.Node) string { return filepath.Join(cfg.DataDir, stateSpace) }

// hasState says whether the node has been started before on its kind of store.
func hasState(cfg *config.Node) bool {
	at := stateDir(cfg)
	if cfg.Etcd != nil {
		at = headFile(cfg)
	}
	_, err := os.Stat(at)
	return err == nil
}

func (n *Node) openEtcd(ctx context.Context, space string) (kept, error) {
	cfg, err := etcdConfig(n.cfg.Etcd)
	if err != nil {
		return nil, err
	}
	cfg.Space, cfg.Owner, cfg.Logger, cfg.Clock = space, n.cfg.ClusterID+" "+n.key.mark(), n.log, n.opts.Clock
	if space == stateSpace {
		cfg.Mirror = &etcd.MirrorConfig{Path: headFile(n.cfg), Key: journal.PositionKey()}
	}
	s, err := etcd.Open(ctx, cfg)
	switch {
	case fault.CodeOf(err) == "prefix_in_use":
		f := fault.New(fault.Conflict, "prefix_in_use",
			"The prefix %s in etcd belongs to another data center, or was written by nodes with another node.key. Give this data center a prefix of its own, restore the node's data_dir or, for a new node of the same data center, copy node.key from the data_dir of another one before the first start.", n.cfg.Etcd.Prefix)
		f.Err = err
		return nil, f
	case err != nil:
		return nil, openFault(err)
	}
	return s, nil
}

// mark tells one node key from another, and nothing of it.
func (k *nodeKey) mark() string {
	sum := sha256.Sum256(append([]byte("concord store owner\x00"), k.key...))
	return hex.EncodeToString(sum[:8])
}

// etcdConfig reads the files that the node's file names. The client certificate is read again for each connection.
func etcdConfig(c *config.Etcd) (etcd.Config, error) {
	out := etcd.Config{Endpoints: c.Endpoints, Prefix: c.Prefix, Username: c.Username, DialTimeout: c.DialTimeout, RequestTimeout: c.RequestTimeout}
	if c.PasswordFile != "" {
		b, err := readSecret(c.PasswordFile)
		if err != nil {
			return out, err
		}
		out.Password = strings.TrimRight(string(b), "\r\n")
	}
	var err error
	out.TLS, err = etcd.Files{CA: c.CACertFile, Cert: c.ClientCertFile, Key: c.ClientKeyFile}.TLS()
	return out, err
}

// openFault words why the state store cannot be opened.
func openFault(err error) error {
	if !errors.Is(err, badger.ErrDamaged) && !errors.Is(err, badger.ErrMirrorUnreadable) {
		return fmt.Errorf("open state store: %w", err)
	}
	f := fault.New(fault.Conflict, "state_damaged", "The state store is damaged: %v. Restore a backup, or empty data_dir and copy from another data center.", err)
	f.Err = err
	return f
}

// sessionsFault words why the sessions store cannot be opened, or not be used any longer.
func sessionsFault(err error) error {
	if !errors.Is(err, badger.ErrDamaged) {
		return fmt.Errorf("open sessions store: %w", err)
	}
	f := fault.New(fault.Conflict, "sessions_damaged",
		"The sessions store is damaged: %v. Remove the folder sessions of the data directory and start again: people sign in once more.", err)
	f.Err = err
	return f
}
