package topology_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// TestHandoverBreaks: wherever the link breaks in a handover, one data center at most takes changes, and it ends with one.
func TestHandoverBreaks(t *testing.T) {
	t.Parallel()
	t.Run("the order to step down is lost", func(t *testing.T) {
		t.Parallel()
		w, s := topologyOf(t, 2)
		ny, ld := s[0], s[1]
		w.set(w.lost, "yield", true)
		_, err := ld.promote(topology.Change{})
		if err == nil {
			t.Fatal("promoted without the master's consent")
		}
		must(t, ny.group("goes-on"))
		w.set(w.lost, "yield", false)
		_, err = ld.promote(topology.Change{})
		must(t, err)
		settled(t, ld, ny)
	})
	t.Run("the answer is lost", func(t *testing.T) {
		t.Parallel()
		w, s := topologyOf(t, 2)
		ny, ld := s[0], s[1]
		w.before(topology.StepYield, func() { w.set(w.mute, "LDC>NYDC", true) })
		_, err := ld.promote(topology.Change{})
		wantCode(t, err, "handover_unknown")
		wantCode(t, ny.group("late"), "not_master")
		wantCode(t, ld.group("early"), "not_master")
		w.set(w.mute, "LDC>NYDC", false)
		settled(t, ld, ny) // by itself
	})
	t.Run("a change slips in", func(t *testing.T) {
		t.Parallel()
		w, s := topologyOf(t, 2)
		ny, ld := s[0], s[1]
		w.before(topology.StepYield, func() {
			_, _ = link{w, "LDC"}.Handover(t.Context(), "NYDC", topology.Handover{Agreement: ld.halves()[0].Identifier, Step: topology.StepThaw})
			must(t, ny.group("slipped"))
		})
		_, err := ld.promote(topology.Change{})
		wantCode(t, err, "moved_on")
		must(t, ny.group("goes-on"))
		w.before(topology.StepYield, nil)
		_, err = ld.promote(topology.Change{})
		must(t, err)
		settled(t, ld, ny)
		if !ld.has("slipped") || !ld.has("goes-on") {
			t.Error("an acknowledged change is lost")
		}
	})
}

// TestFreezeEnds: a candidate that freezes and never comes back holds changes for a bounded time only.
func TestFreezeEnds(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	_, err := link{w, "LDC"}.Handover(t.Context(), "NYDC", topology.Handover{Agreement: ld.halves()[0].Identifier, Step: topology.StepFreeze})
	must(t, err)
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err = ny.log.Update(short, func(tx *journal.Tx) error { return tx.Put(mdc.GroupKind(), &mdc.Group{Name: "held"}, "test") })
	wantCode(t, err, "writes_held")
	must(t, ny.group("after")) // waits until it thaws by itself
	if ny.is() != mdc.RoleMaster {
		t.Error("it is no master any more")
	}
}

// TestDemote (TAM-08): the master hands over to the clone that has most; without one it refuses, and by force it steps down alone.
func TestDemote(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	out, err := ny.demote(topology.Change{})
	must(t, err)
	if out.Master != "LDC" || out.Role != mdc.RoleClone || out.Lost != nil {
		t.Errorf("outcome %+v", out)
	}
	settled(t, ld, ny)
	if out, err := ny.demote(topology.Change{}); err != nil || out.Changed {
		t.Errorf("demoting a clone: %+v, %v", out, err)
	}
	w.part(ny, true)
	_, err = ld.demote(topology.Change{Wait: time.Millisecond})
	wantCode(t, err, "no_successor")
	must(t, ld.group("goes-on"))
	out, err = ld.demote(topology.Change{Force: true, Wait: time.Millisecond})
	must(t, err)
	if !out.Forced || out.Master != "" || out.Lost == nil {
		t.Errorf("outcome %+v", out)
	}
	wantCode(t, ld.group("late"), "not_master")
	w.part(ny, false)
	_, err = ny.promote(topology.Change{})
	wantCode(t, err, "not_in_step")
	_, err = ny.promote(topology.Change{Force: true})
	must(t, err)
	settled(t, ny, ld)
	if got := strings.Join(ld.kept(), " "); got != "goes-on" {
		t.Errorf("the conflict file has %q", got)
	}
}

// TestPingPong: ten handovers in a row under writers. Every change that was acknowledged is there, none was taken by two
// masters, and each data center has the same digest (FLT-19, G-13, TAM-13).
func TestPingPong(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex // guards acknowledged
	acknowledged := map[string]int{}
	var writers sync.WaitGroup
	for i, site := range s {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("w%d-%d", i, n)
				if site.group(name) == nil {
					mu.Lock()
					acknowledged[name]++
					mu.Unlock()
				}
			}
		})
	}
	for i := range 10 {
		next := s[(i+1)%3]
		eventually(t, next.id+" follows", func() bool { // the third one first has to find its new master
			out, err := next.promote(topology.Change{})
			return err == nil && out.Changed
		})
	}
	cancel()
	writers.Wait()
	settled(t, s[1], s[0], s[2])
	if len(acknowledged) < 10 {
		t.Errorf("only %d changes were acknowledged", len(acknowledged))
	}
	for name := range acknowledged {
		if !s[0].has(name) {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
	for _, site := range s {
		if k := site.kept(); len(k) > 0 {
			t.Errorf("%s keeps %v as a conflict", site.id, k)
		}
	}
}
