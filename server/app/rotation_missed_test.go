package app_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestMissedRotations: FLT-21. A data center that was off while its partner went through whole rotations knows retired roots only: it
// believes the partner no more, says so, and does again as soon as the present root is declared, as the documents say. The other
// way round nothing was lost: the partner believed it all the time.
func TestMissedRotations(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	testkit.InStep(ny, ld)
	ld.Stop()
	for range 2 {
		for _, step := range []string{"publish", "switch", "retire"} {
			if _, err := ny.Rotate(step, true); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
		}
	}
	ld.Start()
	refreshes(ld, ny, false)
	ny.Fresh().User("eve")
	if r := ny.Rotation(); len(r.WaitingFor) != 1 {
		t.Errorf("who is cut off is not waited for: %+v", r)
	}
	ld.Trusts(ny.Fresh())
	refreshes(ld, ny, true)
	believed(t, ld, ny.Fresh())
	believed(t, ny.Fresh(), ld)
	testkit.InStep(ny.Fresh(), ld)
	ny.RotateAll(func(string) {})
	believed(t, ld, ny.Fresh())
}

// TestARestoredDataCenter: FLT-21, SEC-42. A data center that comes back from a backup of before a rotation issues under a root that it
// retired. Its partner goes on to refuse that root, over restarts too, until the data center is removed there and registered again.
func TestARestoredDataCenter(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	ny.Trusts(ld)
	ld.Trusts(ny)
	ny.Within(testkit.Limit, "LDC has the first bundle", func() bool { return ny.Rotation().Partners[0].AcknowledgedSequence == 1 })
	backup := filepath.Join(t.TempDir(), "backup")
	ny.Stop()
	copied(t, ny.DataDir, backup)
	ny.Start()
	ny.RotateAll(func(string) {})
	believed(t, ld, ny.Fresh())
	ny.Stop()
	copied(t, backup, ny.DataDir)
	ny.Start()
	refreshes(ld, ny, false)
	ld.Stop()
	ld.Start()
	refreshes(ld, ny, false)
	ld.Trusts(ny) // the same root is declared once more: it stays retired
	refreshes(ld, ny, false)
	ld.Delete("/v1/partners/NYDC")
	ld.Trusts(ny)
	refreshes(ld, ny, true)
	believed(t, ld, ny)
}

// copied makes to the same as from, with who may read what.
func copied(t *testing.T, from, to string) {
	t.Helper()
	err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from)), filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		return errors.Join(err, os.Chmod(filepath.Join(to, name), info.Mode()))
	}))
	if err != nil {
		t.Fatal(err)
	}
}
