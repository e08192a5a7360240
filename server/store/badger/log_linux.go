package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

// engineSyncs: Badger's own SyncWrites syncs the value log before the memtable's log at every commit, although nothing ever
// stands in there: that is a second flush of the disk for each commit. Here the store syncs the one file that counts itself.
const engineSyncs = false

// engineLogs is how Badger names the log of a memtable; the number grows by one from each to the next.
const engineLogs = "%05d.mem"

// syncedLog is the log of Badger's memtable, through a descriptor of our own. What Badger has written to its memory map is in
// the system's pages of the file when a commit returns, and fdatasync makes it durable as msync of the map would: Linux does
// the same for both. Only the committer commits, so nothing is written between a commit and its sync.
type syncedLog struct {
	dir    string
	number int
	file   *os.File
	next   string // path of the log that follows
}

// openLog finds the log that the opened database writes to.
func openLog(dir string) (*syncedLog, error) {
	l := &syncedLog{dir: dir}
	names, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return nil, fmt.Errorf("find log: %w", err)
	}
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), engineLogs, &n); err == nil {
			l.number = max(l.number, n)
		}
	}
	if l.number == 0 {
		return nil, errors.New("find log: the database has none; is it of another version of Badger?")
	}
	return l, l.take(l.number)
}

// take goes on to another log. Its place in the directory must be durable as well: Badger leaves that to chance.
func (l *syncedLog) take(number int) error {
	file, err := os.Open(l.path(number))
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if l.file != nil {
		_ = l.file.Close() // synced with its last commit
	}
	l.number, l.file, l.next = number, file, l.path(number+1)
	touchedAtRandom(file)
	return syncDir(l.dir)
}

func (l *syncedLog) path(number int) string {
	return filepath.Join(l.dir, fmt.Sprintf(engineLogs, number))
}

// sync makes the last commit durable. Badger begins a new log before it writes a commit, never within one.
func (l *syncedLog) sync() error {
	for {
		err := unix.Access(l.next, unix.F_OK)
		if errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("look for the next log: %w", err)
		}
		if err := l.take(l.number + 1); err != nil {
			return err
		}
	}
	if failpoint.Without(failpoint.NoSync) {
		return nil
	}
	if err := mirror.SyncData(l.file); err != nil {
		return fmt.Errorf("sync log: %w", err)
	}
	return nil
}

func (l *syncedLog) close() error { return l.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the store's own
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
