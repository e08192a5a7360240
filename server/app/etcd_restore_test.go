package app_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestRestoreOnEtcd goes back to a snapshot of etcd as docs/etcd.md says: a master of two nodes does not start on it by their own head records, and does by
// those that were saved before it. Its clone, which is ahead of it by then, keeps what it has and says why it follows no more; when
// it is promoted the restored data center becomes its clone and has all that was acknowledged (FLT-07, FLT-08, TAM-01).
func TestRestoreOnEtcd(t *testing.T) {
	etcdutl, err := testkit.BuildEtcdutl(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, c := program(t), members(t)
	one, clone := testkit.NewProcess(t, p, "NYDC"), testkit.NewProcess(t, p, "LDC")
	one.UseEtcd(c.Block("concord/NYDC"))
	one.Start()
	clone.Start()
	two := testkit.NewNode(t, one, "nydc2")
	two.Start()
	nodes := []*testkit.Process{one, two}
	testkit.Link(&one.DataCenter, &clone.DataCenter)
	one.Put("/v1/groups/before", wire.Group{Name: "before"})
	testkit.InStep(&one.DataCenter, &clone.DataCenter)

	saved, snapshot := map[*testkit.Process][]byte{}, filepath.Join(t.TempDir(), "etcd.backup")
	for _, n := range nodes {
		raw, err := os.ReadFile(filepath.Join(n.DataDir, "head.etcd"))
		if err != nil {
			t.Fatal(err)
		}
		saved[n] = raw
	}
	saveSnapshot(t, c, snapshot)
	for _, n := range nodes { // so that either node's head record is ahead of it
		n.Put("/v1/groups/"+n.View().NodeName, wire.Group{Name: n.View().NodeName})
	}
	testkit.InStep(&one.DataCenter, &clone.DataCenter)
	for _, n := range nodes {
		n.Signal(syscall.SIGTERM)
		if code := n.Exit(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
	}
	c.Restore(etcdutl, snapshot)
	for _, n := range nodes {
		refusesToStart(t, n, "was acknowledged", "docs/etcd.md")
	}
	for _, n := range nodes {
		if err := os.WriteFile(filepath.Join(n.DataDir, "head.etcd"), saved[n], 0o600); err != nil {
			t.Fatal(err)
		}
		n.Start()
	}
	one.Put("/v1/groups/after", wire.Group{Name: "after"})
	clone.Within(testkit.Limit, "the clone says that its master went back", func() bool {
		var all wire.Page[wire.AgreementView]
		clone.Get("/v1/replication/agreements", &all)
		return len(all.Items) == 1 && all.Items[0].State == "stopped"
	})
	has := func(d *testkit.DataCenter, group string) bool {
		_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/v1/groups/" + group})
		return err == nil
	}
	if !has(&clone.DataCenter, "nydc1") || !has(&clone.DataCenter, "nydc2") || has(&one.DataCenter, "nydc1") {
		t.Error("the clone followed its master back")
	}
	mustPromote(t, &clone.DataCenter, wire.MastershipChange{Force: true})
	isMaster(&clone.DataCenter, &one.DataCenter, &two.DataCenter)
	for _, n := range nodes {
		if !has(&n.DataCenter, "before") || !has(&n.DataCenter, "nydc1") || !has(&n.DataCenter, "nydc2") {
			t.Errorf("%s lacks what was acknowledged before the restore", n.ConfigFile)
		}
	}
	var kept wire.Conflicts // what was written after the restore, and nobody else has
	if two.Get("/v1/replication/conflicts", &kept); len(kept.Items) != 1 || kept.Items[0].Reason != wire.ConflictOverwritten || kept.Items[0].Records != 1 {
		t.Errorf("conflict files %+v", kept)
	}
}

// saveSnapshot writes what `etcdctl snapshot save` writes.
func saveSnapshot(t *testing.T, c *testkit.Etcd, file string) {
	t.Helper()
	conn, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints()[:1], DialTimeout: testkit.Limit})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in, err := conn.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}
