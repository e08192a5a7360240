package main

import (
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// twoMasters cuts a pair and promotes both sides by force, writes at each, and mends the link: one epoch wins everywhere, what
// the other acknowledged is in conflict files and nowhere else (FLT-17).
func twoMasters(s *stage) {
	ny, ld, link := linked(s)
	w := newStorm(s, ny, ld)
	for range s.runs {
		link.silence()
		var both sync.WaitGroup
		for _, d := range w.centers {
			both.Go(func() {
				if _, err := promote(d, wire.MastershipChange{Force: true, Wait: "1s"}); err != nil {
					s.Errorf("promote %s by force: %v", d.ClusterID, err)
				}
			})
		}
		both.Wait()
		before := [2]int{w.count("NYDC"), w.count("LDC")}
		stop := w.begin()
		ny.Within(2*testkit.Limit, "both sides acknowledge", func() bool { return w.count("NYDC") > before[0]+5 && w.count("LDC") > before[1]+5 })
		link.heal()
		s.let(time.Second)
		stop()
		settled(s, ny, ld)
		w.absorb()
	}
	s.Logf("%d of %d acknowledged changes are in conflict files", w.judge(settled(s, ny, ld)), len(w.acked))
}

// forced promotes the clone by force again and again under load, while the master cannot be reached. What was acknowledged is
// there or in a conflict file, and a promotion that cost something had said so (FLT-18, G-08).
func forced(s *stage) {
	ny, ld, link := linked(s)
	w := newStorm(s, ny, ld)
	stop := w.begin()
	for range s.runs {
		master := settled(s, ny, ld)
		clone := other(master, ny, ld)
		files := len(conflictFiles(master))
		link.silence()
		s.let(between(100*time.Millisecond, 500*time.Millisecond))
		if _, err := promote(clone, wire.MastershipChange{Wait: "1s"}); fault.CodeOf(err) != "master_unreachable" && fault.CodeOf(err) != "not_in_step" {
			s.broke("a promotion without the master: %v", err)
		}
		out, err := promote(clone, wire.MastershipChange{Force: true, Wait: "1s"})
		if err != nil {
			s.Fatalf("promote %s by force: %v", clone.ClusterID, err)
		}
		w.absorb()
		link.heal()
		settled(s, ny, ld)
		if len(conflictFiles(master)) > files && !out.MayBeLost && out.Lost == nil {
			s.broke("changes were lost and the promotion had not said so: %+v", out)
		}
	}
	stop()
	s.Logf("%d of %d acknowledged changes are in conflict files", w.judge(settled(s, ny, ld)), len(w.acked))
}

// planned hands mastership over and back under load: nothing that was acknowledged is lost, and nothing is in conflict (FLT-19).
func planned(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	ny, ld := &all[0].DataCenter, &all[1].DataCenter
	testkit.Link(ny, ld)
	w := newStorm(s, ny, ld)
	stop := w.begin()
	var slowest time.Duration
	for i := range s.runs {
		s.let(between(50*time.Millisecond, 300*time.Millisecond))
		began := time.Now()
		out, err := promote(w.centers[(i+1)%2], wire.MastershipChange{})
		if err != nil {
			s.Fatalf("promotion %d: %v", i+1, err)
		}
		slowest = max(slowest, time.Since(began))
		if !out.Changed || out.Forced || out.Lost != nil || out.MayBeLost {
			s.broke("promotion %d: %+v", i+1, out)
		}
		w.absorb()
	}
	stop()
	if n := w.judge(settled(s, ny, ld)); n > 0 {
		s.broke("%d acknowledged changes are in conflict files", n)
	}
	s.Logf("%d changes were acknowledged, the slowest promotion took %s", len(w.acked), slowest.Round(time.Millisecond))
}

// settled waits until one is the master, the other its clone in the same epoch, and both are equal; it gives the master.
// Writers may go on.
func settled(s *stage, all ...*testkit.DataCenter) (master *testkit.DataCenter) {
	s.Helper()
	all[0].Within(4*testkit.Limit, "one master and its clone", func() bool {
		a, b := all[0].View(), all[1].View()
		master = all[0]
		if b.Role == "master" {
			a, b, master = b, a, all[1]
		}
		return a.Role == "master" && b.Role == "clone" && a.Epoch == b.Epoch && a.EpochHolder == b.EpochHolder && a.EpochHolder == master.ClusterID &&
			follows(other(master, all...), master)
	})
	return master
}

func follows(clone, master *testkit.DataCenter) bool {
	var page wire.Page[wire.AgreementView]
	clone.Get("/v1/replication/agreements", &page)
	return len(page.Items) == 1 && page.Items[0].Source == master.ClusterID && page.Items[0].State == "ready"
}

func other(one *testkit.DataCenter, all ...*testkit.DataCenter) *testkit.DataCenter {
	if all[0] == one {
		return all[1]
	}
	return all[0]
}
