package main

import (
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// programs are built at most once each.
type programs struct {
	where   string // the folder that they lie in
	normal  func() (string, error)
	fragile func() (string, error) // with failpoints
	step    func() (string, error) // the real step-ca
	etcd    func() (string, error) // the real etcd
}

func newPrograms(dir string) *programs {
	return &programs{
		where:   dir,
		normal:  sync.OnceValues(func() (string, error) { return testkit.Build(dir) }),
		fragile: sync.OnceValues(func() (string, error) { return testkit.BuildFragile(dir) }),
		step:    sync.OnceValues(func() (string, error) { return testkit.BuildStepCA(dir) }),
		etcd:    sync.OnceValues(func() (string, error) { return testkit.BuildEtcd(dir) }),
	}
}

// stage is what a fault plays on.
type stage struct {
	testing.TB
	programs *programs
	runs     int
	done     int      // runs that were made, where it is not what was asked for
	count    int      // what the fault counts
	figures  []string // what else is to be printed, a line each
	broken   atomic.Int64
}

func (s *stage) program() string { s.Helper(); return s.built(s.programs.normal) }
func (s *stage) fragile() string { s.Helper(); return s.built(s.programs.fragile) }

func (s *stage) stepCA() string { s.Helper(); return s.built(s.programs.step) }

func (s *stage) etcd() string { s.Helper(); return s.built(s.programs.etcd) }

func (s *stage) built(build func() (string, error)) string {
	s.Helper()
	program, err := build()
	if err != nil {
		s.Fatal(err)
	}
	return program
}

// broke counts a promise that was not kept.
func (s *stage) broke(format string, args ...any) {
	s.Helper()
	s.broken.Add(1)
	s.count = int(s.broken.Load())
	s.Errorf(format, args...)
}

// let lets time pass, in which things happen.
func (s *stage) let(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.Context().Done():
	}
}

// between is a random time.
func between(from, to time.Duration) time.Duration { return from + rand.N(to-from) }

// needs skips what cannot be done here, and fails in CI, which is set up for it.
func (s *stage) needs(ok bool, what string) {
	s.Helper()
	if ok {
		return
	}
	if os.Getenv("CI") == "true" {
		s.Fatalf("cannot run here: %s", what)
	}
	s.Skipf("cannot run here: %s", what)
}
