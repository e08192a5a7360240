package etcd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
	"github.com/concord-access/terraform-provider-concord/server/store/storetest"
)

// program builds etcd once for all tests.
var program = sync.OnceValues(func() (string, error) { return testkit.BuildEtcd(programDir) })

var programDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programDir, err = os.MkdirTemp("", "concord-etcd"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programDir)
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// cluster starts three members of the release that tools/etcd names.
func cluster(t *testing.T) *testkit.Etcd {
	t.Helper()
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewEtcd(t, p, 3, testkit.EtcdOptions{})
}

// TestConformance runs the suite that every store passes, on three members.
func TestConformance(t *testing.T) {
	c := cluster(t)
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return open(t, c, etcd.Config{Prefix: prefixOf(dir)}) })
}

// TestConformanceDebian is the same on one member of the release that Debian packages, which is older.
func TestConformanceDebian(t *testing.T) {
	p := testkit.Tool(t, "apt-get install etcd-server", "/usr/bin/etcd", "etcd")
	c := testkit.NewEtcd(t, p, 1, testkit.EtcdOptions{})
	storetest.Run(t, func(t *testing.T, dir string) store.Store { return open(t, c, etcd.Config{Prefix: prefixOf(dir)}) })
}

// prefixOf gives a directory of the suite its place in the cluster.
func prefixOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "test/" + hex.EncodeToString(sum[:12])
}

// open opens a store for one test, which closes it or leaves that to the end.
func open(t *testing.T, c *testkit.Etcd, cfg etcd.Config) *etcd.Store {
	t.Helper()
	s, err := etcd.Open(t.Context(), withDefaults(c, cfg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func withDefaults(c *testkit.Etcd, cfg etcd.Config) etcd.Config {
	if cfg.Endpoints == nil {
		cfg.Endpoints = c.Endpoints()
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "test/one"
	}
	if cfg.Space == "" {
		cfg.Space = "state"
	}
	if cfg.Owner == "" {
		cfg.Owner = "NYDC"
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = 10 * time.Second // a busy machine
	}
	return cfg
}
