package badger

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

const (
	defaultMemTable = 64 << 20
	minMemTable     = 8 << 20 // below it a value of maxValue would not fit a Badger transaction
	defaultCache    = 32 << 20
	defaultLockWait = 10 * time.Second
	minFreeFloor    = 64 << 20

	maxKey = 60_000 // Badger's own bound is 65,000, with room for what it appends

	// inline is Badger's value threshold: what is shorter lives in the LSM tree and its synced log. The value log is
	// never used, since Badger only logs a failed sync of that file and would acknowledge the write all the same.
	inline   = 1 << 20
	maxValue = inline - maxHeader - 1
)

// Config says where and how a store keeps its data. The zero value of everything but Dir is usable.
type Config struct {
	Dir           string // created with mode 0700
	MemTableBytes int64  // 0 = 64 MiB, at least 8 MiB; Limits follow from it: an eighth of it is Limits.Bytes
	CacheBytes    int64  // decompressed blocks kept in memory; 0 = 32 MiB; table indexes get half as much on top
	Logger        *slog.Logger
	Clock         clock.Clock // decides what has expired; nil = the machine's clock

	Mirror *MirrorConfig // nil = no mirror

	// MinFree is the free space in bytes below which every Update is refused, on top of what Badger's compactions may write
	// (up to the size of the database, at most about 600 MiB). 0 = four times MemTableBytes, at least 64 MiB: the memtables
	// that are still to be flushed. Negative = never refuse.
	MinFree int64
	// FreeBytes gives the free space of the file system that holds dir. nil = ask the system.
	FreeBytes func(dir string) (int64, error)

	// LockWait is how long Open waits for the directory lock; 0 = 10 s. After SIGKILL the kernel keeps the lock until the
	// old process is torn down.
	LockWait time.Duration
	// VerifyTables makes Open read every table and check its checksums (FLT-07). It costs a read of the whole database;
	// Store.Verify does the same later.
	VerifyTables bool
}

// MaxMirrored is the greatest length in bytes of a mirrored value.
const MaxMirrored = mirror.MaxValue

// ErrMirrorUnreadable says that the mirror file exists and no part of it is sound.
var ErrMirrorUnreadable = mirror.ErrUnreadable

// MirrorConfig names one key whose last committed value is also kept in a small file outside the database, so that a
// database which lost acknowledged data can be told from a sound one.
type MirrorConfig struct {
	Path string // a file beside the database, on stable storage
	Key  []byte // its value is at most MaxMirrored bytes and has no time to live
}

// normal fills the defaults in and refuses what cannot work.
func (c Config) normal() (Config, error) {
	c.MemTableBytes = orDefault(c.MemTableBytes, defaultMemTable)
	c.CacheBytes = orDefault(c.CacheBytes, defaultCache)
	c.MinFree = orDefault(c.MinFree, max(minFreeFloor, 4*c.MemTableBytes))
	c.LockWait = orDefault(c.LockWait, defaultLockWait)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.FreeBytes == nil {
		c.FreeBytes = freeBytes
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("configure store: no directory")
	case c.MemTableBytes < minMemTable || c.MemTableBytes > 1<<29:
		return fmt.Errorf("configure store: memtable of %d bytes is not within %d and %d", c.MemTableBytes, minMemTable, 1<<29)
	case c.CacheBytes < 1<<20 || c.LockWait < 0:
		return errors.New("configure store: cache below 1 MiB or negative lock wait")
	case c.Mirror != nil && (c.Mirror.Path == "" || len(c.Mirror.Key) == 0 || len(c.Mirror.Key) > maxKey):
		return errors.New("configure store: mirror without a path or a usable key")
	}
	return nil
}

func orDefault[T int64 | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return v
}

// engineOptions are Badger's. Its defaults are not durable (SyncWrites=false), keep all table indexes in memory without a
// bound, and count metrics in process-wide variables.
func (c Config) engineOptions() engine.Options {
	return engine.DefaultOptions(c.Dir).
		WithSyncWrites(engineSyncs && !failpoint.Without(failpoint.NoSync)). // see syncedLog
		WithLogger(engineLog{c.Logger}).
		WithMemTableSize(c.MemTableBytes).
		WithNumMemtables(2).
		WithBlockCacheSize(c.CacheBytes).
		WithIndexCacheSize(c.CacheBytes / 2).
		WithNumCompactors(2).
		WithValueThreshold(inline).
		WithValueLogFileSize(64 << 20).
		WithNumVersionsToKeep(1).
		WithCompactL0OnClose(true).
		WithMetricsEnabled(false).
		WithDetectConflicts(false). // one committer: there is nobody to conflict with
		WithChecksumVerificationMode(options.OnBlockRead)
}
