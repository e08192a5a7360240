package ca_test

import (
	"os"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
)

// stepProgram is the real step-ca, built at most once for the tests of this package.
type stepProgram struct {
	dir   string
	build func() (string, error)
}

var theStepCA = newStepProgram() // never changed after it is made

func newStepProgram() stepProgram {
	dir, err := os.MkdirTemp("", "concord-ca")
	if err != nil {
		panic(err) // no test could run
	}
	return stepProgram{dir, sync.OnceValues(func() (string, error) { return testkit.BuildStepCA(dir) })}
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(theStepCA.dir)
	os.Exit(code)
}

// stepCA runs a step-ca for the cluster of newBench.
func stepCA(t *testing.T, o catest.Options) *testkit.StepCA {
	t.Helper()
	program, err := theStepCA.build()
	if err != nil {
		t.Fatal(err)
	}
	o.ClusterID = "nydc"
	s := testkit.NewStepCA(t, program, o)
	s.Start()
	return s
}
