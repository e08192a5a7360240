package app_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// everything reads the audit of a data center, by object or session.
func everything(t *testing.T, d *testkit.DataCenter, query string) map[string]wire.AuditEvent {
	t.Helper()
	all, err := client.All[wire.AuditEvent](t.Context(), d.Admin(), "/v1/audit-events", map[string][]string{"limit": {"1000"}, "action": {query}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]wire.AuditEvent{}
	for _, e := range all {
		out[e.Kind+"/"+e.Name] = e
	}
	return out
}

// TestNoActWithoutItsRecordAfterAKill: kill -9 under administrators who create objects and people who sign in: whatever there
// is afterwards has its record, and whatever has a record is there (SEC-75, FLT-01).
func TestNoActWithoutItsRecordAfterAKill(t *testing.T) {
	d := testkit.StartProcesses(t, program(t), "NYDC")[0]
	d.User("ann")
	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		api := d.Admin()
		var reached sync.WaitGroup
		reached.Add(4)
		for w := range 4 {
			wait.Go(func() {
				once := sync.OnceFunc(reached.Done)
				defer once()
				for n := 0; ctx.Err() == nil; n++ {
					name := fmt.Sprintf("g%d-%d-%d", round, w, n)
					if _, err := api.Do(ctx, client.Request{Method: http.MethodPut, Path: "/v1/groups/" + name, In: wire.Group{Name: name}}); err != nil {
						return
					}
					if w == 0 {
						testkit.NewBrowser(t, &d.DataCenter).SignIn(&d.DataCenter, "ann")
					}
					if n == 20 || w == 0 && n == 3 {
						once()
					}
					if w == 0 && n == 3 { // a sign-in that is cut off would fail the test
						return
					}
				}
			})
		}
		reached.Wait()
		d.Kill()
		stop()
		wait.Wait()
		d.Start()
		puts, signIns := everything(t, &d.DataCenter, "put"), everything(t, &d.DataCenter, "sign_in")
		groups, err := client.All[wire.GroupView](t.Context(), d.Admin(), "/v1/groups", nil)
		if err != nil || len(groups) < 60 {
			t.Fatalf("%d groups: %v", len(groups), err)
		}
		for _, g := range groups {
			if e := puts["group/"+g.Name]; e.Actor != "token:bootstrap" || e.RequestID == "" {
				t.Errorf("the group %s is there, its record is %+v", g.Name, e)
			}
			delete(puts, "group/"+g.Name)
		}
		for object := range puts {
			if strings.HasPrefix(object, "group/") {
				t.Errorf("%s has a record and is not there", object)
			}
		}
		sessions := d.Sessions("ann")
		if len(sessions) < 4 {
			t.Errorf("%d sessions", len(sessions))
		}
		for _, s := range sessions {
			if e := signIns["session/"+s.ID]; e.User != "ann" || e.SSOID != s.SSOID {
				t.Errorf("the session %s is there, its record is %+v", s.ID, e)
			}
		}
	}
}

// TestTheAuditOfAStoppedNode is verified from its files, and the first record that was changed is named; a chain of acts that was
// changed keeps the node from starting (SEC-75).
func TestTheAuditOfAStoppedNode(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.User("ann")
	testkit.NewBrowser(t, d).SignIn(d, "ann")
	d.Stop()
	n := config.Defaults()
	n.ClusterID, n.NodeName, n.DataDir = "NYDC", "nydc1", d.DataDir
	v, err := app.VerifyAudit(t.Context(), n, app.Options{})
	if err != nil || v.Result != wire.ResultPass || len(v.Chains) != 2 || v.Chains[0].Records == 0 || v.Chains[1].Records == 0 || v.Chains[1].LastHash == "" {
		t.Fatalf("%+v %v", v, err)
	}
	s, err := badger.Open(badger.Config{Dir: filepath.Join(d.DataDir, "sessions"), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Writer) error {
		key := []byte("l/e/\x00\x00\x00\x00\x00\x00\x00\x01")
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Put(key, []byte(strings.Replace(string(v), "ann", "bob", 1)), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	v, err = app.VerifyAudit(t.Context(), n, app.Options{})
	if err != nil || v.Result != wire.ResultFail || v.Chains[1].BrokenAt != 1 || v.Chains[0].Result != wire.ResultPass {
		t.Errorf("%+v %v", v, err)
	}
	n.DataDir = t.TempDir()
	if _, err := app.VerifyAudit(t.Context(), n, app.Options{}); err == nil || !strings.Contains(err.Error(), "no data of a node") {
		t.Errorf("without data: %v", err)
	}
}
