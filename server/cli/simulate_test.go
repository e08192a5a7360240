package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// TestSimulate asks real data centers what a fault would do, for people and for programs; the exit code says whether somebody would
// meet what the caller does not want.
func TestSimulate(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d := both[0]
	testkit.Link(d, both[1])
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	going, deny, wrong := write("going.json", `{"continue_on_sync_failure":true}`), write("deny.json", `{"max_sessions_per_user":1,"max_sessions_when_partitioned":"deny"}`), write("wrong.json", `{"continue":true}`)
	env := map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": write("ca.pem", d.CACertPEM)}
	for name, c := range map[string]struct {
		args []string
		exit int
		want string
	}{
		"a data center":          {[]string{"--data-center", "LDC"}, cli.ExitFine, "challenge_unreachable"},
		"the master":             {[]string{"--data-center", "NYDC"}, cli.ExitFine, "by force"},
		"somebody is challenged": {[]string{"--data-center", "LDC", "--fail-on", "challenged"}, cli.ExitCheck, "people would be challenged in 1 of 2 cases"},
		"nobody is refused":      {[]string{"--data-center", "LDC", "--fail-on", "refused"}, cli.ExitFine, "OAM-31"},
		"somebody is refused":    {[]string{"--link", "NYDC,LDC", "--fail-on", "challenged", "--session-policy", deny}, cli.ExitCheck, "people would be challenged in 2 of 4 cases"},
		"another policy":         {[]string{"--partner", "LDC", "--fail-on", "challenged", "--session-policy", going}, cli.ExitFine, "adopted_alone"},
		"in JSON":                {[]string{"--data-center", "LDC", "-o", "json", "--fail-on", "challenged"}, cli.ExitCheck, `"rule": "challenge_unreachable"`},
		"a wrong policy":         {[]string{"--partner", "LDC", "--session-policy", wrong}, cli.ExitFailed, "continue"},
		"no such user":           {[]string{"--partner", "LDC", "--user", "eve"}, cli.ExitFailed, "no user of the local identity store"},
		"no such data center":    {[]string{"--data-center", "XDC"}, cli.ExitFailed, "registered partner"},
		"nothing fails":          {nil, cli.ExitUsage, "one of --data-center, --partner and --link"},
		"two things fail":        {[]string{"--data-center", "LDC", "--partner", "LDC"}, cli.ExitUsage, "one of"},
		"half a link":            {[]string{"--link", "LDC,"}, cli.ExitUsage, "NYDC,LDC"},
		"no outcome":             {[]string{"--data-center", "LDC", "--fail-on", "served"}, cli.ExitUsage, "challenged, refused"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			exit := cli.Main(append([]string{"simulate"}, c.args...), &out, &errs, func(key string) string { return env[key] })
			if exit != c.exit || !strings.Contains(out.String()+errs.String(), c.want) {
				t.Errorf("exit %d, want %d with %q:\n%s%s", exit, c.exit, c.want, out.String(), errs.String())
			}
			var v wire.Simulation
			if name == "in JSON" && (json.Unmarshal([]byte(out.String()), &v) != nil || len(v.People) != 2) {
				t.Errorf("no simulation: %s", out.String())
			}
			for line := range strings.Lines(out.String()) {
				if name != "in JSON" && utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
					t.Errorf("wider than 80 columns: %s", line)
				}
			}
		})
	}
}
