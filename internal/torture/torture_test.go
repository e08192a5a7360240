package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// shared is what the tests of this package share: the programs, each made at most once.
var shared = newPrograms(mustTempDir()) // never changed after it is made

func mustTempDir() string {
	dir, err := os.MkdirTemp("", "torture-test")
	if err != nil {
		panic(err) // no test could run
	}
	return dir
}

// TestMain removes the programs, and is the holder of a lock when a test starts it as one.
func TestMain(m *testing.M) {
	if where := os.Getenv(holderVariable); where != "" {
		if err := beHolder(context.Background(), where, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "torture: holder:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	_ = os.RemoveAll(shared.where)
	os.Exit(code)
}

// quick does a trial a few times.
func quick(t *testing.T, id string) {
	t.Helper()
	t.Parallel()
	for _, f := range trials() {
		if f.id == id {
			s := &stage{TB: t, programs: shared, runs: f.quick}
			f.run(s)
			return
		}
	}
	t.Fatalf("there is no trial %s", id)
}

// TestKills proves FLT-01: kill -9 under 8 to 16 writers loses nothing that was acknowledged, halves no batch, leaves no hole.
func TestKills(t *testing.T) { quick(t, "FLT-01") }

// TestPowerLoss proves FLT-02: what was acknowledged is on the disk, not in the memory of the system.
func TestPowerLoss(t *testing.T) { quick(t, "FLT-02") }

// TestPowerLossIsSeen is the control of FLT-02: a build that syncs nothing is caught (one of the planted faults of FLT-37).
func TestPowerLossIsSeen(t *testing.T) { quick(t, "FLT-02-control") }

// TestFailpoints proves FLT-03 at a few of its points, other ones each time.
func TestFailpoints(t *testing.T) { quick(t, "FLT-03") }

// TestEndsWhileItIssues proves FLT-03 and SEC-49 where a certificate is made: none is valid that nobody was given.
func TestEndsWhileItIssues(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"ca.intended", "ca.signed"} {
		atIssue(&stage{TB: t, programs: shared}, point)
	}
}

// TestFullDisk proves FLT-04 with a whole server.
func TestFullDisk(t *testing.T) { quick(t, "FLT-04") }

// TestDamage proves FLT-07 in some of its cells, other ones each time: no kind of harm to any kind of file is silent.
func TestDamage(t *testing.T) { quick(t, "FLT-07") }

// TestDamageToAClone proves FLT-07 at a clone.
func TestDamageToAClone(t *testing.T) { quick(t, "FLT-07-clone") }

// TestOldBackup proves FLT-08.
func TestOldBackup(t *testing.T) { quick(t, "FLT-08") }

// TestPartitions proves FLT-10.
func TestPartitions(t *testing.T) { quick(t, "FLT-10") }

// TestFlapping proves FLT-13, and FLT-14 with real connections that break off anywhere.
func TestFlapping(t *testing.T) { quick(t, "FLT-13") }

// TestFarBehind proves FLT-15.
func TestFarBehind(t *testing.T) { quick(t, "FLT-15") }

// TestBootstraps proves FLT-16.
func TestBootstraps(t *testing.T) { quick(t, "FLT-16") }

// TestTwoMasters proves FLT-17 (SEC-50).
func TestTwoMasters(t *testing.T) { quick(t, "FLT-17") }

// TestForced proves FLT-18 (G-08).
func TestForced(t *testing.T) { quick(t, "FLT-18") }

// TestPlanned proves FLT-19, TAM-07 and TAM-13.
func TestPlanned(t *testing.T) { quick(t, "FLT-19") }

// TestPausedHolder proves FLT-20 with a holder that really stood still.
func TestPausedHolder(t *testing.T) { quick(t, "FLT-20") }

// TestRotations proves FLT-21 with programs of their own.
func TestRotations(t *testing.T) { quick(t, "FLT-21-roots") }

// TestRotationsSurvive proves FLT-03 and FLT-21: a server that ends in a step of a rotation goes on with it.
func TestRotationsSurvive(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"rotate.kept", "rotate.switched"} {
		atRotation(&stage{TB: t, programs: shared, runs: 1}, point)
	}
}

// TestLinearizable proves FLT-24 (G-06).
func TestLinearizable(t *testing.T) { quick(t, "FLT-24") }

// TestNodesUnderKills proves FLT-24, FLT-25, FLT-19, FLT-30, TAM-01 and CAMS-04 with three nodes on three members of etcd: a node, a member and the node that
// works for all are killed under load, and one is restarted in order.
func TestNodesUnderKills(t *testing.T) {
	t.Parallel()
	nodesKilledOnce(&stage{TB: t, programs: shared, runs: 1})
}

// TestVersions proves FLT-27 and MSS-12 with programs of neighbouring versions.
//
// In part or whole also MSS-L1.
func TestVersions(t *testing.T) { quick(t, "FLT-27") }

// TestHerd proves FLT-28 with one clone: a hundred agents come back to a master that was killed.
func TestHerd(t *testing.T) { quick(t, "FLT-28") }

// TestOverload proves FLT-29 for a few seconds: who is asked five times what it can do says so, and goes on.
func TestOverload(t *testing.T) { quick(t, "FLT-29") }

// TestSlowClients proves SEC-64: who says nothing, or says it slowly, is hung up on after ten seconds, and keeps nobody else out.
func TestSlowClients(t *testing.T) { quick(t, "SEC-64") }

// TestOutOfDescriptors proves FLT-06: who opens more connections than there are descriptors ends nothing.
func TestOutOfDescriptors(t *testing.T) { quick(t, "FLT-06") }

// TestModel is the negative control of FLT-24: what the checker must refuse, and what it must not.
func TestModel(t *testing.T) {
	t.Parallel()
	op := func(call, end int64, in input, out output) porcupine.Operation {
		in.object = "o"
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: end}
	}
	create := op(1, 2, input{op: "create", value: "a"}, output{done: true})
	swap := op(3, 4, input{op: "swap", old: "a", value: "b"}, output{done: true})
	lost := op(3, 1000, input{op: "swap", old: "a", value: "b"}, output{unknown: true})
	for _, c := range []struct {
		name string
		all  []porcupine.Operation
		want bool
	}{
		{"what was written is read", []porcupine.Operation{create, swap, op(5, 6, input{op: "read"}, output{value: "b"})}, true},
		{"a stale read", []porcupine.Operation{create, swap, op(5, 6, input{op: "read"}, output{value: "a"})}, false},
		{"a read beside the write", []porcupine.Operation{create, op(3, 6, input{op: "swap", old: "a", value: "b"}, output{done: true}), op(4, 5, input{op: "read"}, output{value: "a"})}, true},
		{"a lost write", []porcupine.Operation{create, op(5, 6, input{op: "read"}, output{})}, false},
		{"two winners", []porcupine.Operation{create, swap, op(5, 6, input{op: "swap", old: "a", value: "c"}, output{done: true})}, false},
		{"an unknown write that happened", []porcupine.Operation{create, lost, op(5, 6, input{op: "read"}, output{value: "b"})}, true},
		{"an unknown write that did not", []porcupine.Operation{create, lost, op(5, 6, input{op: "read"}, output{value: "a"})}, true},
		{"an unknown write that came and went", []porcupine.Operation{create, lost, op(5, 6, input{op: "read"}, output{value: "b"}), op(7, 8, input{op: "read"}, output{value: "a"})}, false},
		{"a delete that had nothing to delete", []porcupine.Operation{op(1, 2, input{op: "delete", old: "a"}, output{done: true})}, false},
		{"created twice", []porcupine.Operation{create, op(3, 4, input{op: "create", value: "b"}, output{done: true})}, false},
	} {
		if got := porcupine.CheckOperations(model(), c.all); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestLines: a line for a trial, and no success over a promise that was broken, a failure, or an unknown name.
func TestLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		run  func(*stage)
		want string
		ok   bool
	}{
		{func(*stage) {}, "torture FLT-99 runs 3 acked-lost 0 ok\n", true},
		{func(s *stage) { s.broke("lost"); s.broke("lost again") }, "torture FLT-99 runs 3 acked-lost 2 broken\n", false},
		{func(s *stage) { s.Fatal("no port") }, "torture FLT-99 runs 3 acked-lost 0 broken\n", false},
	} {
		var out bytes.Buffer
		ok := perform(t.Context(), &out, shared, trial{"FLT-99", "acked-lost", 1, 3, c.run}, 0)
		if out.String() != c.want || ok != c.ok {
			t.Errorf("%q %v, want %q %v", out.String(), ok, c.want, c.ok)
		}
	}
	for _, c := range []struct{ wanted, runs, what string }{{"FLT-00", "", "FLT-00"}, {"", "many", "RUNS"}, {"", "0", "RUNS"}} {
		if ok, err := run(&bytes.Buffer{}, c.wanted, c.runs); ok || err == nil || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%q %q: %v, %v", c.wanted, c.runs, ok, err)
		}
	}
}

// TestCookieKeys proves FLT-23 and G-22: rotations of the cookie keys under load refuse nobody.
func TestCookieKeys(t *testing.T) { quick(t, "FLT-23") }

// TestAlteredCookies proves SEC-06, SEC-07, SEC-08 and G-17 through the listeners: no altered cookie, code, request or cursor is
// taken for good.
func TestAlteredCookies(t *testing.T) { quick(t, "SEC-06") }
