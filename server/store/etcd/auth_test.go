package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// raw gives a client of etcd itself.
func raw(t *testing.T, c *testkit.Etcd, user, password string) *clientv3.Client {
	t.Helper()
	r, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), DialTimeout: 10 * time.Second, Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// withUsers turns etcd's authentication on, with a root and a user concord that may read and write under one prefix, and gives
// root's client.
func withUsers(t *testing.T, c *testkit.Etcd, prefix string) *clientv3.Client {
	t.Helper()
	r := raw(t, c, "", "")
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { _, err := r.UserAdd(ctx, "root", "of-root"); return err },
		func() error { _, err := r.RoleAdd(ctx, "root"); return err },
		func() error { _, err := r.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := r.RoleAdd(ctx, "concord"); return err },
		func() error {
			_, err := r.RoleGrantPermission(ctx, "concord", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := r.UserAdd(ctx, "concord", "of-concord"); return err },
		func() error { _, err := r.UserGrantRole(ctx, "concord", "concord"); return err },
		func() error { _, err := r.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return raw(t, c, "root", "of-root")
}

// TestUser: with etcd's authentication on, a user whose role covers the prefix and nothing else can do all that a store does, also
// beyond the end of its tokens; no user, a wrong password and another prefix are refused at the start, and a permission that is taken
// away later is named (TAM-01).
func TestUser(t *testing.T) {
	c := single(t, testkit.EtcdOptions{Flags: []string{"--auth-token=simple", "--auth-token-ttl=1"}})
	root := withUsers(t, c, "concord/NYDC/")
	cfg := etcd.Config{Prefix: "concord/NYDC", Username: "concord", Password: "of-concord"}
	s := open(t, c, cfg)
	other := open(t, c, cfg)

	for name, tc := range map[string]struct {
		prefix, user, password, says string
	}{
		"no user":        {"concord/NYDC", "", "", "Set username and password_file"},
		"wrong password": {"concord/NYDC", "concord", "guessed", "refuses the user name or the password"},
		"unknown user":   {"concord/NYDC", "nobody", "guessed", "refuses the user name or the password"},
		"another prefix": {"concord/LDC", "concord", "of-concord", "role with readwrite on the prefix"},
		"beyond it":      {"concord/NYDC2", "concord", "of-concord", "role with readwrite on the prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, withDefaults(c, etcd.Config{Prefix: tc.prefix, Username: tc.user, Password: tc.password}), tc.says)
		})
	}

	seen := make(chan string, 64)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	from := anchor(t, other)
	watched := make(chan error, 1)
	go func() {
		watched <- other.Watch(ctx, []byte("k"), from, func(events []store.Event) error { seen <- string(events[0].Key); return nil })
	}()
	for i := range 4 { // more than twice the life of a token, with pauses in which nobody uses it
		key := fmt.Sprint("k", i)
		err := s.Update(ctx, func(w store.Writer) error {
			if err := w.Put([]byte("short"), nil, time.Hour); err != nil {
				return err
			}
			return w.Put([]byte(key), []byte("1"), 0)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, other, key); got != "1" || err != nil {
			t.Fatalf("%s at the other node = %q, %v", key, got, err)
		}
		select {
		case got := <-seen:
			if got != key {
				t.Fatalf("the watch saw %s; want %s", got, key)
			}
		case <-ctx.Done():
			t.Fatalf("the watch does not see %s", key)
		}
		if i < 3 {
			waitFor(ctx, 1300*time.Millisecond) // the time is what is tested: etcd ends tokens by its own clock
		}
	}
	if n := count(t, s, ""); n != 5 {
		t.Errorf("%d keys; want 5", n)
	}
	cancel()
	if err := <-watched; err != nil {
		t.Errorf("watch = %v", err)
	}

	if _, err := root.UserRevokeRole(t.Context(), "concord", "concord"); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), putting("k", "2"))
	if fault.CodeOf(err) != etcd.CodeRefused || !strings.Contains(err.Error(), "readwrite on the prefix") {
		t.Errorf("update without the role = %v; want %s", err, etcd.CodeRefused)
	}
	if !errors.Is(s.Health(), err) {
		t.Errorf("health = %v; want the same", s.Health())
	}
	if _, err := root.UserGrantRole(t.Context(), "concord", "concord"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), putting("k", "3")); err != nil || s.Health() != nil {
		t.Errorf("update with the role again = %v, health %v", err, s.Health())
	}
}
