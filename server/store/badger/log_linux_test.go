package badger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// FLT-02: each commit is synced in the log that Badger writes to, also after it has begun the next one, and after a restart, which
// goes on with another. That the sync reaches the disk is shown by what a cut of the power leaves (internal/torture).
func TestSyncsTheLogInUse(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		seen := map[string]bool{}
		s, err := badger.Open(badger.Config{Dir: dir, MemTableBytes: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 25 {
			put(t, s, fmt.Sprintf("k%03d", i), noise(900<<10))
			logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
			if err != nil || len(logs) == 0 {
				t.Fatalf("logs: %v, %v", logs, err)
			}
			if newest := filepath.Base(slices.Max(logs)); newest != badger.SyncedLog(s) {
				t.Fatalf("commit %d was synced in %s, the log in use is %s", i, badger.SyncedLog(s), newest)
			}
			seen[badger.SyncedLog(s)] = true
		}
		if len(seen) < 2 {
			t.Errorf("logs: %v; the test wants several in each life", seen)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// FLT-05: after a log that could not be synced nothing is acknowledged any more.
func TestLogThatCannotBeSynced(t *testing.T) {
	s := open(t, badger.Config{})
	put(t, s, "a", "1")
	badger.BreakLog(s)
	for range 2 {
		if err := s.Update(t.Context(), putting("b", "1")); fault.CodeOf(err) != "storage_failed" {
			t.Fatalf("update over a failed sync = %v; want storage_failed", err)
		}
	}
	if got, err := get(t, s, "a"); got != "1" {
		t.Errorf("a = %q, %v; what was acknowledged is read on", got, err)
	}
	if _, err := get(t, s, "b"); err == nil {
		t.Error("a commit that was not synced is seen")
	}
}

// The system reads nothing ahead into the map of the log that is written: a sync would write all of it again and again.
func TestTouchesTheLogAtRandom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, badger.Config{Dir: dir, MemTableBytes: 8 << 20})
	first := badger.SyncedLog(s)
	for i := 0; badger.SyncedLog(s) == first; i++ {
		flags := flagsOfMap(t, filepath.Join(dir, badger.SyncedLog(s)))
		if !slices.Contains(flags, "rr") {
			t.Fatalf("the map of %s has the flags %v; want rr among them", badger.SyncedLog(s), flags)
		}
		put(t, s, fmt.Sprintf("k%03d", i), noise(900<<10))
	}
	if flags := flagsOfMap(t, filepath.Join(dir, badger.SyncedLog(s))); !slices.Contains(flags, "rr") {
		t.Errorf("the map of the second log has the flags %v; want rr among them", flags)
	}
}

// flagsOfMap gives what proc(5) calls VmFlags, of the map of a file of this process.
func flagsOfMap(t *testing.T, name string) []string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	within := false
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case within && fields[0] == "VmFlags:":
			return fields[1:]
		case !strings.HasSuffix(fields[0], ":"):
			within = strings.HasSuffix(strings.TrimSpace(line), " "+name)
		}
	}
	t.Fatalf("no map of %s", name)
	return nil
}
