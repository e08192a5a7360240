package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// population is how many groups a clone copies at first: some megabytes, so that a kill can strike in the middle.
const population = 4000

// bootstraps makes three data centers clones at once and kills one of the four while they copy. What is there when it is back
// is nothing or a whole copy, and the same call made again completes it (FLT-16).
func bootstraps(s *stage) {
	for range s.runs {
		all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC", "PARIS", "TOKYO")
		populate(s, &all[0].DataCenter)
		dcs := acquainted(all)
		var agreeing sync.WaitGroup
		for _, clone := range dcs[1:] {
			agreeing.Go(func() { _, _ = dcs[0].TryAgree(clone) })
		}
		victim := all[rand.IntN(len(all))]
		s.let(between(20*time.Millisecond, 600*time.Millisecond))
		victim.Kill()
		agreeing.Wait()
		victim.Start()
		for _, clone := range dcs[1:] {
			wholeOrNothing(s, clone)
			complete(s, dcs[0], clone)
		}
		testkit.InStep(dcs...)
		for _, p := range all {
			p.Kill()
		}
	}
}

// acquainted registers everybody with everybody, and makes the first a master and the others clones to be.
func acquainted(all []*testkit.Process) (dcs []*testkit.DataCenter) {
	for i, p := range all {
		role := "clone"
		if i == 0 {
			role = "master"
		}
		p.Put("/v1/data-center", wire.DataCenter{ClusterID: p.ClusterID, Role: role})
		p.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
		for _, other := range all {
			if other != p {
				p.Trusts(&other.DataCenter)
			}
		}
		dcs = append(dcs, &p.DataCenter)
	}
	return dcs
}

func populate(s *stage, d *testkit.DataCenter) {
	s.Helper()
	const many = 1000
	for from := 0; from < population; from += many {
		var b wire.Batch
		for i := from; i < from+many; i++ {
			name := fmt.Sprintf("g%05d", i)
			b.Operations = append(b.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: "group", Name: name,
				Body: fmt.Appendf(nil, `{"name":%q,"description":%q}`, name, strings.Repeat("x", 500))})
		}
		if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/batch", In: b}); err != nil {
			s.Fatalf("populate: %v", err)
		}
	}
}

// wholeOrNothing wants all groups or none. Clones that copied nothing yet are not asked.
func wholeOrNothing(s *stage, clone *testkit.DataCenter) {
	s.Helper()
	n := 0
	for name := range groupNames(s, clone) {
		if strings.HasPrefix(name, "g") {
			n++
		}
	}
	if n != 0 && n != population {
		s.broke("%s shows %d of %d groups: half a copy", clone.ClusterID, n, population)
	}
}

// complete makes the same call again until the agreement is there; that it exists already is as good.
func complete(s *stage, master, clone *testkit.DataCenter) {
	s.Helper()
	var last error
	master.Within(3*testkit.Limit, "the agreement with "+clone.ClusterID+" is completed", func() bool {
		if _, last = master.TryAgree(clone); last == nil || strings.Contains(last.Error(), "There is an agreement between") {
			return follows(clone, master)
		}
		s.let(100 * time.Millisecond)
		return false
	})
}

// farBehind has a clone come back after its master's journal no longer reaches back to where it was: it takes exactly one whole
// copy, under load, says that it is stale until then, and follows again (FLT-15).
func farBehind(s *stage) {
	const kept = 100
	all := testkit.StartProcesses(s, s.fragile(), "NYDC", "LDC")
	master, clone := all[0], all[1]
	master.Env = []string{failpoint.InsteadVariable + "=retention=" + fmt.Sprint(kept)}
	testkit.Link(&master.DataCenter, &clone.DataCenter)
	l := newLedger(s)
	for range s.runs {
		copies := strings.Count(clone.Log(), takesCopy)
		clone.Kill()
		stop := l.write(&master.DataCenter, 8, true)
		until := l.total.Load() + kept
		master.Within(testkit.Limit, "changes are acknowledged", func() bool { return l.total.Load() >= until })
		stop()
		had := l.seen
		l.check(&master.DataCenter)
		master.Signal(syscall.SIGTERM)
		master.Exit()
		master.Start() // a start prunes
		var hello wire.ReplicationHello
		master.Within(testkit.Limit, "the journal is pruned", func() bool {
			master.Get("/v1/replication/hello", &hello)
			return hello.JournalAfter > had
		})
		stop = l.write(&master.DataCenter, 4, true)
		clone.Start()
		clone.Follows(&master.DataCenter)
		stop()
		testkit.InStep(&master.DataCenter, &clone.DataCenter)
		l.check(&master.DataCenter)
		l.objects(&clone.DataCenter)
		if n := strings.Count(clone.Log(), takesCopy) - copies; n != 1 {
			s.broke("the clone took %d copies, not one", n)
		}
	}
}
