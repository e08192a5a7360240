package cli_test

import (
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// FLT-23: the keys of cookies are listed, rotated and revoked from the command line, in tables that a terminal has room for; a clone
// names its master.
func TestCookieKeys(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	testkit.Link(ny, ld)
	testkit.InStep(ny, ld)
	master := map[string]string{"CONCORD_ENDPOINT": ny.Endpoint, "CONCORD_TOKEN": ny.Token, "CONCORD_CACERT": writeFile(t, ny.CACertPEM)}
	clone := map[string]string{"CONCORD_ENDPOINT": ld.Endpoint, "CONCORD_TOKEN": ld.Token, "CONCORD_CACERT": writeFile(t, ld.CACertPEM)}
	expect(t, master, cli.ExitFine, []string{"sign-in", "inactivity", "active", "LDC"}, "session", "keys", "list")
	expect(t, master, cli.ExitFine, []string{"retired", "active"}, "session", "keys", "rotate", "--purpose", "agent", "--force")
	expect(t, master, cli.ExitFine, []string{`"state": "revoked"`, `"missing": []`}, "session", "keys", "revoke", "--purpose", "agent", "-o", "json")
	expect(t, master, cli.ExitFailed, []string{"/purpose"}, "session", "keys", "rotate", "--purpose", "nonsense")
	expect(t, master, cli.ExitUsage, []string{"--all"}, "session", "keys", "revoke")
	expect(t, clone, cli.ExitFailed, []string{ny.Endpoint}, "session", "keys", "list")
	_, out, _ := run(master, "session", "keys", "list")
	for _, line := range strings.Split(out, "\n") {
		if len(line) > 80 {
			t.Errorf("a line of %d columns: %q", len(line), line)
		}
	}
}
