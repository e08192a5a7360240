package app_test

import (
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// shared is what the tests of this package share: the program, made at most once.
type shared struct {
	dir   string
	build func() (string, error)
	frail func() (string, error) // the same with failpoints
	step  func() (string, error) // the real step-ca
	etcd  func() (string, error) // the real etcd
}

var theProgram = newShared() // never changed after it is made

func newShared() shared {
	dir, err := os.MkdirTemp("", "concord")
	if err != nil {
		panic(err) // no test could run
	}
	return shared{dir, sync.OnceValues(func() (string, error) { return testkit.Build(dir) }), sync.OnceValues(func() (string, error) { return testkit.BuildFragile(dir) }), sync.OnceValues(func() (string, error) { return testkit.BuildStepCA(dir) }),
		sync.OnceValues(func() (string, error) { return testkit.BuildEtcd(dir) })}
}

// TestMain wants every node of every test to end whole (FLT-32), and removes the program.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(theProgram.dir)
		os.Exit(code)
	}))
}

// program is bin/concord as of now.
func program(t *testing.T) string {
	t.Helper()
	t.Parallel()
	p, err := theProgram.build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fragile is program for a test that lets it pose as another release.
func fragile(t *testing.T) string {
	t.Helper()
	t.Parallel()
	p, err := theProgram.frail()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// linked runs a master and its clones as programs of their own.
func linked(t *testing.T, ids ...string) []*testkit.Process {
	t.Helper()
	all := testkit.StartProcesses(t, program(t), ids...)
	testkit.Link(&all[0].DataCenter, centers(all[1:])...)
	return all
}

func centers(all []*testkit.Process) (out []*testkit.DataCenter) {
	for _, p := range all {
		out = append(out, &p.DataCenter)
	}
	return out
}
