package topology_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// topologyOf makes NYDC the master of LDC and, with three, of PDC.
func topologyOf(t *testing.T, n int) (w *world, sites []*site) {
	t.Helper()
	w = newWorld(t)
	for _, id := range []string{"NYDC", "LDC", "PDC"}[:n] {
		sites = append(sites, w.site(id))
	}
	w.linked(sites[0], sites[1:]...)
	for _, c := range sites[1:] {
		_, err := sites[0].create(agreement("ny-"+strings.ToLower(c.id), "NYDC", c.id))
		must(t, err)
	}
	must(t, sites[0].group("first"))
	for _, c := range sites[1:] {
		c.reaches(sites[0])
	}
	return w, sites
}

// part cuts a site off from every other one, in both directions; on = false joins it again.
func (w *world) part(s *site, on bool) {
	for _, id := range []string{"NYDC", "LDC", "PDC"} {
		w.set(w.cut, s.id+">"+id, on)
		w.set(w.cut, id+">"+s.id, on)
	}
}

func (s *site) promote(c topology.Change) (topology.Outcome, error) {
	return s.mastership.Promote(context.Background(), topology.Actor{Name: "test"}, c)
}

func (s *site) demote(c topology.Change) (topology.Outcome, error) {
	return s.mastership.Demote(context.Background(), topology.Actor{Name: "test"}, c)
}

func (s *site) is() string {
	s.w.t.Helper()
	res, err := s.service.Get(context.Background(), configuration.System("test"), mdc.DataCenterKind(), mdc.SingletonName)
	must(s.w.t, err)
	return res.Object.(*mdc.DataCenter).Role
}

func (s *site) has(group string) bool {
	s.w.t.Helper()
	_, err := s.service.Get(context.Background(), configuration.System("test"), mdc.GroupKind(), group)
	if err != nil && !fault.Is(err, fault.NotFound) {
		must(s.w.t, err)
	}
	return err == nil
}

// kept gives the names of the objects in the conflict files here, in order.
func (s *site) kept() (names []string) {
	s.w.t.Helper()
	files, err := journal.Conflicts(s.conflicts())
	must(s.w.t, err)
	for _, f := range files {
		_, records, _, err := journal.ReadConflict(s.conflicts(), f.ID, 0, 1000)
		must(s.w.t, err)
		for _, r := range records {
			names = append(names, r.Name)
		}
	}
	return names
}

// settled waits until master is the only one and the others are its clones, in step with it.
func settled(t *testing.T, master *site, clones ...*site) {
	t.Helper()
	for _, c := range clones {
		eventually(t, c.id+" is a clone of "+master.id+" and in step", func() bool {
			if c.is() != mdc.RoleClone || master.is() != mdc.RoleMaster || c.position() != master.position() {
				return false
			}
			halves := c.halves()
			return len(halves) == 1 && halves[0].Side == mdc.SideClone && halves[0].Source == master.id && halves[0].State == mdc.AgreementReady
		})
	}
	eventually(t, master.id+" serves every clone", func() bool {
		served := 0
		for _, h := range master.halves() {
			if h.Side == mdc.SideMaster && h.State == mdc.AgreementReady {
				served++
			}
		}
		return served == len(clones) && len(master.halves()) == len(clones)
	})
}

// TestPromotePlanned: nothing is lost, the roles are swapped, the agreement keeps its identifier, and the third data center
// follows by itself, without a copy (OAM-L1, TAM-07).
//
// In part or whole also MSS-L1, TAM-L1.
func TestPromotePlanned(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	before, ids := ny.position(), map[string]bool{}
	for _, h := range ny.halves() {
		ids[h.Identifier] = true
	}
	out, err := ld.promote(topology.Change{})
	must(t, err)
	if !out.Changed || out.Forced || out.Lost != nil || out.MayBeLost || out.Base != before || out.Former != "NYDC" || out.Epoch != (mdc.Epoch{Number: 2, ClusterID: "LDC"}) {
		t.Fatalf("outcome %+v, want epoch 2/LDC from %+v", out, before)
	}
	wantCode(t, ny.group("late"), "not_master")
	must(t, ld.group("second"))
	settled(t, ld, ny, pd)
	for _, h := range ld.halves() {
		if !ids[h.Identifier] {
			t.Errorf("the agreement %s is a new one", h.Identifier)
		}
	}
	for _, site := range s {
		if k := site.kept(); len(k) > 0 {
			t.Errorf("%s keeps %v as a conflict", site.id, k)
		}
		if !site.has("first") || !site.has("second") || site.has("late") {
			t.Errorf("%s has not exactly what was acknowledged", site.id)
		}
	}
	again, err := ld.promote(topology.Change{})
	if err != nil || again.Changed {
		t.Errorf("promoting the master again: %+v, %v", again, err)
	}
}

// TestPromoteUnreachable: without its master a clone refuses and says what would be lost; forced it takes over, and the old
// master that returns is fenced before it acknowledges, keeps its tail in a file and becomes a clone (SEC-50, FLT-17, FLT-18).
func TestPromoteUnreachable(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	w.part(ny, true)
	for i := range 3 {
		must(t, ny.group(fmt.Sprintf("tail%d", i)))
	}
	_, err := ld.promote(topology.Change{})
	wantCode(t, err, "master_unreachable")
	if ld.is() != mdc.RoleClone || ld.position().Epoch.Number != 1 {
		t.Fatal("a refused promotion changed something")
	}
	out, err := ld.promote(topology.Change{Force: true})
	must(t, err)
	if !out.Forced || !out.MayBeLost || out.Reached || out.Lost != nil {
		t.Errorf("outcome %+v", out)
	}
	must(t, ld.group("after"))
	must(t, ny.group("tail3")) // a full partition: the old master cannot know (docs/guides/failover.md)
	pd.reaches(ld)
	w.part(ny, false)
	settled(t, ld, ny, pd)
	wantCode(t, ny.group("late"), "not_master")
	if got := strings.Join(ny.kept(), " "); got != "tail0 tail1 tail2 tail3" {
		t.Errorf("the conflict file has %q", got)
	}
	for _, site := range s {
		if !site.has("after") || site.has("tail0") {
			t.Errorf("%s has not the winner's state", site.id)
		}
	}
	files, err := os.ReadDir(ny.conflicts())
	must(t, err)
	for _, f := range files {
		info, err := os.Stat(filepath.Join(ny.conflicts(), f.Name()))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", f.Name(), info.Mode())
		}
	}
}

// TestPromoteLagging: a master that can be asked lets the loss be named exactly, and steps down for a forced promotion at
// once, with its tail kept (FLT-18, G-08).
func TestPromoteLagging(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	half := ld.halves()[0]
	_, err := ny.change(half.Identifier, func(a *mdc.Agreement) { a.Enabled = false })
	must(t, err)
	for i := range 3 {
		must(t, ny.group(fmt.Sprintf("g%d", i)))
	}
	own, end := ld.position().Sequence, ny.position().Sequence
	_, err = ld.promote(topology.Change{Wait: time.Millisecond})
	wantCode(t, err, "not_in_step")
	if want := fmt.Sprintf("Sequences %d to %d of NYDC", own+1, end); !strings.Contains(err.Error(), want) {
		t.Errorf("the refusal %q does not say %q", err, want)
	}
	must(t, ny.group("still")) // nothing is held
	_, err = ny.change(half.Identifier, func(a *mdc.Agreement) { a.Enabled = true })
	must(t, err)
	ld.reaches(ny)
	// Now it lags while the agreement is enabled: its journal questions are lost, but not those of the handover.
	w.set(w.mute, "journal LDC", true)
	must(t, ny.group("lost"))
	own, end = ld.position().Sequence, ny.position().Sequence
	out, err := ld.promote(topology.Change{Force: true, Wait: time.Millisecond})
	must(t, err)
	if out.Lost == nil || *out.Lost != (topology.Range{First: own + 1, Last: end}) || out.MayBeLost || !out.Reached {
		t.Errorf("outcome %+v, want %d to %d lost and no more", out, own+1, end)
	}
	wantCode(t, ny.group("late"), "not_master")
	w.set(w.mute, "journal LDC", false)
	settled(t, ld, ny)
	if got := strings.Join(ny.kept(), " "); got != "lost" {
		t.Errorf("the conflict file has %q", got)
	}
}

// TestBothForced: every side promoted itself in a partition and took changes; one epoch wins everywhere, by number and then by
// cluster id, and each loser's changes are kept (FLT-17, G-08).
func TestBothForced(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	for _, site := range s {
		w.part(site, true)
	}
	for _, site := range []*site{ld, pd} {
		_, err := site.promote(topology.Change{Force: true})
		must(t, err)
	}
	for _, site := range s {
		must(t, site.group("of-"+strings.ToLower(site.id)))
	}
	for _, site := range s {
		w.part(site, false)
	}
	settled(t, pd, ny, ld) // 2/PDC is later than 2/LDC
	for _, site := range []*site{ny, ld} {
		if got := strings.Join(site.kept(), " "); got != "of-"+strings.ToLower(site.id) {
			t.Errorf("%s keeps %q", site.id, got)
		}
		if !site.has("of-pdc") || site.has("of-nydc") || site.has("of-ldc") {
			t.Errorf("%s has not the winner's state", site.id)
		}
	}
	// The master that asserts itself by force begins an epoch later than every one it heard of.
	out, err := pd.promote(topology.Change{Force: true})
	must(t, err)
	if out.Epoch != (mdc.Epoch{Number: 3, ClusterID: "PDC"}) {
		t.Errorf("epoch %s", out.Epoch)
	}
	settled(t, pd, ny, ld)
}

// TestStaysWithTheLatest: who has proved an epoch goes back to no earlier one, also while it cannot copy the later one (FLT-17).
func TestStaysWithTheLatest(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	for _, site := range s {
		w.part(site, true)
	}
	for _, site := range []*site{ld, pd} {
		_, err := site.promote(topology.Change{Force: true})
		must(t, err)
	}
	w.set(w.mute, "journal NYDC", true)
	later, err := pd.mastership.Standing(t.Context(), "NYDC")
	must(t, err)
	must(t, ny.mastership.Present(t.Context(), later))
	earlier, err := ld.mastership.Standing(t.Context(), "NYDC")
	must(t, err)
	must(t, ny.mastership.Present(t.Context(), earlier))
	if h := ny.halves()[0]; ny.is() != mdc.RoleClone || h.Source != "PDC" || ny.position().Epoch.Number != 1 {
		t.Errorf("it follows %s as a %s in epoch %s", h.Source, ny.is(), ny.position().Epoch)
	}
	w.set(w.mute, "journal NYDC", false)
	for _, site := range s {
		w.part(site, false)
	}
	settled(t, pd, ny, ld)
}

// TestReturnedMaster: a master that was down while another was promoted asks before it acknowledges its first change (SEC-50).
//
// In part or whole also TAM-L1.
func TestReturnedMaster(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	ny.close()
	_, err := ld.promote(topology.Change{Force: true})
	must(t, err)
	ny.open()
	if err := ny.group("late"); fault.CodeOf(err) != "fenced" && fault.CodeOf(err) != "not_master" {
		t.Fatalf("the first change of the returned master: %v", err)
	}
	settled(t, ld, ny)
	if ny.has("late") || len(ny.kept()) > 0 {
		t.Error("the refused change is there")
	}
}

// TestFileFirst: the overtaken master takes no change while its tail cannot be kept, and changes nothing before it is (SEC-50).
func TestFileFirst(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	must(t, os.WriteFile(ny.conflicts(), nil, 0o600)) // a file where the directory should be
	w.part(ny, true)
	_, err := ld.promote(topology.Change{Force: true})
	must(t, err)
	must(t, ny.group("tail"))
	w.part(ny, false)
	eventually(t, "the old master is fenced", func() bool { return ny.mastership.State() == topology.MastershipFenced })
	wantCode(t, ny.group("late"), "fenced")
	if ny.is() != mdc.RoleMaster || !ny.has("tail") {
		t.Error("it gave up what is kept nowhere else")
	}
	must(t, os.Remove(ny.conflicts()))
	settled(t, ld, ny)
	if got := strings.Join(ny.kept(), " "); got != "tail" {
		t.Errorf("the conflict file has %q", got)
	}
}

// TestNoPartnerOfTheNewMaster: a clone that does not know the new master as a partner cannot follow it; it goes on serving what
// it has and its agreement stays as it is, for an administrator to see.
func TestNoPartnerOfTheNewMaster(t *testing.T) {
	t.Parallel()
	w, s := topologyOf(t, 3)
	ny, ld, pd := s[0], s[1], s[2]
	must(t, pd.service.Delete(t.Context(), configuration.Actor{Name: "test", Rights: mdc.EveryRight()}, mdc.PartnerKind(), "LDC", configuration.Precondition{}))
	_, err := ld.promote(topology.Change{})
	must(t, err)
	must(t, ld.group("second"))
	ny.reaches(ld)
	eventually(t, "PDC says that nobody feeds it", func() bool { return pd.halves()[0].State == mdc.AgreementStale })
	if h := pd.halves()[0]; h.Source != "NYDC" || pd.is() != mdc.RoleClone || !pd.has("first") {
		t.Errorf("%+v", h)
	}
	must(t, pd.partner("LDC"))
	settled(t, ld, ny, pd)
	_ = w
}

// TestStartAlone: a master whose clones do not answer goes on after a bounded time, and says that it is not sure.
func TestStartAlone(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	if got := ny.mastership.State(); got != topology.MastershipProved {
		t.Errorf("with its clone it is %q", got)
	}
	ld.stopSite()
	ny.close()
	ny.open()
	if got := ny.mastership.State(); got != topology.MastershipChecking {
		t.Errorf("at its start it is %q", got)
	}
	must(t, ny.group("alone"))
	if got := ny.mastership.State(); got != topology.MastershipUnproved {
		t.Errorf("alone it is %q", got)
	}
}

// overtook is a master whose clone was promoted by force while they were cut off from one another.
type overtook struct {
	w      *world
	clock  *clock.Manual
	ny, ld *site
}

func overtaken(t *testing.T) overtook {
	t.Helper()
	w := newWorld(t)
	c := clock.NewManual(time.Now())
	ny := &site{w: w, id: "NYDC", dir: t.TempDir(), returned: make(chan string, 100), clock: c}
	ny.open()
	t.Cleanup(func() { ny.close() })
	ld := w.site("LDC")
	w.linked(ny, ld)
	_, err := ny.create(agreement("ny-ld", "NYDC", "LDC"))
	must(t, err)
	w.set(w.cut, "LDC>NYDC", true) // what LDC says reaches nobody
	w.set(w.cut, "NYDC>LDC", true)
	_, err = ld.promote(topology.Change{Force: true})
	must(t, err)
	return overtook{w, c, ny, ld}
}

// reaches lets the former master ask, and hear no hello: only its own question can tell it.
func (o overtook) reaches() {
	o.w.deaf(o.ny, true)
	o.w.set(o.w.cut, "NYDC>LDC", false)
}

// TestPausedMaster: a master that stood still for more than five seconds asks again before it acknowledges (FLT-31).
func TestPausedMaster(t *testing.T) {
	t.Parallel()
	o := overtaken(t)
	w, c, ny, ld := o.w, o.clock, o.ny, o.ld
	must(t, ny.group("before"))
	o.reaches()
	c.Advance(6 * time.Second)
	if err := ny.group("paused"); fault.CodeOf(err) != "fenced" && fault.CodeOf(err) != "not_master" {
		t.Fatalf("a change after the pause: %v", err)
	}
	w.set(w.cut, "LDC>NYDC", false)
	settled(t, ld, ny)
	if got := strings.Join(ny.kept(), " "); got != "before" {
		t.Errorf("the conflict file has %q", got)
	}
}

// TestPausedInAChange: who was overtaken while a change was being committed tells where that change is (FLT-31).
func TestPausedInAChange(t *testing.T) {
	t.Parallel()
	o := overtaken(t)
	w, c, ny, ld := o.w, o.clock, o.ny, o.ld
	o.reaches()
	err := ny.log.Update(t.Context(), func(tx *journal.Tx) error {
		if err := tx.Put(mdc.GroupKind(), &mdc.Group{Name: "late"}, "test"); err != nil {
			return err
		}
		c.Advance(6 * time.Second)
		return nil
	})
	if fault.CodeOf(err) != "fenced" || !strings.Contains(err.Error(), "concord replication conflicts") {
		t.Fatalf("a change that was committed during the pause: %v", err)
	}
	w.set(w.cut, "LDC>NYDC", false)
	settled(t, ld, ny)
	if got := strings.Join(ny.kept(), " "); got != "late" {
		t.Errorf("the conflict file has %q", got)
	}
}

// TestPresent: what a presented epoch must prove. None of these fences the master.
func TestPresent(t *testing.T) {
	t.Parallel()
	_, s := topologyOf(t, 2)
	ny, ld := s[0], s[1]
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	base := ny.position()
	signed := func(number uint64, base mdc.Position, with ed25519.PrivateKey) mdc.Promotion {
		p := mdc.Promotion{Epoch: mdc.Epoch{Number: number, ClusterID: "LDC"}, Base: base, Time: time.Now()}
		text, err := p.Signed()
		must(t, err)
		p.Signature = ed25519.Sign(with, text)
		return p
	}
	later := base
	later.Epoch = mdc.Epoch{Number: 2, ClusterID: "LDC"}
	foreign := base
	foreign.Epoch = mdc.Epoch{Number: 1, ClusterID: "XDC"}
	for name, c := range map[string]struct {
		from  string
		epoch uint64
		chain []mdc.Promotion
		key   ed25519.PublicKey
		code  string
	}{
		"a stranger":            {"XDC", 2, nil, nil, "not_a_member"},
		"no promotion":          {"LDC", 2, nil, nil, "foreign_epoch"},
		"another topology":      {"LDC", 2, []mdc.Promotion{signed(2, foreign, key)}, nil, "foreign_epoch"},
		"a key nobody knows":    {"LDC", 2, []mdc.Promotion{signed(2, base, key)}, nil, "bad_signature"},
		"above ours + 1, a gap": {"LDC", 3, []mdc.Promotion{signed(3, later, key)}, key.Public().(ed25519.PublicKey), "foreign_epoch"},
		"not up to its epoch":   {"LDC", 3, []mdc.Promotion{signed(2, base, key)}, key.Public().(ed25519.PublicKey), "broken_chain"},
	} {
		at := base
		at.Epoch = mdc.Epoch{Number: c.epoch, ClusterID: "LDC"}
		err := ny.mastership.Present(t.Context(), topology.Standing{ClusterID: c.from, Role: mdc.RoleMaster, Position: at, Promotions: c.chain, MastershipKey: c.key})
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	must(t, ny.group("still-the-master"))
	_, err := ld.promote(topology.Change{})
	must(t, err)
}
