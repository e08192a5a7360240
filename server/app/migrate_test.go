package app_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// migrate runs concord store migrate.
func migrate(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(program, append([]string{"store", "migrate"}, args...)...).CombinedOutput() //nolint:gosec // a program that the test built
	return string(out), err
}

// cutOff runs it until it has told of its progress, and ends it with kill -9.
func cutOff(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"store", "migrate"}, args...)...) //nolint:gosec // a program that the test built
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	seen := lines.Scan() && strings.Contains(lines.Text(), "records copied")
	_ = cmd.Process.Kill() // it may have ended by itself
	_ = cmd.Wait()
	if !seen {
		t.Fatalf("it ended with %q before it had copied much", lines.Text())
	}
}

// many is how many records a cut-off copy leaves work in.
const many = 25_000

// fill puts records with all kinds of times to live into the sessions of a stopped node.
func fill(t *testing.T, dir string) {
	t.Helper()
	inSessions(t, dir, func(s *badger.Store) error {
		now := time.Now().Unix()
		for i := 0; i < many; i += 2500 {
			var all []store.Record
			for k := i; k < i+2500; k++ {
				r := store.Record{Key: fmt.Appendf(nil, "zz/%06d", k), Value: bytes.Repeat([]byte{byte(k)}, 100)}
				if k%5 > 0 {
					r.Expires = now + 3600 + int64(k)*7
				}
				all = append(all, r)
			}
			if err := s.Load(t.Context(), all); err != nil {
				return err
			}
		}
		return nil
	})
}

// filled gives what fill put there: key to value and end.
func filled(t *testing.T, dir string) (out map[string]string) {
	t.Helper()
	out = map[string]string{}
	inSessions(t, dir, func(s *badger.Store) error {
		return s.Dump(t.Context(), func(r store.Record) error {
			if strings.HasPrefix(string(r.Key), "zz/") {
				out[string(r.Key)] = fmt.Sprintf("%x %d", r.Value, r.Expires)
			}
			return nil
		})
	})
	return out
}

func inSessions(t *testing.T, dir string, do func(*badger.Store) error) {
	t.Helper()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(dir, "sessions")})
	if err == nil {
		err = errors.Join(do(s), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestMigrateStore moves a data center with a signed-in person from Badger to etcd and back, each time once in vain with a kill -9 in
// the middle: nothing starts on half a copy, the same command again copies all, nobody has to sign in again, the configuration is the
// same to its digest, every record has the life that it had, and the source stays. What is running, holds data or was moved is refused
// (FLT-03, FLT-07).
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
	at := filepath.Join(t.TempDir(), "%s.hcl")
	onBadger, onEtcd := fmt.Sprintf(at, "badger"), fmt.Sprintf(at, "etcd")
	copyFile(t, d.ConfigFile, onBadger)
	if out, err := migrate(t, p, "--from", onBadger, "--to", onBadger); err == nil || !strings.Contains(out, "same store") {
		t.Errorf("onto itself = %v: %s", err, out)
	}
	before := d.View()
	d.Stop()
	d.Kill()
	fill(t, d.DataDir)
	want := filled(t, d.DataDir)
	etcd := c.Block("concord/NYDC")
	d.UseEtcd(etcd)
	copyFile(t, d.ConfigFile, onEtcd)

	for _, m := range []struct {
		name, from, to string
		on             *config.Etcd
		full           bool // the target holds data
	}{{"to etcd", "badger:" + d.DataDir, onEtcd, etcd, false}, {"back to badger", onEtcd, onBadger, nil, true}} {
		args := []string{"--from", m.from, "--to", m.to}
		if m.full {
			if out, err := migrate(t, p, args...); err == nil || !strings.Contains(out, "--overwrite") {
				t.Errorf("%s over the former data = %v: %s", m.name, err, out)
			}
			args = append(args, "--overwrite")
		}
		cutOff(t, p, args...)
		d.UseEtcd(m.on)
		refusedToStart(t, d, "A copy into this store was not finished")
		out, err := migrate(t, p, args...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", m.name, err, out)
		}
		t.Logf("%s:\n%s", m.name, out)
		if m.on == nil {
			if diff := cmp.Diff(want, filled(t, d.DataDir)); diff != "" || len(want) != many {
				t.Errorf("%d records, there and back (-want +got):\n%s", len(want), diff)
			}
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
		d.Stop()
		d.Kill()
	}

	d.UseEtcd(etcd)
	refusedToStart(t, d, "copied to another store")
}

func refusedToStart(t *testing.T, d *testkit.Process, says string) {
	t.Helper()
	d.Launch()
	if code := d.Exit(); code != 1 || !strings.Contains(d.Log(), says) {
		t.Errorf("exit code %d; want 1 and %q:\n%s", code, says, d.Log())
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
