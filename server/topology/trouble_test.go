package topology_test

import (
	"context"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// Proves that an interrupted creation is completed by the same call made again, wherever it was interrupted.
func TestCreateResumes(t *testing.T) {
	for name, broken := range map[string]func(w *world) map[string]bool{
		"the answer is lost":  func(w *world) map[string]bool { return w.mute },
		"the request is lost": func(w *world) map[string]bool { return w.lost },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ny, ld := w.site("NYDC"), w.site("LDC")
			w.linked(ny, ld)
			must(t, ny.group("staff"))
			w.set(broken(w), "NYDC>LDC", true)
			_, err := ny.create(agreement("x", "NYDC", "LDC"))
			wantCode(t, err, "partner_unreachable")
			w.set(broken(w), "NYDC>LDC", false)
			first := ny.halves()[0].Identifier
			ny.close() // the mark outlives a restart
			ny.open()
			v, err := ny.create(agreement("x", "NYDC", "LDC"))
			must(t, err)
			if v.Identifier != first {
				t.Errorf("identifier %s became %s", first, v.Identifier)
			}
			ld.reaches(ny)
			if _, err := ny.create(agreement("x", "NYDC", "LDC")); fault.CodeOf(err) != "agreement_exists" {
				t.Errorf("a complete agreement was gone on with: %v", err)
			}
		})
	}
}

// Proves OAM-53: without its clone a master's half goes only by force, and the clone
// finds out. An agreement cannot be changed behind the clone's back.
func TestCloneCannotBeReached(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	v, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	ld.reaches(ny)
	w.set(w.cut, "NYDC>LDC", true)
	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	wantCode(t, err, "clone_unreachable")
	if !ny.halves()[0].Enabled {
		t.Error("the master's half was changed alone")
	}
	must(t, ny.remove(v.Identifier, true))
	if len(ny.halves()) != 0 || len(ld.halves()) != 1 {
		t.Errorf("left: %+v, %+v", ny.halves(), ld.halves())
	}
	eventually(t, "the clone finds out", func() bool {
		st, err := ld.follower.Status(t.Context())
		return err == nil && !st[0].Healthy && strings.Contains(st[0].LastError, "no replication agreement")
	})
	w.set(w.cut, "NYDC>LDC", false)
	again, err := ny.create(agreement("x", "NYDC", "LDC")) // takes the place of the orphan
	must(t, err)
	if halves := ld.halves(); len(halves) != 1 || halves[0].Identifier != again.Identifier {
		t.Errorf("the clone has %+v", halves)
	}
	must(t, ld.remove(again.Identifier, true))
	must(t, ld.role(mdc.RoleStandalone))
}

// Proves that a creation that cannot finish in time says so, stays, and can be completed.
func TestCreateIsBounded(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	w.set(w.cut, "LDC>NYDC", true) // the clone cannot fetch its copy
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := ny.agreements.Create(ctx, topology.Actor{Name: "test"}, agreement("x", "NYDC", "LDC"))
		done <- err
	}()
	eventually(t, "the clone's half", func() bool { return len(ld.halves()) == 1 })
	_, err := ny.create(agreement("x", "NYDC", "LDC"))
	wantCode(t, err, "contended")
	if state, _ := ld.agreements.State(t.Context()); state != mdc.StateBootstrapping {
		t.Errorf("state %s", state)
	}
	cancel()
	wantCode(t, <-done, "bootstrap_pending")
	w.set(w.cut, "LDC>NYDC", false)
	v, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	if v.State != mdc.AgreementReady {
		t.Errorf("view %+v", v)
	}
}
