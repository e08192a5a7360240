package topology_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestOverwrittenObjectsAreKept: what was made at a data center and its first copy replaces is in a file of its own first; the
// creation's answer names it, and it can be applied anew at the master. What the copy has too is not kept, nor is what came
// from that master before (MSS-03).
//
// In part or whole also MSS-L1.
func TestOverwrittenObjectsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	for _, name := range []string{"mine", "changed"} {
		must(t, ld.group(name))
	}
	must(t, ld.put(&mdc.Group{Name: "same"}, mdc.GroupKind()))
	must(t, ny.put(&mdc.Group{Name: "same"}, mdc.GroupKind()))
	must(t, ny.group("changed"))
	must(t, ny.group("theirs"))
	w.linked(ny, ld)
	_, err := ny.create(agreement("a", "NYDC", "LDC"))
	wantCode(t, err, "clone_not_empty")
	over := agreement("a", "NYDC", "LDC")
	over.Overwrite = true
	v, err := ny.create(over)
	must(t, err)
	files, err := ny.mastership.Conflicts(t.Context(), "LDC")
	must(t, err)
	kept := files.Files
	if len(kept) != 1 || kept[0].ID != v.Kept || kept[0].Reason != journal.ReasonOverwritten || kept[0].Records != 2 || kept[0].Winner != ny.position().Epoch || !kept[0].Complete {
		t.Fatalf("the answer names %q, the files are %+v", v.Kept, kept)
	}
	if got := strings.Join(ld.kept(), " "); got != "changed mine" {
		t.Errorf("the file has %q", got)
	}
	if ld.has("mine") || !ld.has("theirs") {
		t.Error("the copy is not in force")
	}
	rec, kind, err := ny.mastership.Lost(t.Context(), "LDC", v.Kept, 2)
	must(t, err)
	o, err := kind.Decode(rec.Body)
	must(t, err)
	if g, ok := o.(*mdc.Group); !ok || g.Name != "mine" || g.Description != "of LDC" {
		t.Fatalf("kept %+v", o)
	}
	must(t, ny.put(o, kind))
	ld.reaches(ny)
	if !ld.has("mine") {
		t.Error("what was applied anew did not come back")
	}
	must(t, ny.remove(v.Identifier, true))
	must(t, ny.put(&mdc.Group{Name: "theirs", Description: "changed since"}, mdc.GroupKind()))
	must(t, ny.group("later"))
	removed, err := ny.log.Prune(t.Context(), journal.Retention{KeepRecords: 1, KeepFor: time.Nanosecond}) // so that it takes a whole copy
	if err != nil || removed == 0 {
		t.Fatalf("%d records were removed: %v", removed, err)
	}
	again, err := ny.create(agreement("b", "NYDC", "LDC"))
	must(t, err)
	if !ld.has("later") || len(ld.kept()) != 2 || again.Kept != "" {
		t.Errorf("what came from the master is kept as well: %v, %q", ld.kept(), again.Kept)
	}
}

// TestNothingIsOverwrittenUnkept: while the file cannot be written the objects stay as they are (MSS-03).
func TestNothingIsOverwrittenUnkept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	must(t, ld.group("mine"))
	must(t, ny.group("theirs"))
	w.linked(ny, ld)
	must(t, os.WriteFile(ld.conflicts(), nil, 0o600)) // a file where the directory should be
	over := agreement("a", "NYDC", "LDC")
	over.Overwrite = true
	done := make(chan error, 1)
	go func() {
		_, err := ny.create(over)
		done <- err
	}()
	eventually(t, "the copy is refused", func() bool {
		status, err := ld.follower.Status(t.Context())
		must(t, err)
		return len(status) == 1 && strings.Contains(status[0].LastError, "nothing was replaced")
	})
	if !ld.has("mine") || ld.has("theirs") {
		t.Error("it was replaced all the same")
	}
	must(t, os.Remove(ld.conflicts()))
	if err := <-done; err != nil && !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	ld.reaches(ny)
	if got := strings.Join(ld.kept(), " "); got != "mine" {
		t.Errorf("the file has %q", got)
	}
}
