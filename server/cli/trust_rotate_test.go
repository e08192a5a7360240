package cli_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// rotor is a data center with a partner, and how the command line reaches it.
type rotor struct {
	t      *testing.T
	ny, ld *testkit.DataCenter
	env    map[string]string
}

func newRotor(t *testing.T) *rotor {
	t.Helper()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	r := &rotor{t: t, ny: both[0], ld: both[1], env: map[string]string{"CONCORD_ENDPOINT": both[0].Endpoint, "CONCORD_TOKEN": both[0].Token, "CONCORD_CACERT": filepath.Join(t.TempDir(), "ca.pem")}}
	r.give()
	r.acknowledged()
	return r
}

// give puts the present ca.pem where the command line looks.
func (r *rotor) give() {
	r.t.Helper()
	if err := os.WriteFile(r.env["CONCORD_CACERT"], []byte(r.ny.Fresh().CACertPEM), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotor) acknowledged() {
	r.t.Helper()
	r.ny.Within(testkit.Limit, "LDC has the bundle", func() bool { return len(r.ny.Rotation().WaitingFor) == 0 })
}

// wants runs a verb of concord trust, and looks at its exit code and that each of the texts is in what it writes.
func (r *rotor) wants(code int, args string, texts ...string) (out string) {
	r.t.Helper()
	got, out, errs := run(r.env, append([]string{"trust"}, strings.Fields(args)...)...)
	all := strings.Join(strings.Fields(out+errs), " ")
	if got != code || slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) }) {
		r.t.Errorf("%s: exit %d, want %d with %q:\n%s%s", args, got, code, texts, out, errs)
	}
	return out
}

// TestRotateByHand: FLT-21. The tables and JSON of a rotation made a step at a time, with the refusals in between and their exit codes:
// 1 for a step that is refused, 2 for a command line that makes no sense, 3 for a step that did not become ready.
func TestRotateByHand(t *testing.T) {
	t.Parallel()
	r := newRotor(t)
	first := r.ny.Rotation().Roots[0].FingerprintSHA256
	table := r.wants(cli.ExitFine, "bundle", "DATA CENTER SEQUENCE PHASE NEXT STEP READY NYDC 1 stable publish yes",
		first[:16]+" issuing "+r.ny.Rotation().Roots[0].ExpiresAt.Format("2006-01-02"), "PARTNER HAS SEQUENCE CURRENT LDC 1 yes")
	for line := range strings.Lines(table) {
		if len(line) > 81 {
			t.Errorf("wider than a terminal of 80 columns: %q", line)
		}
	}
	r.wants(cli.ExitUsage, "rotate --all --force", "each step waits")
	r.wants(cli.ExitUsage, "rotate --all --step switch", "each step waits")
	r.wants(cli.ExitUsage, "rotate now", "now")
	r.wants(cli.ExitUsage, "bundle now", "now")
	r.wants(cli.ExitFailed, "rotate --step leap", "publish, switch, retire or cancel")
	r.wants(cli.ExitFailed, "rotate --step retire", "in phase stable; the next step is publish")
	r.wants(cli.ExitFine, "rotate", "DATA CENTER STEP PHASE SEQUENCE CUT OFF CERTIFICATES ENDED NYDC publish published 2 nobody 0")
	r.wants(cli.ExitFine, "bundle", " next ", " issuing ")
	r.wants(cli.ExitFine, "rotate --step cancel", "NYDC cancel stable 3 nobody 0")
	r.acknowledged()
	r.ld.Stop()
	r.wants(cli.ExitFine, "rotate --step publish", "NYDC publish published 4")
	r.wants(cli.ExitFine, "bundle", "NYDC 4 published switch no", "LDC 3 no")
	r.wants(cli.ExitFailed, "rotate", "sequence 4: LDC")
	r.wants(cli.ExitCheck, "rotate --wait 1ms", "switch is not ready: no bundle yet at LDC")
	r.wants(cli.ExitCheck, "rotate --all --wait 1ms", "no bundle yet at LDC")
	r.wants(cli.ExitFine, "rotate --force", "NYDC switch switched 4 LDC 0")
	var v wire.TrustBundle
	if err := json.Unmarshal([]byte(r.wants(cli.ExitFine, "bundle -o json")), &v); err != nil || v.ID != "NYDC" || v.Rotation.Phase != "switched" || v.Rotation.Ready ||
		len(v.Rotation.Roots) != 2 || v.Rotation.Roots[0].Status != wire.RootFormer || v.Rotation.Roots[0].FingerprintSHA256 != first || !slices.Equal(v.Rotation.WaitingFor, []string{"LDC"}) {
		t.Errorf("bundle: %+v, %v", v, err)
	}
	r.ld.Start()
	r.wants(cli.ExitFine, "rotate --wait 30s", "NYDC retire stable 5 nobody 0")
	r.wants(cli.ExitFailed, "bundle", "no root in "+r.env["CONCORD_CACERT"]+" issued it")
	r.give()
	r.wants(cli.ExitFine, "bundle", "NYDC 5 stable publish yes")
}

// TestRotateAll: FLT-21. One command replaces the root while a partner follows; it waits for what keeps it from its end, which another
// look names, and goes on by itself. The ca.pem of before is enough for it until it is done.
func TestRotateAll(t *testing.T) {
	t.Parallel()
	r := newRotor(t)
	held := r.ny.Certify("agent", "portal", "1h")
	done := make(chan string)
	go func() { done <- r.wants(cli.ExitFine, "rotate --all --wait 2m -o json") }()
	r.ny.Within(time.Minute, "the root is switched", func() bool { return r.ny.Rotation().Phase == "switched" })
	r.acknowledged()
	r.wants(cli.ExitCheck, "rotate --wait 1ms", "retire is not ready: 1 certificates under the former root, until ")
	r.wants(cli.ExitFailed, "rotate", "1 certificates under the former root are still good")
	r.ny.Revoke(held)
	var steps []string
	for d := json.NewDecoder(strings.NewReader(<-done)); ; {
		var v wire.RotateOutcome
		if err := d.Decode(&v); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		steps = append(steps, v.Step+" "+v.Bundle.Rotation.Phase)
	}
	if !slices.Equal(steps, []string{"publish published", "switch switched", "retire stable"}) {
		t.Errorf("made %q", steps)
	}
	r.give()
	r.acknowledged()
	r.wants(cli.ExitFine, "rotate --all --wait 2m", "NYDC publish published 4 nobody 0", "NYDC switch switched 4 nobody 0", "NYDC retire stable 5 nobody 0")
	testkit.InStep(r.ny.Fresh(), r.ld)
}
