package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// migrate runs concord store migrate.
func migrate(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(program, append([]string{"store", "migrate"}, args...)...).CombinedOutput() //nolint:gosec // a program that the test built
	return string(out), err
}

// TestMigrateStore moves a data center with a signed-in person from Badger to etcd and back: nobody has to sign in again, the
// configuration is the same to its digest, and the source stays. What is running, holds data or was moved is refused (FLT-07).
func TestMigrateStore(t *testing.T) {
	p := program(t)
	c := members(t)
	d := testkit.NewProcess(t, p, "NYDC")
	d.Start()
	d.User("ann")
	application := d.Application("portal", d.RuntimeURL)
	b := testkit.NewBrowser(t, &d.DataCenter)
	if seen := b.Open(application, "ann", testkit.Password); seen.User != "ann" {
		t.Fatalf("sign-in: %+v", seen)
	}
	onBadger := filepath.Join(t.TempDir(), "badger.hcl")
	copyFile(t, d.ConfigFile, onBadger)
	if out, err := migrate(t, p, "--from", onBadger, "--to", onBadger); err == nil || !strings.Contains(out, "same store") {
		t.Errorf("onto itself = %v: %s", err, out)
	}
	before := d.View()
	d.Stop()
	d.Kill()
	d.UseEtcd(c.Block("concord/NYDC"))

	moves := []struct{ name, from, to string }{{"to etcd", "badger:" + d.DataDir, d.ConfigFile}, {"back to badger", d.ConfigFile, onBadger}}
	for i, m := range moves {
		args := []string{"--from", m.from, "--to", m.to}
		if i == 1 {
			if out, err := migrate(t, p, args...); err == nil || !strings.Contains(out, "--overwrite") {
				t.Errorf("%s over the former data = %v: %s", m.name, err, out)
			}
			args = append(args, "--overwrite")
		}
		out, err := migrate(t, p, args...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", m.name, err, out)
		}
		t.Logf("%s:\n%s", m.name, out)
		if i == 1 {
			d.UseEtcd(nil)
		}
		d.Start()
		if now := d.View(); now.Digest != before.Digest || now.LastSequence != before.LastSequence {
			t.Errorf("%s: %d %s; want %d %s", m.name, now.LastSequence, now.Digest, before.LastSequence, before.Digest)
		}
		if seen := b.Open(application, "", ""); seen.User != "ann" || seen.Asked {
			t.Errorf("%s the session is gone: %+v", m.name, seen)
		}
		if n := len(d.Sessions("ann")); n != 1 {
			t.Errorf("%s: %d sessions; want 1", m.name, n)
		}
		d.Kill()
	}

	d.UseEtcd(c.Block("concord/NYDC"))
	d.Launch()
	if code := d.Exit(); code != 1 || !strings.Contains(d.Log(), "copied to another store") {
		t.Errorf("a start on the store that was left: exit code %d\n%s", code, d.Log())
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
