package app_test

import (
	"path/filepath"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestRestoredMasterKeepsItsOwn: a master that went back to a backup writes on; its clone, which has more of it, is promoted. What the restored one
// wrote lies before the place where the two part, and is in a conflict file all the same; what both have is not (FLT-08, SEC-50).
func TestRestoredMasterKeepsItsOwn(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	master, clone := dcs[0], dcs[1]
	testkit.Link(master, clone)
	master.Put("/v1/groups/before", wire.Group{Name: "before"})
	testkit.InStep(dcs...)
	backup := filepath.Join(t.TempDir(), "backup")
	master.Stop()
	copied(t, master.DataDir, backup)
	master.Start()
	master.Put("/v1/groups/one", wire.Group{Name: "one"})
	master.Put("/v1/groups/two", wire.Group{Name: "two"})
	testkit.InStep(dcs...)
	master.Stop()
	copied(t, backup, master.DataDir)
	master.Start()
	master.Put("/v1/groups/after", wire.Group{Name: "after"})
	mustPromote(t, clone, wire.MastershipChange{Force: true})
	isMaster(clone, master)
	if has := groups(t, master); !has["before"] || !has["one"] || !has["two"] || has["after"] {
		t.Errorf("the restored data center has %v", has)
	}
	var kept wire.Conflicts
	if master.Get("/v1/replication/conflicts", &kept); len(kept.Items) != 1 || kept.Items[0].Reason != wire.ConflictOverwritten || kept.Items[0].Records != 1 {
		t.Fatalf("conflict files %+v", kept)
	}
	var shown wire.ConflictView
	if master.Get("/v1/replication/conflicts/"+kept.Items[0].ID, &shown); len(shown.Changes) != 1 || shown.Changes[0].Name != "after" {
		t.Errorf("the file has %+v", shown.Changes)
	}
}
