package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/group"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// Open opens the store in cfg.Dir, creates it if there is none, and starts its committer. A directory that another process
// holds is tried again for cfg.LockWait, and then the error is ErrInUse. ErrMirrorUnreadable says that the mirror file is there and no part of it is sound.
// The store does not compare the mirror with the database; see Mirrored.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	db, err := openEngine(cfg)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	s := newStore(cfg, db)
	if s.log, err = openLog(cfg.Dir); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	if cfg.Mirror != nil {
		// After the engine, whose lock keeps a second process away from the mirror too.
		if s.mirror, err = mirror.Open(cfg.Mirror.Path); err != nil {
			_ = errors.Join(s.log.close(), db.Close())
			return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
		}
	}
	s.committer.sync, s.committer.version = s.log.sync, db.MaxVersion()
	s.publishSnapshot(s.committer.version)
	if err := s.countCommits(); err != nil {
		_ = s.closeUnused()
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	go s.committer.run()
	return s, nil
}

// countCommits reads how many commits the database has.
func (s *Store) countCommits() error {
	if s.mirror == nil {
		return nil
	}
	raw, err := s.get(s.current.Load(), []byte(commitsKey))
	switch {
	case err == nil && len(raw) == 8:
		s.committer.commits = binary.BigEndian.Uint64(raw)
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: the number of commits cannot be read (%v)", ErrDamaged, err)
	}
	if acknowledged := s.mirror.Counted(); acknowledged > s.committer.commits {
		s.lost = acknowledged - s.committer.commits
		s.committer.commits = acknowledged // whoever goes on all the same has been told once
	}
	return nil
}

// closeUnused releases a store whose committer does not run yet.
func (s *Store) closeUnused() error {
	s.current.Swap(nil).release()
	return firstError(s.db.Close(), s.log.close(), s.mirror.Close())
}

func newStore(cfg Config, db *engine.DB) *Store {
	s := &Store{cfg: cfg, db: db, limits: limitsOf(db), queue: group.NewQueue()}
	s.changes = newChanges(store.Revision(time.Now().UnixMicro()))
	s.space = &spaceGuard{dir: cfg.Dir, least: cfg.MinFree, free: cfg.FreeBytes, reserve: func() int64 { return compactionReserve(db) }}
	s.live.drop = db.SetDiscardTs
	s.committer = newCommitter(s)
	return s
}

// limitsOf gives an update function what a Badger transaction holds, with room for what is added to each entry.
func limitsOf(db *engine.DB) store.Limits {
	ops := db.MaxBatchCount() / 2
	return store.Limits{Ops: int(ops), Bytes: int(db.MaxBatchSize() - ops*entryOverhead)}
}

// entryOverhead is more than Badger (12 bytes) and the value's header (9 bytes) add to an entry.
const entryOverhead = 32

func openEngine(cfg Config) (*engine.DB, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create directory: %w", err)
	}
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("protect directory: %w", err)
	}
	db, err := lockAndOpen(cfg)
	if err != nil || !cfg.VerifyTables {
		return db, err
	}
	if err := verifyTables(db); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func verifyTables(db *engine.DB) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: a table cannot be read (%v)", ErrDamaged, p)
		}
	}()
	if err := db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: verify tables: %w", ErrDamaged, err)
	}
	return nil
}

// Verify is Config.VerifyTables while the store is in use, for one that is too large to be read before anybody is answered: what is read
// of a damaged table meanwhile is an error. It cannot be broken off, and Close waits for it. ErrDamaged or store.ErrClosed.
func (s *Store) Verify() error {
	snap, err := s.acquire()
	if err != nil {
		return err
	}
	defer snap.release()
	return verifyTables(s.db)
}

// lockAndOpen tries until what stands in the way has passed or cfg.LockWait is over.
func lockAndOpen(cfg Config) (*engine.DB, error) {
	const pause = 50 * time.Millisecond
	end, told := time.Now().Add(cfg.LockWait), false
	for {
		db, err := openOnce(cfg)
		switch {
		case err == nil || !passes(err):
			return db, err
		case time.Now().After(end) && locked(err):
			return nil, fmt.Errorf("%w: it holds the directory lock", ErrInUse)
		case time.Now().After(end):
			return nil, err
		case !told && locked(err):
			cfg.Logger.Warn("another process holds the store; waiting for it to end", "dir", cfg.Dir, "at_most", cfg.LockWait)
			told = true
		}
		<-time.After(pause)
	}
}

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("another concord is running here")

func locked(err error) bool { return strings.Contains(err.Error(), "Cannot acquire directory lock") }

// passes knows the errors that are gone at the next try, by their text, since Badger keeps no error chain here: a lock
// whose process is being torn down, and a log file of length 0, which a crash or a full disk leaves when it strikes between
// the file's creation and its growth. Badger refuses such a file once, but gives it its header on the way; it held nothing.
func passes(err error) bool {
	text := err.Error()
	return locked(err) || strings.Contains(text, "while opening fid") && strings.Contains(text, engineNewFile)
}

// engineNewFile is the text of z.NewFile in Badger's file layer.
const engineNewFile = "Create a new file"

func openOnce(cfg Config) (db *engine.DB, err error) {
	defer recovered(&err)
	if !InUse(cfg.Dir) { // the other one's files change
		if err := inspect(cfg); err != nil {
			return nil, err
		}
	}
	return engine.OpenManaged(cfg.engineOptions())
}

// recovered turns Badger's panics over damaged files into errors.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}

// engineLog hands Badger's warnings and errors to slog and drops the rest, which is about its inner work.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Errorf(format string, args ...any) {
	l.log.Error("badger reports an error", "detail", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (l engineLog) Warningf(format string, args ...any) {
	l.log.Warn("badger warns", "detail", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (l engineLog) Infof(string, ...any)  {}
func (l engineLog) Debugf(string, ...any) {}
