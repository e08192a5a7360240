package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// The verbs of a failover, against two linked data centers: planned there and back, refused and forced without the master, and
// the lost changes listed, shown and applied anew (OAM-L1, SEC-50, FLT-18).
func TestFailoverVerbs(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	testkit.InStep(ny, ld)
	dir := t.TempDir()
	check := func(d *testkit.DataCenter, code int, want string, args ...string) string {
		t.Helper()
		ca := filepath.Join(dir, d.ClusterID+".pem")
		if err := os.WriteFile(ca, []byte(d.CACertPEM), 0o600); err != nil {
			t.Fatal(err)
		}
		got, out, errs := run(map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": ca}, args...)
		if got != code || !strings.Contains(out+errs, want) {
			t.Errorf("%v: exit %d, want %d with %q: %s%s", args, got, code, want, out, errs)
		}
		return out
	}
	check(ld, cli.ExitUsage, "--wait", "promote", "--wait", "0s")
	check(ld, cli.ExitUsage, "unknown flag", "promote", "--to", "NYDC")
	check(ld, cli.ExitFine, "nothing", "promote")
	if out := check(ld, cli.ExitFine, "nothing", "promote"); !strings.Contains(out, "2      -              no") {
		t.Errorf("a promotion that changes nothing: %s", out)
	}
	ny.Follows(ld)
	check(ld, cli.ExitFine, `"master": "NYDC"`, "demote", "--to", "nydc", "-o", "json")
	testkit.InStep(ny, ld)
	ld.Stop()
	ny.Put("/v1/groups/tail", wire.Group{Name: "tail"})
	ny.Stop()
	ld.Start()
	check(ld, cli.ExitFailed, "--force", "promote")
	check(ld, cli.ExitFine, "never sent", "promote", "--force")
	ny.Start()
	ny.Within(testkit.Limit, "is a clone", func() bool { return ny.View().Role == "clone" })
	testkit.InStep(ny, ld)
	var all []wire.Conflict
	if err := json.Unmarshal([]byte(check(ld, cli.ExitFine, "NYDC", "replication", "conflicts", "list", "--at", "NYDC", "-o", "json")), &all); err != nil || len(all) != 1 {
		t.Fatalf("conflicts %+v, %v", all, err)
	}
	id := all[0].ID
	check(ny, cli.ExitFine, id, "replication", "conflicts", "list")
	check(ny, cli.ExitFine, "overtaken", "replication", "conflicts", "list")
	var changes []wire.ConflictChange
	if err := json.Unmarshal([]byte(check(ld, cli.ExitFine, "tail", "replication", "conflicts", "show", id, "--at", "NYDC", "-o", "json")), &changes); err != nil || len(changes) != 1 {
		t.Fatalf("changes %+v, %v", changes, err)
	}
	check(ny, cli.ExitFine, "tail", "replication", "conflicts", "show", id)
	check(ld, cli.ExitUsage, "no sequence", "replication", "conflicts", "reapply", id, "x")
	check(ny, cli.ExitFailed, "master", "replication", "conflicts", "reapply", id, strconv.FormatUint(changes[0].Sequence, 10))
	check(ld, cli.ExitUsage, "--digest", "replication", "conflicts", "reapply", id, strconv.FormatUint(changes[0].Sequence, 10), "--at", "NYDC")
	check(ld, cli.ExitFine, changes[0].Digest, "replication", "conflicts", "show", id, "--at", "NYDC")
	check(ld, cli.ExitFine, "tail", "replication", "conflicts", "reapply", id, strconv.FormatUint(changes[0].Sequence, 10), "--at", "NYDC", "--digest", changes[0].Digest)
	check(ld, cli.ExitFailed, "--at CLUSTER-ID", "replication", "conflicts", "show", id)
	check(ld, cli.ExitFailed, "--at CLUSTER-ID", "replication", "conflicts", "reapply", id, "1")
	check(ld, cli.ExitUsage, "--endpoint", "replication", "conflicts", "remove", id, "--at", "NYDC")
	check(ny, cli.ExitFine, "", "replication", "conflicts", "remove", id)
	check(ny, cli.ExitFailed, "no conflict file", "replication", "conflicts", "remove", id)
	if out := check(ny, cli.ExitFine, "CONFLICT", "replication", "conflicts", "list"); strings.Contains(out, id) {
		t.Errorf("a removed file is still listed: %s", out)
	}
	var g wire.GroupView
	ld.Get("/v1/groups/tail", &g)
}
