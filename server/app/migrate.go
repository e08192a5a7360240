package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// migratingKey stands in the state store of a target until all of it is copied and verified. A node does not start on it.
const migratingKey = "\x00migrating"

// Migration is what was copied, by store and by the first part of the keys.
type Migration struct {
	Parts []MigratedPart `json:"parts"`
}

// MigratedPart counts the records of one prefix and digests them, with the ends of their times to live, in their order. What
// ends within ten minutes is copied and not counted: it may be gone before it is compared.
type MigratedPart struct {
	Store   string `json:"store"`
	Prefix  string `json:"prefix"`
	Records uint64 `json:"records"`
	Digest  string `json:"digest"` // SHA-256
}

// BadgerIn is a node's file that says nothing but where its Badger stores lie.
func BadgerIn(dataDir string) *config.Node {
	n := config.Defaults()
	n.DataDir = dataDir
	return n
}

// Move is what MigrateStore is asked for.
type Move struct {
	From, To  *config.Node
	Overwrite bool // replace what the target holds
	Logger    *slog.Logger
	Progress  func(space string, records uint64) // called from time to time with how many were copied; nil = not at all
}

// MigrateStore copies the stores of a stopped node to where another file says, verifies the copy, and leaves a note that keeps
// a node from starting on the source by mistake. The source stays as it is. A target that holds data is refused unless
// it is to be overwritten, or unless they are what an earlier copy left that did not end.
func MigrateStore(ctx context.Context, move Move) (out Migration, err error) {
	from, to := move.From, move.To
	if sameStore(from, to) {
		return out, fault.New(fault.Conflict, "same_store", "Both files name the same store; there is nothing to do.")
	}
	m := &migration{log: move.Logger, progress: move.Progress}
	defer func() { err = errors.Join(err, m.close()) }()
	if !hasState(from) {
		return out, fault.New(fault.NotFound, "no_data", "There is no data of a node in %s on that kind of store. Does --from name the right place?", from.DataDir)
	}
	if m.from, err = m.open(ctx, from); err != nil {
		return out, fmt.Errorf("open source: %w", err)
	}
	if m.to, err = m.open(ctx, to); err != nil {
		return out, fmt.Errorf("open target: %w", err)
	}
	if err = m.sameKey(from, to); err != nil {
		return out, err
	}
	if err = m.apart(ctx); err != nil {
		return out, err
	}
	if err = m.prepare(ctx, move.Overwrite); err != nil {
		return out, err
	}
	for _, space := range []string{sessionsSpace, stateSpace} {
		if err = m.copy(ctx, space); err != nil {
			return out, fmt.Errorf("copy %s: %w", space, err)
		}
	}
	if out, err = m.verify(ctx); err != nil {
		return out, err
	}
	if err = m.finish(ctx, from, to); err != nil {
		return out, err
	}
	return out, nil
}

func sameStore(a, b *config.Node) bool {
	if (a.Etcd == nil) != (b.Etcd == nil) {
		return false
	}
	if a.Etcd == nil {
		return filepath.Clean(a.DataDir) == filepath.Clean(b.DataDir)
	}
	return a.Etcd.Prefix == b.Etcd.Prefix && reflect.DeepEqual(a.Etcd.Endpoints, b.Etcd.Endpoints)
}

// migration is one run. It holds both nodes' directories and stores.
type migration struct {
	log      *slog.Logger
	progress func(space string, records uint64)
	from, to map[string]store.Copier
	nodes    []*Node
}

// open opens both stores of a node, and nothing else of it.
func (m *migration) open(ctx context.Context, cfg *config.Node) (map[string]store.Copier, error) {
	n := &Node{cfg: cfg, opts: Options{Logger: m.log}.normal(), log: m.log}
	m.nodes = append(m.nodes, n)
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	var err error
	if len(m.nodes) == 1 || filepath.Clean(m.nodes[0].cfg.DataDir) != filepath.Clean(cfg.DataDir) {
		if n.lock, err = lockDir(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	if n.key, err = openNodeKey(cfg.DataDir, false); err != nil {
		return nil, fmt.Errorf("%w; the target needs the source's node.key, ca.pem, bootstrap.token, blobs and conflicts in its data_dir", err)
	}
	if n.state, err = n.openSpace(ctx, stateSpace); err != nil {
		return nil, err
	}
	if err = n.othersStopped(ctx); err != nil {
		return nil, err
	}
	if n.sessions, err = n.openSpace(ctx, sessionsSpace); err != nil {
		return nil, err
	}
	out := map[string]store.Copier{}
	for name, s := range map[string]kept{stateSpace: n.state, sessionsSpace: n.sessions} {
		c, ok := s.(store.Copier)
		if !ok {
			return nil, fmt.Errorf("open %s: this kind of store cannot be copied", name)
		}
		out[name] = c
	}
	return out, nil
}

// probeKey is written to the target to see whether the source is the same store under other endpoints.
const probeKey = "\x00probe"

// apart refuses to copy a store onto itself, which would empty it first.
func (m *migration) apart(ctx context.Context) error {
	probe := []byte(rand.Text())
	err := m.to[stateSpace].Update(ctx, func(w store.Writer) error { return w.Put([]byte(probeKey), probe, 0) })
	if err != nil {
		return fmt.Errorf("look whether both are one store: %w", err)
	}
	same := false
	err = m.from[stateSpace].View(ctx, func(r store.Reader) error {
		seen, err := r.Get([]byte(probeKey))
		same = bytes.Equal(seen, probe)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err == nil && same {
		err = fault.New(fault.Conflict, "same_store", "Source and target are one store, reached in two ways. Nothing was copied.")
	}
	gone := m.to[stateSpace].Update(ctx, func(w store.Writer) error { return w.Delete([]byte(probeKey)) })
	return errors.Join(err, gone)
}

// othersStopped refuses a store that other nodes are on: what they write during the copy would be in one of both alone.
func (n *Node) othersStopped(ctx context.Context) error {
	own, err := os.ReadFile(nodeIDFile(n.cfg.DataDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read node id: %w", err)
	}
	alive, err := cluster.Alive(ctx, n.state, string(own))
	if err == nil && len(alive) > 0 {
		err = fault.New(fault.Conflict, "nodes_alive", "Nodes of this data center are running, or were killed less than 15 seconds ago: %s. Stop every one of them, and keep them stopped.", strings.Join(alive, ", "))
	}
	return err
}

func (m *migration) close() (err error) {
	for _, n := range m.nodes {
		err = errors.Join(err, n.close())
	}
	return err
}

func (m *migration) sameKey(from, to *config.Node) error {
	if m.nodes[0].key.mark() == m.nodes[1].key.mark() {
		return nil
	}
	return fault.New(fault.Conflict, "other_node_key", "The node.key in %s is not the one in %s, so the copy could not be read. Copy node.key, ca.pem, bootstrap.token, blobs and conflicts first.", to.DataDir, from.DataDir)
}

// finish lets a node start on the target, and no longer on the source. The mark goes last: as long as it is there nothing starts
// on the target, and the run can be repeated.
func (m *migration) finish(ctx context.Context, from, to *config.Node) error {
	note := fmt.Sprintf("The data of this node was copied to another store at %s. Remove this file to start on the former one all the same.\n", time.Now().UTC().Format(time.RFC3339))
	if err := writeFile(movedFile(from), []byte(note), 0o600); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	if err := os.Remove(movedFile(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("finish: %w", err)
	}
	err := m.to[stateSpace].Update(ctx, func(w store.Writer) error { return w.Delete([]byte(migratingKey)) })
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return nil
}

// movedFile says, where it exists, that a node's data lies elsewhere since.
func movedFile(cfg *config.Node) string {
	if cfg.Etcd != nil {
		return filepath.Join(cfg.DataDir, "moved.etcd")
	}
	return filepath.Join(cfg.DataDir, "moved.badger")
}

// notMoved refuses to start on a store whose data was copied elsewhere: what changed there since would seem undone, and the
// other data centers would meet a master that went back.
func notMoved(cfg *config.Node) error {
	if _, err := os.Stat(movedFile(cfg)); err == nil {
		return fault.New(fault.Conflict, "store_moved", "The data of this node was copied to another store by concord store migrate: see %s. Start the node with the file of that store, or remove this one to go on with the former data.", movedFile(cfg))
	}
	return nil
}

// verifyCopied refuses a store that concord store migrate has not copied to its end.
func (n *Node) verifyCopied(ctx context.Context) error {
	err := n.state.View(ctx, func(r store.Reader) error {
		_, err := r.Get([]byte(migratingKey))
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return fault.New(fault.Conflict, "migration_unfinished", "A copy into this store was not finished. Run concord store migrate again, or start the node with its former file.")
}
