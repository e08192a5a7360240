package badger_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiskRecovers proves FLT-04 on a real small disk: under full load the store becomes read-only, and goes on by itself
// when there is space. Nothing that it acknowledged is lost.
func TestDiskRecovers(t *testing.T) {
	dir := smallDisk(t, "size=80m")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newReport()
	r.onWord = func(text string) {
		if text == "read" {
			if err := os.Remove(ballast); err != nil {
				t.Error(err)
			}
		}
	}
	fillDisk(t, dir, "small disk", r, []string{"ended storage_full storage_full", "read", "recovered", "closed true"})
}

// TestDiskFull proves the other half of FLT-04: the store becomes read-only early enough for the compactions that Badger
// still does, here those of Close, which rewrite all of level 0. Too late is SIGBUS.
func TestDiskFull(t *testing.T) {
	fillDisk(t, smallDisk(t, "size=160m"), "full disk", newReport(),
		[]string{"ended storage_full storage_full", "read", "closed true"})
}

func fillDisk(t *testing.T, dir, role string, r *report, lastWords []string) {
	t.Helper()
	crash(t, dir, role, 0, r)
	if diff := cmp.Diff(lastWords, r.rest); diff != "" {
		t.Errorf("the child's last words (-want +got):\n%s", diff)
	}
	if r.acks == 0 {
		t.Error("nothing was acknowledged before the disk was full")
	}
	checkPairs(t, dir, r)
}

// smallDisk mounts a file system in memory, which takes root.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
