package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expect runs a verb and looks for words in what it prints.
func expect(t *testing.T, env map[string]string, code int, want []string, args ...string) {
	t.Helper()
	got, out, errs := run(env, args...)
	for _, w := range want {
		if !strings.Contains(out+errs, w) {
			t.Errorf("%v: %q is not in\n%s%s", args, w, out, errs)
		}
	}
	if got != code {
		t.Errorf("%v: exit %d, want %d: %s%s", args, got, code, out, errs)
	}
}

// The operator's verbs for partners, replication and validation, against two linked data centers: tables for people, JSON
// for programs, exit 3 when the check says no (MSS-09, OAM-54).
func TestLinkedDataCenters(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	id := testkit.Link(ny, ld)[0]
	testkit.InStep(ny, ld)
	master := map[string]string{"CONCORD_ENDPOINT": ny.Endpoint, "CONCORD_TOKEN": ny.Token, "CONCORD_CACERT": writeFile(t, ny.CACertPEM)}
	atMaster := func(code int, want []string, args ...string) {
		t.Helper()
		expect(t, master, code, want, args...)
	}
	check := atMaster
	ny.Within(testkit.Limit, "LDC was asked", func() bool {
		var v wire.PartnerView
		ny.Get("/v1/partners/LDC", &v)
		return v.Reachable
	})
	check(cli.ExitFine, []string{"LDC", ld.PeerAddress}, "partner", "list")
	check(cli.ExitFine, []string{"outbound", "inbound", "resolve", "agreement", "pass"}, "partner", "test", "LDC")
	check(cli.ExitFine, []string{`"result": "pass"`}, "partner", "test", "LDC", "-o", "json")
	check(cli.ExitFailed, []string{"TDC"}, "partner", "test", "TDC")
	check(cli.ExitFine, []string{"NYDC-LDC", "ready", "equal", "0.0", "master"}, "replication", "status")
	check(cli.ExitFine, []string{id, "WAIT FOR SYNC"}, "replication", "agreements")
	check(cli.ExitFine, []string{"[]"}, "replication", "agreements", "--type", "clone", "-o", "json")
	check(cli.ExitFine, []string{"clone", "ready"}, "replication", "pull", id)
	check(cli.ExitFine, []string{"group", "EQUAL", "yes"}, "replication", "verify", id)
	check(cli.ExitFine, []string{"group", "EQUAL", "yes"}, "replication", "verify", "nydc-ldc")
	check(cli.ExitFine, []string{"clone", "ready"}, "replication", "pull", "NYDC-LDC")
	check(cli.ExitFailed, []string{`no agreement "none" here`, "NYDC-LDC", id}, "replication", "pull", "none")
	check(cli.ExitFine, []string{`"repaired": 0`}, "replication", "verify", id, "--repair", "-o", "json")
	check(cli.ExitUsage, []string{"which agreement? there is NYDC-LDC (" + id + ")"}, "replication", "verify")
	check(cli.ExitFine, []string{"nothing to complain about"}, "validate")
	check(cli.ExitFine, []string{`"findings": []`}, "validate", "--repair", "-o", "json")
	clone := map[string]string{"CONCORD_ENDPOINT": ld.Endpoint, "CONCORD_TOKEN": ld.Token, "CONCORD_CACERT": writeFile(t, ld.CACertPEM)}
	check = func(code int, want []string, args ...string) { // at the clone
		t.Helper()
		expect(t, clone, code, want, args...)
	}
	check(cli.ExitFine, []string{"MASTER CHANGED IT SINCE"}, "replication", "divergences")
	open := true
	ld.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", WriteEnabled: &open})
	ld.Put("/v1/groups/ours", wire.Group{Name: "ours"})
	check(cli.ExitCheck, []string{"ours", "put", "no", "differs from its master"}, "replication", "divergences")
	check(cli.ExitCheck, []string{`"kind": "group"`}, "replication", "divergences", "-o", "json")
	check(cli.ExitCheck, []string{"changed on LDC", "see its divergences", "differs"}, "replication", "status")
	check(cli.ExitFine, []string{"clone_diverged"}, "validate")
	check(cli.ExitFailed, []string{"as the master has it"}, "replication", "divergences", "discard", "group", "none")
	check(cli.ExitFine, nil, "replication", "divergences", "discard", "group", "ours")
	check(cli.ExitFine, []string{"MASTER CHANGED IT SINCE"}, "replication", "divergences")
	check = atMaster
	ld.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: "another", AllowManagement: true})
	check(cli.ExitCheck, []string{"wrong_agent_id", "error"}, "validate")
	check(cli.ExitCheck, []string{"identity", "fail"}, "partner", "test", "LDC")
	ld.Stop()
	check(cli.ExitCheck, []string{"partner_unreachable", "endpoint right?\n"}, "validate")
}
