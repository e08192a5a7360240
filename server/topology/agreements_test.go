package topology_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// A partner that has our roots since a moment may not believe us yet, or another node of it: it is asked again. One that has not is believed (OAM-41).
func TestAgreementRightAfterAPairing(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	refusals := 0
	meet := func(settling bool, refuse int) error {
		w.mu.Lock()
		refusals, w.settling = refuse, settling
		w.known = func() error { // called by one creation at a time
			if refusals > 0 {
				refusals--
				return fault.New(fault.Forbidden, "untrusted_certificate", "nobody knows you")
			}
			return nil
		}
		w.mu.Unlock()
		_, err := ny.create(agreement("ny-to-ld", "NYDC", "LDC"))
		return err
	}
	wantCode(t, meet(false, 1), "partner_missing")
	must(t, meet(true, 2))
	ld.reaches(ny)
}

// Proves OAM-46, OAM-47, OAM-48, OAM-50 to OAM-53, OAM-55, OAM-L7 and TAM-06: the life of an agreement, on both sides.
func TestAgreementLife(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	must(t, ny.group("staff"))
	v, err := ny.create(agreement("ny-to-ld", "nydc", "ldc"))
	must(t, err)
	if !strings.HasPrefix(v.Identifier, "NYDC-LDC-") || v.Side != mdc.SideMaster || v.State != mdc.AgreementReady || v.StartingSequence == 0 || v.LagEntries != 0 {
		t.Errorf("created %+v", v)
	}
	ld.reaches(ny) // OAM-55: the first copy is part of the creation
	state, err := ld.agreements.State(t.Context())
	if err != nil || state != mdc.StateReplicationReady {
		t.Errorf("state of LDC %q, %v", state, err)
	}
	half := ld.halves()[0]
	if half.Identifier != v.Identifier || half.Side != mdc.SideClone || half.State != mdc.AgreementReady || half.LastSequence != ny.position().Sequence {
		t.Errorf("the clone's half %+v", half)
	}
	must(t, ny.group("guests"))
	ld.reaches(ny)

	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.PollInterval = mdc.Duration(time.Minute) })
	must(t, err)
	if got := ld.halves()[0].PollInterval.D(); got != time.Minute {
		t.Errorf("the clone's interval is %s", got)
	}
	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Name = "other" })
	wantCode(t, err, "invalid_input")
	refusal := errors.New("etag")
	if _, err := ny.agreements.Update(t.Context(), topology.Actor{}, v.Identifier, func(*mdc.Agreement) error { return refusal }); err != refusal {
		t.Errorf("the caller's refusal became %v", err)
	}

	wantCode(t, ny.remove(v.Identifier, false), "agreement_enabled") // OAM-53
	wantCode(t, ld.remove(v.Identifier, false), "agreement_enabled")
	v, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	if v.State != mdc.AgreementDisabled || ld.halves()[0].State != mdc.AgreementDisabled {
		t.Errorf("disabled: master %s, clone %s", v.State, ld.halves()[0].State)
	}
	_, err = ld.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = true })
	must(t, err)
	wantCode(t, ny.remove(v.Identifier, false), "agreement_enabled") // still so on the clone
	_, err = ld.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	must(t, ny.remove(v.Identifier, false))
	if len(ny.halves())+len(ld.halves()) != 0 {
		t.Errorf("left: %+v, %+v", ny.halves(), ld.halves())
	}
	wantCode(t, ny.remove(v.Identifier, false), "not_found")
	_, err = ny.audit.Verify(t.Context(), ny.store)
	must(t, err)

	// What was copied and never changed since is nobody's own: the pair can be joined again.
	again, err := ny.create(agreement("again", "NYDC", "LDC"))
	must(t, err)
	if again.Identifier == v.Identifier {
		t.Error("the identifier came twice")
	}
	ld.reaches(ny)
}

// The key to which objects for a clone are sealed stays as long as any agreement with that clone does.
func TestKeyStaysWhileItIsNeeded(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	v, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	other := v.Agreement
	other.Identifier, other.Target, other.Enabled = "NYDC-LDC-other", "ldc", false
	must(t, ny.log.Update(t.Context(), func(tx *journal.Tx) error { return tx.Put(mdc.AgreementKind(), &other, "test") }))
	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	must(t, ny.remove(v.Identifier, false))
	if !ny.hasKey("LDC") {
		t.Error("the key is gone, and an agreement needs it")
	}
	must(t, ny.remove(other.Identifier, false))
	if ny.hasKey("LDC") {
		t.Error("the key stayed, and nothing needs it")
	}
}

func (s *site) hasKey(clusterID string) (found bool) {
	s.w.t.Helper()
	must(s.w.t, s.log.View(context.Background(), func(v *journal.Snapshot) (err error) {
		_, found, err = v.Body(mdc.DataCenterKeyKind(), clusterID)
		return err
	}))
	return found
}

// Proves OAM-02 and OAM-39: two clones of one master.
//
// In part or whole also OAM-40.
func TestTwoClones(t *testing.T) {
	w := newWorld(t)
	ny, ld, to := w.site("NYDC"), w.site("LDC"), w.site("TDC")
	w.linked(ny, ld, to)
	must(t, ny.group("staff"))
	for _, target := range []string{"LDC", "TDC"} {
		_, err := ny.create(agreement("to-"+target, "NYDC", target))
		must(t, err)
	}
	must(t, ny.group("guests"))
	ld.reaches(ny)
	to.reaches(ny)
	if len(ny.halves()) != 2 {
		t.Errorf("the master has %d halves", len(ny.halves()))
	}
}

// Every refusal names what is wrong and leaves nothing behind. Proves X6, OAM-02 (one master), OAM-05, OAM-40, OAM-50 (one
// agreement for each pair).
func TestCreateRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, w *world, ny, ld *site)
		at      string
		a       mdc.Agreement
		code    string
		says    string
	}{
		"asked at the clone":         {a: agreement("x", "NYDC", "LDC"), at: "LDC", code: "wrong_data_center", says: "NYDC"},
		"no master here":             {prepare: func(t *testing.T, _ *world, ny, _ *site) { must(t, ny.role(mdc.RoleStandalone)) }, code: "not_master"},
		"target is the source":       {a: agreement("x", "NYDC", "nydc"), code: "invalid_input"},
		"no such name":               {a: agreement("", "NYDC", "LDC"), code: "invalid_input"},
		"target not registered here": {a: agreement("x", "NYDC", "TDC"), code: "partner_missing", says: "TDC is not registered as a partner on NYDC"},
		"source not registered there": {prepare: func(t *testing.T, _ *world, _, ld *site) {
			must(t, ld.service.Delete(t.Context(), actor(), mdc.PartnerKind(), "NYDC", anyState()))
		}, code: "partner_missing", says: "register the partner NYDC"},
		"target not reachable": {prepare: func(_ *testing.T, w *world, _, _ *site) { w.set(w.cut, "NYDC>LDC", true) }, code: "partner_unreachable"},
		"target is a master": {prepare: func(t *testing.T, _ *world, _, ld *site) {
			must(t, ld.role(mdc.RoleStandalone))
			must(t, ld.role(mdc.RoleMaster))
		}, code: "second_master"},
		"target is no clone": {prepare: func(t *testing.T, _ *world, _, ld *site) { must(t, ld.role(mdc.RoleStandalone)) },
			code: "not_a_clone", says: `declare role = "clone" on LDC first`},
		"another agent id":       {prepare: func(t *testing.T, _ *world, _, ld *site) { must(t, ld.profile("somebody", true)) }, code: "wrong_agent_id"},
		"management not allowed": {prepare: func(t *testing.T, _ *world, _, ld *site) { must(t, ld.profile("agent-LDC", false)) }, code: "management_not_allowed"},
		"another data center answers": {prepare: func(_ *testing.T, w *world, _, _ *site) {
			w.disguise(func(h *topology.Hello) { h.ClusterID = "TDC" })
		}, code: "wrong_cluster"},
		"clone has objects": {prepare: func(t *testing.T, _ *world, _, ld *site) {
			must(t, ld.role(mdc.RoleStandalone))
			must(t, ld.group("own"))
			must(t, ld.group("own2"))
			must(t, ld.role(mdc.RoleClone))
		}, code: "clone_not_empty", says: "2 configuration objects"},
		"clone has objects, found out late": {prepare: func(t *testing.T, w *world, _, ld *site) {
			must(t, ld.role(mdc.RoleStandalone))
			must(t, ld.group("own"))
			must(t, ld.role(mdc.RoleClone))
			w.disguise(func(h *topology.Hello) { h.Objects = 0 })
		}, code: "clone_not_empty", says: "holds 1 configuration object of its own"},
		"clone forbids, found out late": {prepare: func(t *testing.T, w *world, _, ld *site) {
			must(t, ld.profile("agent-LDC", false))
			w.disguise(func(h *topology.Hello) { h.AllowManagement = true })
		}, code: "management_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ny, ld := w.site("NYDC"), w.site("LDC")
			w.linked(ny, ld)
			if c.prepare != nil {
				c.prepare(t, w, ny, ld)
			}
			a, at := c.a, ny
			if a.Name == "" && a.Source == "" {
				a = agreement("x", "NYDC", "LDC")
			}
			if c.at == "LDC" {
				at = ld
			}
			if _, err := at.agreements.Rehearse(t.Context(), a); !strings.HasSuffix(name, "found out late") {
				wantCode(t, err, c.code)
			}
			_, err := at.create(a)
			wantCode(t, err, c.code)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if n := len(ny.halves()) + len(ld.halves()); n != 0 {
				t.Errorf("%d halves were left", n)
			}
		})
	}
}

// TestOneRehearsalAtATime: who may only plan does not make a node knock at a partner many times at once (SEC-64).
func TestOneRehearsalAtATime(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	a, within := agreement("x", "NYDC", "LDC"), 0
	w.disguise(func(*topology.Hello) {
		if within++; within > 1 {
			return
		}
		_, err := ny.agreements.Rehearse(t.Context(), a)
		wantCode(t, err, "contended")
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.RetryAfter <= 0 {
			t.Errorf("it does not say when to come again: %v", err)
		}
	})
	if _, err := ny.agreements.Rehearse(t.Context(), a); err != nil {
		t.Error(err)
	}
	if _, err := ny.agreements.Rehearse(t.Context(), agreement("x", "NYDC", "LDC")); err != nil {
		t.Errorf("one after the other: %v", err)
	}
	if within != 2 {
		t.Errorf("the partner was asked %d times", within)
	}
}

// Proves that a pair has one agreement, and a clone one master.
func TestCreateTwice(t *testing.T) {
	w := newWorld(t)
	ny, ld, to := w.site("NYDC"), w.site("LDC"), w.site("TDC")
	w.linked(ny, ld)
	_, err := ny.create(agreement("one", "NYDC", "LDC"))
	must(t, err)
	for _, name := range []string{"one", "two"} {
		_, err = ny.create(agreement(name, "NYDC", "LDC"))
		wantCode(t, err, "agreement_exists")
	}
	must(t, to.profile("agent-TDC", true))
	must(t, to.partner("LDC"))
	must(t, to.role(mdc.RoleMaster))
	must(t, ld.partner("TDC"))
	_, err = to.create(agreement("three", "TDC", "LDC"))
	wantCode(t, err, "already_following")
	if len(to.halves()) != 0 {
		t.Error("half of a refused agreement was left")
	}
}

// Proves that overwrite accepts the loss of the clone's own objects, and nothing else does.
func TestOverwrite(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	must(t, ld.group("own"))
	w.linked(ny, ld)
	a := agreement("x", "NYDC", "LDC")
	_, err := ny.create(a)
	wantCode(t, err, "clone_not_empty")
	a.Overwrite = true
	_, err = ny.create(a)
	must(t, err)
	ld.reaches(ny)
	_, err = ld.service.Get(t.Context(), configuration.System("test"), mdc.GroupKind(), "own")
	wantCode(t, err, "not_found")
}

// Proves OAM-04 and SEC-45: a clone refuses writes of replicated kinds and says where to go, takes
// local ones, and keeps its state over a restart.
func TestCloneRefusesWrites(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	_, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	ld.close()
	ld.open()
	eventually(t, "the master's hello", func() bool { return ld.partners.State("nydc").Reachable })
	err = ld.group("local")
	wantCode(t, err, "not_master")
	var f *fault.Error
	if !errors.As(err, &f) || f.Hint != "https://admin.NYDC" {
		t.Errorf("hint %q", f.Hint)
	}
	must(t, ld.put(&mdc.Partner{ClusterID: "NYDC", AgentID: "agent-NYDC", Primary: []string{"p:1"}, SecurityMode: mdc.ModeCert, RESTEndpoint: "https://declared"}, mdc.PartnerKind()))
	if got := ld.partners.MasterAddress(); got != "https://declared" {
		t.Errorf("address %q", got)
	}
	wantCode(t, ld.service.Delete(t.Context(), actor(), mdc.PartnerKind(), "NYDC", anyState()), "in_use")
	must(t, ny.group("staff"))
	ld.reaches(ny)
	if got := ld.halves()[0].State; got != mdc.AgreementReady {
		t.Errorf("state %s", got)
	}
}

// Proves that a former clone that becomes a master begins an epoch of its own, and that it may not lose what only it has
// to another master.
func TestFormerClone(t *testing.T) {
	w := newWorld(t)
	ny, ld, to := w.site("NYDC"), w.site("LDC"), w.site("TDC")
	w.linked(ny, ld, to)
	must(t, ny.group("staff"))
	v, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	_, err = ny.change(v.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	must(t, ny.remove(v.Identifier, false))
	if n, err := ld.agreements.OwnObjects(t.Context(), "NYDC"); n != 0 || err != nil {
		t.Errorf("%d objects are lost to NYDC, %v", n, err)
	}
	if n, err := ld.agreements.OwnObjects(t.Context(), "TDC"); n != 1 || err != nil {
		t.Errorf("%d objects are lost to TDC, %v", n, err)
	}
	must(t, ld.role(mdc.RoleStandalone))
	must(t, ld.role(mdc.RoleMaster))
	_, err = ld.create(agreement("y", "LDC", "TDC"))
	must(t, err)
	if got := ld.position().Epoch; got != (mdc.Epoch{Number: 2, ClusterID: "LDC"}) {
		t.Errorf("epoch %s", got)
	}
	must(t, ld.group("more"))
	to.reaches(ld)
	var same map[string]string
	for _, s := range []*site{ld, to} {
		items := map[string]string{}
		must(t, s.log.View(t.Context(), func(v *journal.Snapshot) error {
			return v.Items(func(i journal.Item) error { items[i.Kind+"/"+i.Name] = string(i.Body); return nil })
		}))
		if same == nil {
			same = items
		} else if diff := cmp.Diff(same, items); diff != "" {
			t.Error(diff)
		}
	}
}

// Proves what a clone refuses on the peer listener, whatever a caller claims.
func TestInstallRefusals(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	v, err := ny.create(agreement("x", "NYDC", "LDC"))
	must(t, err)
	good := v.Agreement
	for name, c := range map[string]struct {
		caller string
		change func(*mdc.Agreement)
		code   string
	}{
		"in another's name":   {"TDC", func(*mdc.Agreement) {}, "not_source"},
		"for somebody else":   {"NYDC", func(a *mdc.Agreement) { a.Target = "TDC" }, "invalid_input"},
		"unusable identifier": {"NYDC", func(a *mdc.Agreement) { a.Identifier = "../x" }, "invalid_input"},
		"unknown caller":      {"TDC", func(a *mdc.Agreement) { a.Source = "TDC" }, "partner_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			a := good
			c.change(&a)
			_, err := ld.agreements.Install(t.Context(), c.caller, a)
			wantCode(t, err, c.code)
		})
	}
	other := good
	other.Source = "TDC"
	_, err = ld.agreements.Change(t.Context(), "TDC", other)
	wantCode(t, err, "not_found")
	wantCode(t, ld.agreements.Remove(t.Context(), "TDC", good.Identifier), "not_found")
	wantCode(t, ld.agreements.Remove(t.Context(), "NYDC", good.Identifier), "agreement_enabled")
	if _, err := ld.agreements.Install(t.Context(), "NYDC", good); err != nil {
		t.Errorf("installing again what is there: %v", err)
	}
}
