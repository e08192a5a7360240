package app_test

import (
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestOverwriteKeepsAFile: over the wire, a data center that becomes a clone keeps what its first copy replaces, the answer to
// the agreement's creation names the file, and the master applies it anew (MSS-03).
func TestOverwriteKeepsAFile(t *testing.T) {
	t.Parallel()
	dc := testkit.Start(t, "NYDC", "LDC")
	ny, ld := dc[0], dc[1]
	ld.Put("/v1/groups/mine", wire.Group{Name: "mine", Description: "made in LDC"})
	ny.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master"})
	ld.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})
	for _, d := range dc {
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	}
	ny.Trusts(ld)
	ld.Trusts(ny)
	var v wire.AgreementView
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/replication/agreements", Out: &v,
		In: wire.Agreement{Name: "a", Source: "NYDC", Target: "LDC", Overwrite: true}}); err != nil {
		t.Fatal(err)
	}
	var page wire.Page[wire.Conflict]
	ny.Get("/v1/replication/conflicts?cluster_id=LDC", &page)
	if len(page.Items) != 1 || page.Items[0].ID != v.KeptConflict || page.Items[0].Reason != wire.ConflictOverwritten || page.Items[0].Records != 1 {
		t.Fatalf("the answer names %q, the files are %+v", v.KeptConflict, page.Items)
	}
	var file wire.ConflictView
	at := client.Path("v1", "replication", "conflicts", v.KeptConflict)
	ny.Get(at+"?cluster_id=LDC", &file)
	reapply := func(digest string) error {
		_, err := ny.Do(client.Request{Method: http.MethodPost, Path: at + "/reapply", In: wire.Reapply{Sequence: 1, ClusterID: "LDC", Digest: digest}})
		return err
	}
	// SEC-61: what another data center keeps is written as it was shown, or not at all.
	if err := reapply(""); fault.CodeOf(err) != "invalid_input" {
		t.Errorf("without a digest: %v", err)
	}
	if err := reapply("AAAAAAAAAAAAAAAAAAAAAA"); fault.CodeOf(err) != "another_change" {
		t.Errorf("with another digest: %v", err)
	}
	if err := reapply(file.Changes[0].Digest); err != nil {
		t.Fatal(err)
	}
	isMaster(ny, ld)
	var g wire.GroupView
	if ld.Get("/v1/groups/mine", &g); g.Description != "made in LDC" {
		t.Errorf("applied anew: %+v", g)
	}
}
