package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func eager(t *testing.T, d *testkit.DataCenter, r client.Request) error {
	t.Helper()
	r.Timeout = 20 * time.Second
	_, err := d.Do(r)
	return err
}

func putGroup(name string) client.Request {
	return client.Request{Method: http.MethodPut, Path: client.Path("v1", "groups", name), In: wire.Group{Name: name}}
}

// refusedSoon waits until a master has noticed that too few answer, and writes no more.
func refusedSoon(t *testing.T, d *testkit.DataCenter, name string) {
	t.Helper()
	d.Within(testkit.Limit, "refuses changes", func() bool {
		switch code := fault.CodeOf(eager(t, d, putGroup(name))); code {
		case "no_majority":
			return true
		case client.CodeNotConfirmed:
			return false // it did not know yet
		default:
			t.Fatalf("a change in a minority: %q", code)
			return false
		}
	})
}

// TestWriteRequiresMajority: three data centers with write_requires = "majority". With two of them changes go on, alone the
// master acknowledges none; the third, alone and promoted by force, acknowledges none either; when all are back the history
// of the majority wins, and it has all that was acknowledged (FLT-17, G-08). Meanwhile people sign in.
func TestWriteRequiresMajority(t *testing.T) {
	t.Parallel()
	dc := testkit.Start(t, "NYDC", "LDC", "PDC")
	ny, ld, pd := dc[0], dc[1], dc[2]
	testkit.Link(ny, ld, pd)
	for i, d := range dc {
		role := "clone"
		if i == 0 {
			role = "master"
		}
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: role, WriteRequires: "majority"})
	}
	ny.User("alice")
	portal := ny.Application("portal", "https://portal.example.com")
	testkit.InStep(dc...)
	pd.Stop()
	var before wire.ReplicationStatus
	if ny.Get("/v1/replication/status", &before); before.Majority != "reached" {
		t.Errorf("status with two of three: %+v", before)
	}
	two := []wire.BatchOperation{{Method: http.MethodPut, Kind: "group", Name: "two-1", Body: []byte(`{"name":"two-1"}`)},
		{Method: http.MethodPut, Kind: "group", Name: "two-2", Body: []byte(`{"name":"two-2"}`)}}
	if err := eager(t, ny, client.Request{Method: http.MethodPost, Path: "/v1/batch", In: wire.Batch{Operations: two}}); err != nil {
		t.Fatalf("with two of three: %v", err)
	}
	ld.Stop()
	refusedSoon(t, ny, "alone")
	var st wire.ReplicationStatus
	if ny.Get("/v1/replication/status", &st); st.Majority != "lost" || st.Healthy || !strings.Contains(st.Reason, "LDC, PDC") {
		t.Errorf("status of a master alone: %+v", st)
	}
	ny.Get("/v1/ready", nil)
	var v wire.Validation
	if ny.Get("/v1/validate", &v); !slices.ContainsFunc(v.Findings, func(f wire.Finding) bool { return f.Code == "no_majority" }) {
		t.Errorf("validation of a master alone: %+v", v)
	}
	if v := testkit.NewBrowser(t, ny).Open(portal, "alice", testkit.Password); v.User != "alice" {
		t.Errorf("a person at the lonely master: %+v", v)
	}
	if err := eager(t, ny, client.Request{Method: http.MethodPut, Path: "/v1/locks/group/two-1", In: wire.LockRequest{Owner: "x"}}); err != nil {
		t.Errorf("a lock is local: %v", err)
	}
	ny.Stop()
	pd.Start()
	mustPromote(t, pd, wire.MastershipChange{Force: true})
	refusedSoon(t, pd, "minority")
	ld.Start()
	ny.Start()
	isMaster(ny, ld, pd)
	if err := group(t.Context(), ny.Admin(), "healed"); err != nil {
		t.Errorf("after the healing: %v", err)
	}
	isMaster(ny, ld, pd)
	for _, d := range dc {
		has := groups(t, d)
		if !has["two-1"] || !has["two-2"] || !has["healed"] || has["minority"] {
			t.Errorf("%s has %v", d.ClusterID, has)
		}
	}
}
