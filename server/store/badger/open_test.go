package badger_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	cases := map[string]badger.Config{
		"no directory":             {},
		"a small memtable":         {Dir: dir, MemTableBytes: 1 << 20},
		"a huge memtable":          {Dir: dir, MemTableBytes: 1 << 30},
		"a mirror without a path":  {Dir: dir, Mirror: &badger.MirrorConfig{Key: []byte("k")}},
		"a mirror without a key":   {Dir: dir, Mirror: &badger.MirrorConfig{Path: filepath.Join(dir, "m")}},
		"a mirror in no directory": {Dir: dir, Mirror: &badger.MirrorConfig{Path: filepath.Join(dir, "none", "m"), Key: []byte("k")}},
	}
	for name, cfg := range cases {
		t.Run(name, func(t *testing.T) {
			if s, err := badger.Open(cfg); err == nil {
				_ = s.Close()
				t.Error("opened")
			}
		})
	}
}

// TestDirectoryMode: nobody else on the machine reads the data, whatever the directory was before.
func TestDirectoryMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "state")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, badger.Config{Dir: dir})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory = %v, %v; want mode 0700", info.Mode(), err)
	}
}

// TestLockRetry: Open waits for a directory lock that is given up, and not for ever for one that is not.
func TestLockRetry(t *testing.T) {
	dir := t.TempDir()
	first := open(t, badger.Config{Dir: dir})
	if badger.InUse(filepath.Join(dir, "absent")) || !badger.InUse(dir) {
		t.Error("InUse is wrong while the store is open")
	}
	if _, err := badger.Open(badger.Config{Dir: dir, LockWait: time.Millisecond}); !errors.Is(err, badger.ErrInUse) {
		t.Fatalf("second open = %v; want ErrInUse", err)
	}
	opened := make(chan error, 1)
	go func() {
		second, err := badger.Open(badger.Config{Dir: dir, LockWait: 30 * time.Second})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("open after the lock was free = %v", err)
	}
	if badger.InUse(dir) {
		t.Error("in use after both were closed")
	}
}

// TestVerifyTables proves one cell of FLT-07: a flipped bit in a table is found by Open, or by Verify while the store is in use.
func TestVerifyTables(t *testing.T) {
	cfg := badger.Config{Dir: t.TempDir(), VerifyTables: true}
	s := open(t, cfg)
	for _, key := range []string{"a", "b", "c"} { // a block each: Badger reads the last one before it opens
		put(t, s, key, strings.Repeat("value", 1000))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if err := s.Verify(); err != nil {
		t.Errorf("a sound store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	rewrite(t, tables[0], func(raw []byte) []byte { raw[10] ^= 1; return raw })
	if s, err := badger.Open(cfg); err == nil {
		_ = s.Close()
		t.Error("opened with a damaged table")
	}
	cfg.VerifyTables = false
	s = open(t, cfg)
	if err := s.Verify(); !errors.Is(err, badger.ErrDamaged) {
		t.Errorf("a damaged table: %v", err)
	}
	if got, err := get(t, s, "a"); err == nil {
		t.Errorf("read %d bytes of a damaged table", len(got))
	}
}

// TestStorageFull proves FLT-04 as far as the store goes: near the end of the disk updates are refused with a reason, reads
// go on, and updates do so by themselves when space returns.
func TestStorageFull(t *testing.T) {
	var free atomic.Int64
	free.Store(100 << 20)
	s := open(t, badger.Config{MinFree: 64 << 20, FreeBytes: func(string) (int64, error) { return free.Load(), nil }})
	put(t, s, "a", "1")
	free.Store(63 << 20)
	err := s.Update(t.Context(), putting("a", "2")) // at once: others may fill a disk faster than a clock ticks
	if !fault.Is(err, fault.Unavailable) || fault.CodeOf(err) != "storage_full" || !strings.Contains(err.Error(), "63 MiB") {
		t.Errorf("update on a full disk = %v; want storage_full", err)
	}
	if fault.CodeOf(s.Health()) != "storage_full" {
		t.Errorf("health = %v; want storage_full", s.Health())
	}
	if got, err := get(t, s, "a"); got == "" || err != nil {
		t.Errorf("read on a full disk = %q, %v", got, err)
	}
	free.Store(65 << 20)
	if err := s.Update(t.Context(), putting("a", "2")); err != nil || s.Health() != nil {
		t.Errorf("update after space returned = %v, health %v", err, s.Health())
	}
}

// TestRealFreeSpace asks the machine: no disk has an exabyte free.
func TestRealFreeSpace(t *testing.T) {
	s := open(t, badger.Config{MinFree: 1 << 60})
	if err := s.Update(t.Context(), putting("a", "1")); fault.CodeOf(err) != "storage_full" {
		t.Errorf("update = %v; want storage_full", err)
	}
}

// TestClockDecides: a key expires by the injected clock, and setting the clock back does not bring it back, nor does it
// kill what is put after.
func TestClockDecides(t *testing.T) {
	now := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 1, time.UTC))
	s := open(t, badger.Config{Clock: now})
	expiring := func(key string) {
		t.Helper()
		err := s.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte(key), []byte("1"), time.Hour) })
		if err != nil {
			t.Fatal(err)
		}
	}
	expiring("a")
	now.Advance(time.Hour)
	if got, err := get(t, s, "a"); got != "1" || err != nil {
		t.Errorf("at its time to live = %q, %v; want it still there: it is rounded up", got, err)
	}
	now.Advance(time.Second)
	wantGone(t, s, "a")
	now.Advance(-30 * time.Minute)
	wantGone(t, s, "a")
	expiring("b")
	if got, err := get(t, s, "b"); got != "1" || err != nil {
		t.Errorf("put after the clock was set back = %q, %v", got, err)
	}
}

func wantGone(t *testing.T, s *badger.Store, key string) {
	t.Helper()
	if _, err := get(t, s, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get %s = %v; want ErrNotFound", key, err)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(key)}, func(k, _ []byte) error { return errors.New("range sees " + string(k)) })
	})
	if err != nil {
		t.Error(err)
	}
}

// TestValueBounds: what would not stay inline in Badger's log is refused.
func TestValueBounds(t *testing.T) {
	s := open(t, badger.Config{})
	most := 1<<20 - 10
	if err := s.Update(t.Context(), putting("a", string(make([]byte, most)))); err != nil {
		t.Errorf("value of %d bytes: %v", most, err)
	}
	for name, fn := range map[string]func(store.Writer) error{
		"value":    putting("a", string(make([]byte, most+1))),
		"key":      putting(strings.Repeat("k", 60_001), ""),
		"reserved": putting("!badger!x", "1"),
	} {
		if err := s.Update(t.Context(), fn); err == nil || name != "reserved" && !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%s out of bounds = %v", name, err)
		}
	}
}

// TestEngineLog: Badger's complaints reach the injected logger, its chatter does not.
func TestEngineLog(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	s := open(t, badger.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("a sound store logs %s", out.String())
	}
}
