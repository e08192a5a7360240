package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func divergences(t *testing.T, d *testkit.DataCenter) []wire.Divergence {
	t.Helper()
	var page wire.Page[wire.Divergence]
	d.Get("/v1/replication/divergences", &page)
	return page.Items
}

// A clone that is open for writes changes what is in force there and nothing else: the master, the copy and its digest stay as
// they are, both sides report it, the master's later change of the same object overrules it, and it ends only when it is discarded or the master
// has the same. A promotion of such a clone is refused, or keeps its changes as a file. Proves OAM-04.
func TestWriteEnabledClone(t *testing.T) {
	ny, ld, id := linked(t)
	const closed, open = `{"cluster_id":"LDC","role":"clone"}`, `{"cluster_id":"LDC","role":"clone","write_enabled":true}`
	ny.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	ny.Put("/v1/groups/guests", wire.Group{Name: "guests"})
	ny.Put("/v1/users/ada", wire.User{Name: "ada", Groups: []string{"guests"}})
	sequence, digest := testkit.InStep(ny, ld)
	admin(t, ld, http.MethodPut, "/v1/groups/staff", `{"name":"staff","description":"here"}`).refused(t, http.StatusConflict, "not_master")
	admin(t, ld, http.MethodPut, "/v1/data-center", open)

	staff := func(d *testkit.DataCenter) string {
		var g wire.GroupView
		d.Get("/v1/groups/staff", &g)
		return g.Description
	}
	tag := admin(t, ld, http.MethodGet, "/v1/groups/staff", "").header.Get("ETag")
	if a := admin(t, ld, http.MethodPut, "/v1/groups/staff", `{"name":"staff","description":"here"}`, "If-Match", tag); a.status != http.StatusOK {
		t.Fatalf("an edit: %d %s", a.status, a.body)
	}
	admin(t, ld, http.MethodPut, "/v1/groups/staff", `{"name":"staff"}`, "If-Match", tag).refused(t, http.StatusPreconditionFailed, "changed")
	admin(t, ld, http.MethodDelete, "/v1/groups/guests", "").refused(t, http.StatusConflict, "in_use")
	admin(t, ld, http.MethodPut, "/v1/users/ada", `{"name":"ada","groups":["none"]}`).refused(t, http.StatusBadRequest, "invalid_input")
	admin(t, ld, http.MethodDelete, "/v1/users/ada", "")
	admin(t, ld, http.MethodDelete, "/v1/groups/guests", "")
	if got := staff(ld); got != "here" {
		t.Errorf("in force at the clone: %q", got)
	}
	if got := staff(ny); got != "" {
		t.Errorf("at the master: %q", got)
	}
	if v := ld.View(); v.LastSequence != sequence || v.Digest != digest {
		t.Errorf("the clone's copy stands at %d %s, the master's at %d %s", v.LastSequence, v.Digest, sequence, digest)
	}

	ny.Put("/v1/groups/staff", wire.Group{Name: "staff", Description: "of New York"})
	ny.Put("/v1/groups/later", wire.Group{Name: "later"})
	testkit.InStep(ny, ld)
	if got := staff(ld); got != "of New York" {
		t.Errorf("what the master changed later does not count: %q", got)
	}
	got := divergences(t, ld)
	if len(got) != 3 || got[0].ID != "group/guests" || got[0].Operation != "delete" || got[0].MasterChanged || !got[1].MasterChanged || got[2].Kind != "user" || got[1].Actor == "" {
		t.Errorf("divergences %+v", got)
	}
	for _, d := range []*testkit.DataCenter{ny, ld} {
		d.Within(testkit.Limit, d.ClusterID+" reports the divergence", func() bool {
			var st wire.ReplicationStatus
			d.Get("/v1/replication/status", &st)
			a := st.Agreements[0]
			return !st.Healthy && !a.Healthy && a.Diverged == 3 && a.DigestEqual != nil && !*a.DigestEqual && strings.Contains(a.Reason, "different from the master's: 3 objects")
		})
	}
	var v wire.Verification
	if post(t, ny, "/v1/replication/agreements/"+id+"/verify", &v); v.Equal {
		t.Errorf("a verification does not see the edits: %+v", v)
	}
	for _, k := range v.Kinds {
		if k.Kind == "group" && (k.Equal || k.Differing != 2 || k.FirstDifference != "guests") {
			t.Errorf("verdict on groups %+v", k)
		}
	}

	admin(t, ld, http.MethodPut, "/v1/data-center", closed)
	admin(t, ld, http.MethodDelete, "/v1/groups/staff", "").refused(t, http.StatusConflict, "not_master")
	admin(t, ld, http.MethodPost, "/v1/data-center/promote", "{}").refused(t, http.StatusConflict, "diverged")
	admin(t, ld, http.MethodDelete, "/v1/replication/divergences/group/later", "").refused(t, http.StatusNotFound, "not_found")
	admin(t, ld, http.MethodDelete, "/v1/replication/divergences/user/ada", "").refused(t, http.StatusBadRequest, "invalid_input") // her group is away here
	if a := admin(t, ld, http.MethodDelete, "/v1/replication/divergences/group/staff", ""); a.status != http.StatusNoContent {
		t.Errorf("discard: %d %s", a.status, a.body)
	}
	if got := staff(ld); got != "of New York" {
		t.Errorf("after the discard: %q", got)
	}

	admin(t, ny, http.MethodDelete, "/v1/users/ada", "") // the master does the same: no divergence any more
	testkit.InStep(ny, ld)
	if got := divergences(t, ld); len(got) != 1 || got[0].ID != "group/guests" {
		t.Errorf("divergences after the master did the same: %+v", got)
	}
	if a := admin(t, ld, http.MethodPut, "/v1/locks/group/guests", `{"owner":"somebody"}`); a.status != http.StatusOK {
		t.Fatalf("lock: %d %s", a.status, a.body)
	}
	admin(t, ld, http.MethodPost, "/v1/replication/agreements/"+id+"/verify?repair=true", "").refused(t, http.StatusConflict, "locked")
	admin(t, ld, http.MethodDelete, "/v1/locks/group/guests?force=true", "")
	if post(t, ld, "/v1/replication/agreements/"+id+"/verify?repair=true", &v); !v.Equal || v.Repaired != 1 || len(divergences(t, ld)) != 0 {
		t.Errorf("after the repair: %+v", v)
	}

	admin(t, ld, http.MethodPut, "/v1/data-center", open)
	admin(t, ld, http.MethodPut, "/v1/groups/ours", `{"name":"ours"}`)
	ld.Stop()
	ld.Start()
	if got := divergences(t, ld); len(got) != 1 {
		t.Errorf("divergences after a start anew: %+v", got)
	}
	if a := admin(t, ld, http.MethodPost, "/v1/data-center/promote", `{"force":true}`); a.status != http.StatusOK {
		t.Fatalf("forced promotion: %d %s", a.status, a.body)
	}
	admin(t, ld, http.MethodGet, "/v1/groups/ours", "").refused(t, http.StatusNotFound, "not_found")
	var files wire.Page[wire.Conflict] // of the repair and of the promotion
	if ld.Get("/v1/replication/conflicts", &files); len(files.Items) != 2 || files.Items[0].Records != 1 || files.Items[1].Records != 1 || files.Items[1].Reason != wire.ConflictEdited {
		t.Fatalf("files %+v", files.Items)
	}
	if a := admin(t, ld, http.MethodPost, "/v1/replication/conflicts/"+files.Items[1].ID+"/reapply", `{"sequence":1}`); a.status != http.StatusOK {
		t.Errorf("reapply: %d %s", a.status, a.body)
	}
	testkit.InStep(ld, ny)
	ny.Get("/v1/groups/ours", &wire.GroupView{})
	at := "/v1/replication/conflicts/" + files.Items[1].ID
	if a := admin(t, ld, http.MethodDelete, at, ""); a.status != http.StatusNoContent {
		t.Errorf("removal of a conflict file: %d %s", a.status, a.body)
	}
	admin(t, ld, http.MethodDelete, at, "").refused(t, http.StatusNotFound, "not_found")
	if ld.Get("/v1/replication/conflicts", &files); len(files.Items) != 1 {
		t.Errorf("files after the removal %+v", files.Items)
	}
}
