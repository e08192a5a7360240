package badger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// TestInspect proves cells of FLT-07 that Badger itself answers with silence, by removing every table, or with a panic that
// nobody can recover: they are errors, and the tables are still there.
func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		damage  func(t *testing.T, dir, table string)
		refused bool
	}{
		"no manifest":    {func(t *testing.T, dir, _ string) { remove(t, filepath.Join(dir, "MANIFEST")) }, true},
		"empty manifest": {func(t *testing.T, dir, _ string) { empty(t, filepath.Join(dir, "MANIFEST")) }, true},
		"no table":       {func(t *testing.T, _, table string) { remove(t, table) }, true},
		"empty table":    {func(t *testing.T, _, table string) { empty(t, table) }, true},
		"half a table": {func(t *testing.T, _, table string) {
			rewrite(t, table, func(raw []byte) []byte { return raw[:len(raw)/2] })
		}, true},
		"index changed": {func(t *testing.T, _, table string) {
			rewrite(t, table, func(raw []byte) []byte { raw[len(raw)-30] ^= 1; return raw })
		}, true},
		"length changed": {func(t *testing.T, _, table string) {
			rewrite(t, table, func(raw []byte) []byte { raw[len(raw)-4] ^= 0x80; return raw })
		}, true},
		"a table in the making": {func(t *testing.T, dir, _ string) {
			if err := os.WriteFile(filepath.Join(dir, "000099.sst"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := badger.Config{Dir: t.TempDir()}
			s := open(t, cfg)
			put(t, s, "a", strings.Repeat("value", 1000))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
			if err != nil || len(tables) != 1 {
				t.Fatalf("tables %v, %v", tables, err)
			}
			c.damage(t, cfg.Dir, tables[0])
			_, gone := os.Stat(tables[0])
			s, err = badger.Open(cfg)
			if err == nil {
				_ = s.Close()
			}
			if errors.Is(err, badger.ErrDamaged) != c.refused || (err != nil) != c.refused {
				t.Errorf("open = %v", err)
			}
			if _, now := os.Stat(tables[0]); c.refused && (now == nil) != (gone == nil) {
				t.Errorf("the table was removed: %v", now)
			}
		})
	}
}

// TestLostCommits proves FLT-07 for commits that do not touch the mirrored key: when a log loses its end, it is noticed; with
// the number in the mirror's file damaged too, or an older one there, nothing is made up.
func TestLostCommits(t *testing.T) {
	cfg := badger.Config{Dir: t.TempDir(), Mirror: mirrorAt(t, "head")}
	s := open(t, cfg)
	put(t, s, "head", "1")
	before, err := os.ReadFile(cfg.Mirror.Path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "other", "2")
	put(t, s, "other", "3")
	crashed := copied(t, cfg) // as kill -9 leaves it
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lost := func(damage func(cfg badger.Config)) uint64 {
		t.Helper()
		c := copied(t, crashed)
		damage(c)
		s, err := badger.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.LostCommits()
	}
	cutLog := func(c badger.Config) {
		logs, err := filepath.Glob(filepath.Join(c.Dir, "*.mem"))
		if err != nil || len(logs) != 1 {
			t.Fatalf("logs %v, %v", logs, err)
		}
		rewrite(t, logs[0], func(raw []byte) []byte { // the last value is somewhere near the end of what is used
			at := strings.LastIndex(string(raw), "other")
			clear(raw[at:])
			return raw
		})
	}
	flip := func(c badger.Config) {
		rewrite(t, c.Mirror.Path, func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw })
	}
	for _, c := range []struct {
		name   string
		damage func(badger.Config)
		want   uint64
	}{
		{"sound", func(badger.Config) {}, 0},
		{"the end of the log is lost", cutLog, 1},
		{"and the number too", func(c badger.Config) { cutLog(c); flip(c) }, 0},
		{"an older number", func(c badger.Config) {
			rewrite(t, c.Mirror.Path, func([]byte) []byte { return before })
		}, 0},
	} {
		if got := lost(c.damage); got != c.want {
			t.Errorf("%s: %d commits lost, want %d", c.name, got, c.want)
		}
	}
}

// copied copies a store's files while it may be open, as a kill would leave them.
func copied(t *testing.T, from badger.Config) badger.Config {
	t.Helper()
	to := from
	to.Dir = filepath.Join(t.TempDir(), "copy")
	mirror := *from.Mirror
	mirror.Path = filepath.Join(t.TempDir(), "head")
	to.Mirror = &mirror
	if err := os.CopyFS(to.Dir, os.DirFS(from.Dir)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(from.Mirror.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to.Mirror.Path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func empty(t *testing.T, path string) {
	t.Helper()
	rewrite(t, path, func([]byte) []byte { return nil })
}
