package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func promote(d *testkit.DataCenter, in wire.MastershipChange) (out wire.MastershipOutcome, err error) {
	_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: in, Out: &out, Timeout: 90 * time.Second})
	return out, err
}

func mustPromote(t *testing.T, d *testkit.DataCenter, in wire.MastershipChange) wire.MastershipOutcome {
	t.Helper()
	out, err := promote(d, in)
	if err != nil {
		t.Fatalf("promote %s: %v", d.ClusterID, err)
	}
	return out
}

func group(ctx context.Context, c *client.Client, name string) error {
	_, err := c.Do(ctx, client.Request{Method: http.MethodPut, Path: client.Path("v1", "groups", name), In: wire.Group{Name: name}})
	return err
}

// storm write at every data center at once until stop is called, which gives the names that were acknowledged and by whom.
func storm(t *testing.T, centers []*testkit.DataCenter) (stop func() map[string]string) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex // guards acknowledged
	acknowledged := map[string]string{}
	var busy sync.WaitGroup
	for i, d := range centers {
		admin := d.Admin()
		busy.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("w%d-%d", i, n)
				if group(ctx, admin, name) == nil {
					mu.Lock()
					acknowledged[name] = d.ClusterID
					mu.Unlock()
				}
			}
		})
	}
	return func() map[string]string {
		cancel()
		busy.Wait()
		return acknowledged
	}
}

func groups(t *testing.T, d *testkit.DataCenter) map[string]bool {
	t.Helper()
	all, err := client.All[wire.GroupView](t.Context(), d.Admin(), "/v1/groups", url.Values{"limit": {"1000"}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, g := range all {
		out[g.Name] = true
	}
	return out
}

func isMaster(master *testkit.DataCenter, clones ...*testkit.DataCenter) {
	for _, c := range clones {
		c.Within(testkit.Limit, "is a clone of "+master.ClusterID, func() bool {
			var page wire.Page[wire.AgreementView]
			c.Get("/v1/replication/agreements", &page)
			return c.View().Role == "clone" && len(page.Items) == 1 && page.Items[0].Source == master.ClusterID && page.Items[0].State == "ready"
		})
	}
	testkit.InStep(append([]*testkit.DataCenter{master}, clones...)...)
}

// TestPromotionsUnderLoad: ten promotions in a row while both data centers are written to. Nothing that was acknowledged is
// lost, both have one digest, and the people's sessions go on (FLT-19, G-13, G-08).
func TestPromotionsUnderLoad(t *testing.T) {
	t.Parallel()
	dc := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dc[0], dc[1])
	dc[0].User("alice")
	portal := dc[0].Application("portal", "https://portal.example.com")
	dc[1].Follows(dc[0])
	browser := testkit.NewBrowser(t, dc...)
	if v := browser.Open(portal, "alice", testkit.Password); v.User != "alice" {
		t.Fatalf("first visit %+v", v)
	}
	stop := storm(t, dc)
	for i := range 10 {
		out := mustPromote(t, dc[(i+1)%2], wire.MastershipChange{})
		if !out.Changed || out.Forced || out.Lost != nil || out.MayBeLost || out.Epoch != uint64(i+2) {
			t.Errorf("promotion %d: %+v", i, out)
		}
	}
	acknowledged := stop()
	isMaster(dc[0], dc[1])
	has := groups(t, dc[0])
	for name, by := range acknowledged {
		if !has[name] {
			t.Errorf("%s was acknowledged by %s and is lost", name, by)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nobody could write")
	}
	t.Logf("%d changes were acknowledged", len(acknowledged))
	if v := browser.Open(portal, "", ""); v.User != "alice" || v.Asked {
		t.Errorf("alice's session did not survive: %+v", v)
	}
	for _, d := range dc {
		var page wire.Page[wire.Conflict]
		d.Get("/v1/replication/conflicts", &page)
		if len(page.Items) > 0 {
			t.Errorf("%s keeps conflicts: %+v", d.ClusterID, page.Items)
		}
	}
}

// TestForcedPromotion: the master is down and LDC takes over by force; the master that returns is fenced, keeps its unsent
// changes, becomes a clone, and the new master's administrator applies one of them anew (SEC-50, FLT-17, FLT-18).
func TestForcedPromotion(t *testing.T) {
	t.Parallel()
	dc := testkit.Start(t, "NYDC", "LDC")
	ny, ld := dc[0], dc[1]
	testkit.Link(ny, ld)
	ld.Follows(ny)
	ld.Stop()
	ny.User("bob")
	ny.Put("/v1/groups/tail", wire.Group{Name: "tail"})
	ny.Stop()
	ld.Start()
	_, err := promote(ld, wire.MastershipChange{})
	if fault.CodeOf(err) != "master_unreachable" || !strings.Contains(err.Error(), "force") {
		t.Fatalf("promoting without the master: %v", err)
	}
	out := mustPromote(t, ld, wire.MastershipChange{Force: true})
	if !out.Forced || !out.MayBeLost || out.Master != "LDC" || out.FormerMaster != "NYDC" {
		t.Errorf("outcome %+v", out)
	}
	ld.Put("/v1/groups/after", wire.Group{Name: "after"})
	ny.Start()
	if err := group(t.Context(), ny.Admin(), "late"); fault.CodeOf(err) != "fenced" && fault.CodeOf(err) != "not_master" {
		t.Errorf("the first change of the returned master: %v", err)
	}
	isMaster(ld, ny)
	if has := groups(t, ny); !has["after"] || has["tail"] || has["late"] {
		t.Errorf("the returned master has %v", has)
	}
	var page wire.Page[wire.Conflict]
	ld.Get("/v1/replication/conflicts?cluster_id=NYDC", &page)
	if len(page.Items) != 1 || page.Items[0].Records != 2 || !page.Items[0].Complete || page.Items[0].ClusterID != "NYDC" {
		t.Fatalf("conflicts %+v", page.Items)
	}
	path := client.Path("v1", "replication", "conflicts", page.Items[0].ID)
	var file wire.ConflictView
	res := ld.Get(path+"?cluster_id=NYDC", &file)
	if len(file.Changes) != 2 || file.Changes[0].Name != "bob" || file.Changes[1].Name != "tail" {
		t.Fatalf("file %+v", file)
	}
	if strings.Contains(string(file.Changes[0].Object), "hash") {
		t.Errorf("a conflict shows a secret: %s (%s)", file.Changes[0].Object, res.ETag)
	}
	again := client.Request{Method: http.MethodPost, Path: path + "/reapply", In: wire.Reapply{Sequence: file.Changes[0].Sequence, ClusterID: "NYDC", Digest: file.Changes[0].Digest}}
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: path + "/reapply", In: wire.Reapply{Sequence: file.Changes[0].Sequence}}); fault.CodeOf(err) != "not_master" {
		t.Errorf("reapplying at the clone: %v", err)
	}
	if _, err := ld.Do(again); err != nil {
		t.Fatalf("reapply: %v", err)
	}
	isMaster(ld, ny)
	portal := ld.Application("portal", "https://portal.example.com")
	if v := testkit.NewBrowser(t, dc...).Open(portal, "bob", testkit.Password); v.User != "bob" {
		t.Errorf("bob, applied anew, cannot sign in: %+v", v)
	}
}

// TestStoppedMaster: a master whose process stood still while LDC was promoted acknowledges nothing when it goes on (FLT-31).
func TestStoppedMaster(t *testing.T) {
	t.Parallel()
	program, err := testkit.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := testkit.StartProcesses(t, program, "NYDC", "LDC")
	ny, ld := &p[0].DataCenter, &p[1].DataCenter
	testkit.Link(ny, ld)
	ld.Follows(ny)
	admin := ny.Admin()
	if err := group(t.Context(), admin, "before"); err != nil {
		t.Fatal(err)
	}
	ld.Follows(ny)
	p[0].Signal(syscall.SIGSTOP)
	mustPromote(t, ld, wire.MastershipChange{Force: true})
	ld.Put("/v1/groups/after", wire.Group{Name: "after"})
	stopped := time.NewTimer(6 * time.Second) // longer than the five seconds after which it must ask
	<-stopped.C
	p[0].Signal(syscall.SIGCONT)
	if err := group(t.Context(), admin, "late"); fault.CodeOf(err) != "fenced" && fault.CodeOf(err) != "not_master" {
		t.Errorf("the first change after the stop: %v", err)
	}
	isMaster(ld, ny)
	if has := groups(t, ny); !has["before"] || !has["after"] || has["late"] {
		t.Errorf("the stopped master has %v", has)
	}
}
