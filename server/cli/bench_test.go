package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/cli"
	"github.com/concord-access/terraform-provider-concord/server/machine"
)

// TestBench measures a machine as an operator does before a node runs there, and leaves nothing behind.
func TestBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, out, errs := run(nil, "bench", "--dir", dir, "--for", "50ms", "-o", "json")
	if code != cli.ExitFine && code != cli.ExitCheck { // a machine under test may be short of something
		t.Fatalf("exit %d: %s", code, errs)
	}
	var in struct{ Readings []machine.Reading }
	if err := json.Unmarshal([]byte(out), &in); err != nil {
		t.Fatal(err)
	}
	short := 0
	for _, r := range in.Readings {
		if r.Value <= 0 || r.Needs <= 0 || r.Means == "" || r.OK != (r.Unit == "ms" && r.Value <= r.Needs || r.Unit == "/s" && r.Value >= r.Needs) {
			t.Errorf("reading %+v", r)
		}
		if !r.OK {
			short++
		}
	}
	if len(in.Readings) < 7 || (short > 0) != (code == cli.ExitCheck) {
		t.Errorf("%d readings, %d short, exit %d", len(in.Readings), short, code)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		exit int
		want string
	}{
		"no such directory": {[]string{"--dir", filepath.Join(t.TempDir(), "none")}, cli.ExitFailed, "does not exist; make the directory first"},
		"too short":         {[]string{"--for", "1ms"}, cli.ExitUsage, "not within 50ms and 1m0s"},
		"two places":        {[]string{"--dir", ".", "--config", "x.hcl"}, cli.ExitUsage, "not both"},
		"no such form":      {[]string{"-o", "xml"}, cli.ExitUsage, "table or json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := run(nil, append([]string{"bench"}, c.args...)...)
			if code != c.exit || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d, %q; want %d and %q", code, errs, c.exit, c.want)
			}
		})
	}
}
